package main

import (
	"context"
	"fmt"
	"os"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A scoreCmd shows a score.
type scoreCmd struct {
	aCustomer

	AsOf string `help:"The instant it refers to. Now if not given." placeholder:"TIME"`
	Read string `help:"As it was known then. As known now if not given." placeholder:"TIME"`
}

// Run implements the command.
func (c *scoreCmd) Run(ctx context.Context) error {
	asOf, err := moment("--as-of", c.AsOf)
	if err != nil {
		return err
	}
	read, err := moment("--read", c.Read)
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		s, err := journeyv1.NewScoringServiceClient(conn).GetScore(ctx, &journeyv1.GetScoreRequest{
			Name: c.customer() + "/score", AsOfTime: asOf, ReadTime: read,
		})
		if err != nil {
			return err
		}
		return c.say(s, func() { printScore(s) })
	})
}

func printScore(s *journeyv1.Score) {
	fmt.Println("experience  " + interval(s.GetEstimate()))
	fmt.Println("service     " + interval(s.GetServiceEstimate()))
	fmt.Printf("baseline    %.2f\n", s.GetBaseline())
	for _, stage := range s.GetStages() {
		mark := ""
		if stage.GetStage() == s.GetWeakestStage() {
			mark = "  the weakest"
		}
		fmt.Println("  " + pad(tidy(stage.GetStage().String(), "STAGE_"), 13) + " " + interval(stage.GetMean()) + mark)
	}
}

// interval is an estimate with its interval and n.
func interval(e *typev1.Estimate) string {
	if e == nil || e.Value == nil {
		return "–"
	}
	text := padLeft(format(e.GetValue(), e.GetUnit()), 7)
	if e.Lower != nil && e.Upper != nil {
		text += " " + pad("["+format(e.GetLower(), e.GetUnit())+", "+format(e.GetUpper(), e.GetUnit())+"]", 18)
	}
	text += " n " + count(e.GetN())
	if e.GetQuality() == typev1.Quality_QUALITY_SMALL_SAMPLE {
		text += " small"
	}
	return text
}

// An explainCmd explains a score.
type explainCmd struct {
	aCustomer

	AsOf  string `help:"The instant it refers to. Now if not given." placeholder:"TIME"`
	Limit int    `default:"20" help:"At most this many touchpoints."`
}

// Run implements the command.
func (c *explainCmd) Run(ctx context.Context) error {
	asOf, err := moment("--as-of", c.AsOf)
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewScoringServiceClient(conn).ExplainScore(ctx, &journeyv1.ExplainScoreRequest{
			Name: c.customer() + "/score", AsOfTime: asOf,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { c.print(res) })
	})
}

func (c *explainCmd) print(res *journeyv1.ExplainScoreResponse) {
	fmt.Printf("%7.2f  the baseline\n", res.GetScore().GetBaseline())
	rest := res.GetOtherPoints()
	for i, p := range res.GetContributions() {
		if i >= c.Limit {
			rest += p.GetPoints()
			continue
		}
		circle := " "
		if p.GetIsService() {
			circle = "•"
		}
		fmt.Printf("%+7.2f %s %s %s %s\n", p.GetPoints(), circle, pad(tidy(p.GetStage().String(), "STAGE_"), 13),
			pad(short(p.GetDefinition()), 24), short(p.GetTouchpoint()))
	}
	if rest != 0 {
		fmt.Printf("%+7.2f  all others\n", rest)
	}
	fmt.Printf("%7.2f  the score\n", res.GetScore().GetEstimate().GetValue())
}

// A differenceCmd compares two instants.
type differenceCmd struct {
	aCustomer

	From  string `required:"" help:"The earlier instant." placeholder:"TIME"`
	To    string `help:"The later instant. Now if not given." placeholder:"TIME"`
	Limit int    `default:"20" help:"At most this many touchpoints."`
}

// Run implements the command.
func (c *differenceCmd) Run(ctx context.Context) error {
	from, err := moment("--from", c.From)
	if err != nil {
		return err
	}
	to, err := moment("--to", c.To)
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewScoringServiceClient(conn).CompareScores(ctx, &journeyv1.CompareScoresRequest{
			Name: c.customer() + "/score", FromTime: from, ToTime: to,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			fmt.Printf("%7.2f  then\n", res.GetFrom().GetEstimate().GetValue())
			for i, d := range res.GetDifferences() {
				if i >= c.Limit {
					fmt.Println("         … and more")
					break
				}
				how := "faded"
				if d.GetIsNew() {
					how = "new"
				}
				fmt.Printf("%+7.2f  %s %s %s\n", d.GetPoints(), pad(how, 5), pad(short(d.GetDefinition()), 24), short(d.GetTouchpoint()))
			}
			fmt.Printf("%7.2f  now\n", res.GetTo().GetEstimate().GetValue())
		})
	})
}

// A scoresCmd lists scores.
type scoresCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'weakest_stage = RETENTION'." placeholder:"FILTER"`
	Order  string `default:"value" help:"Order, such as 'change'." placeholder:"FIELDS"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *scoresCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := journeyv1.NewScoringServiceClient(conn).ListScores(ctx, &journeyv1.ListScoresRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, OrderBy: c.Order, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, s := range page.GetScores() {
				fmt.Println(scoreLine(s))
			}
			more(page.GetNextPageToken())
		})
	})
}

// scoreLine is a stored score on one line.
func scoreLine(s *journeyv1.StoredScore) string {
	change := ""
	if s.Change != nil {
		change = fmt.Sprintf("%+.2f in 30 days", s.GetChange())
	}
	return strings.TrimRight(fmt.Sprintf("%s %s   weakest %s %s", pad(short(strings.TrimSuffix(s.GetName(), "/score")), 26),
		interval(s.GetEstimate()), pad(tidy(s.GetWeakestStage().String(), "STAGE_"), 13), change), " ")
}

// A modelCmd shows scoring models, or creates one.
type modelCmd struct {
	desk

	Model string `arg:"" optional:"" help:"Show only this one, or call the new one so."`
	File  string `help:"Create one from this file, in YAML or JSON with the fields of the contract; - reads standard input." placeholder:"FILE"`
}

// Run implements the command.
func (c *modelCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		client := journeyv1.NewScoringServiceClient(conn)
		switch {
		case c.File != "":
			m := &journeyv1.ScoringModel{}
			if err := readMessage(c.File, m); err != nil {
				return err
			}
			made, err := client.CreateScoringModel(ctx, &journeyv1.CreateScoringModelRequest{
				Parent: "brands/" + c.Brand, ScoringModel: m, ScoringModelId: c.Model, RequestId: uuid.NewString(),
			})
			if err != nil {
				return err
			}
			return c.say(made, func() { fmt.Println(modelLine(made)) })
		case c.Model != "":
			m, err := client.GetScoringModel(ctx, &journeyv1.GetScoringModelRequest{Name: c.name("scoringModels", c.Model)})
			if err != nil {
				return err
			}
			return printJSON(os.Stdout, m)
		}
		page, err := client.ListScoringModels(ctx, &journeyv1.ListScoringModelsRequest{Parent: "brands/" + c.Brand, PageSize: 200})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, m := range page.GetScoringModels() {
				fmt.Println(modelLine(m))
			}
			more(page.GetNextPageToken())
		})
	})
}

func modelLine(m *journeyv1.ScoringModel) string {
	return strings.TrimRight(fmt.Sprintf("%s %s revision %d  %s", pad(short(m.GetName()), 20), pad(shown(m.GetState().String(), "STATE_"), 10),
		m.GetRevision(), m.GetDisplayName()), " ")
}

// aModel are the arguments of a verb about one scoring model.
type aModel struct {
	desk

	Model string `arg:"" help:"The scoring model's id."`
}

func (m aModel) model() string { return m.name("scoringModels", m.Model) }

// A backtestCmd back-tests a model and waits for the end.
type backtestCmd struct {
	aModel

	Cut string `help:"The instant that splits what the scores see from what they are compared with. 90 days before the end of the data if not given." placeholder:"TIME"`
}

// Run implements the command.
func (c *backtestCmd) Run(ctx context.Context) error {
	cut, err := moment("--cut", c.Cut)
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		op, err := journeyv1.NewScoringServiceClient(conn).BacktestScoringModel(ctx, &journeyv1.BacktestScoringModelRequest{
			Name: c.model(), CutTime: cut, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		var test journeyv1.Backtest
		if op, err = awaited(ctx, conn, op, &test); err != nil {
			return err
		}
		return c.say(op, func() { printBacktest(&test) })
	})
}

// printBacktest prints what the scores of a model said of what customers did later.
func printBacktest(b *journeyv1.Backtest) {
	fmt.Printf("%s customers until %s, of whom %s came back until %s\n", count(b.GetCustomers()), at(b.GetCutTime()), count(b.GetReturned()), at(b.GetEndTime()))
	fmt.Println("who came back had the higher score  " + estimated(b.GetAuc()))
	fmt.Println("who did not contact service had it  " + estimated(b.GetContactAuc()))
	fmt.Println("score and later rating go together  " + estimated(b.GetRatingCorrelation()))
	for _, d := range b.GetDeciles() {
		fmt.Printf("  %6.2f to %6.2f  %s customers   came back %s\n", d.GetLowest(), d.GetHighest(), padLeft(count(d.GetCustomers()), 7), estimated(d.GetReturned()))
		fmt.Printf("  %s bought %s   contacted service %s   tickets of 100 %s\n", padLeft("", 34), estimated(d.GetBought()), estimated(d.GetContacted()), estimated(d.GetContactRate()))
	}
}

// An activateCmd activates a model.
type activateCmd struct{ aModel }

// Run implements the command.
func (c *activateCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewScoringServiceClient(conn).ActivateScoringModel(ctx, &journeyv1.ActivateScoringModelRequest{
			Name: c.model(), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { fmt.Println(modelLine(res.GetScoringModel())) })
	})
}

// A recomputeCmd computes all stored scores anew and waits for the end.
type recomputeCmd struct{ desk }

// Run implements the command.
func (c *recomputeCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		op, err := journeyv1.NewScoringServiceClient(conn).RecomputeScores(ctx, &journeyv1.RecomputeScoresRequest{
			Parent: "brands/" + c.Brand, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		var sum journeyv1.RecomputeScoresResponse
		if op, err = awaited(ctx, conn, op, &sum); err != nil {
			return err
		}
		return c.say(op, func() {
			fmt.Printf("%s customers scored anew by %s, %s of whom had another score before\n",
				count(sum.GetCustomerCount()), short(sum.GetScoringModelRevision()), count(sum.GetChangedCount()))
		})
	})
}
