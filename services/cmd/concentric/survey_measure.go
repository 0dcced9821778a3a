package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// windowFlags are the flags of a window.
type windowFlags struct {
	From string `help:"Start of the window, YYYY-MM-DD or RFC 3339. The start of the brand's data if neither end is given." placeholder:"TIME"`
	To   string `help:"End of the window, exclusive. Now if only --from is given." placeholder:"TIME"`
}

func (w windowFlags) window() (*typev1.Window, error) { return window(w.From, w.To, time.Now()) }

// surveys returns the names of the surveys with these ids.
func (d desk) surveys(ids []string) []string {
	var all []string
	for _, id := range ids {
		all = append(all, d.name("surveys", id))
	}
	return all
}

// A surveyMetricsCmd shows measures.
type surveyMetricsCmd struct {
	desk
	windowFlags

	Surveys []string `help:"Only these surveys." placeholder:"ID"`
	By      []string `help:"Break down by these dimensions, such as channel, partner, question or attributes.KEY." placeholder:"DIM"`
	Filter  string   `help:"Only answers that match." placeholder:"FILTER"`
}

// Run implements the command.
func (c *surveyMetricsCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := surveyv1.NewSurveyMetricsServiceClient(conn).QuerySurveyMetrics(ctx, &surveyv1.QuerySurveyMetricsRequest{
			Parent: "brands/" + c.Brand, Window: window, GroupBy: c.By, Surveys: c.surveys(c.Surveys), Filter: c.Filter,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			if len(res.GetMeasures())+len(res.GetGroups()) == 0 {
				fmt.Println("Nobody answered in this window.")
			}
			writeMeasures(os.Stdout, res.GetMeasures())
			for _, g := range res.GetGroups() {
				fmt.Printf("\n── %s\n", title(g.GetKeys()))
				writeMeasures(os.Stdout, g.GetMeasures())
			}
			for _, e := range res.GetBasis().GetExcluded() {
				fmt.Printf("\nLeft out: %s, %s\n", count(e.GetCount()), tidy(e.GetReason(), ""))
			}
		})
	})
}

// writeMeasures prints measures with what each is about.
func writeMeasures(w io.Writer, measures []*typev1.Measure) {
	for _, m := range measures {
		fmt.Fprintln(w, strings.TrimRight(pad(tidy(m.GetSubject().String(), "SUBJECT_"), 11)+line(m), " "))
	}
}

// A compareSurveysCmd compares two sets of answers.
type compareSurveysCmd struct {
	desk
	windowFlags

	Metric string   `arg:"" help:"The metric: nps, csat, ces, star and so on."`
	A      []string `help:"The surveys of one side." placeholder:"ID"`
	B      []string `help:"The surveys of the other side." placeholder:"ID"`
	WhereA string   `name:"where-a" help:"What holds for one side, such as 'channel = EMAIL'." placeholder:"FILTER"`
	WhereB string   `name:"where-b" help:"What holds for the other side." placeholder:"FILTER"`

	aboutFlag
}

// An aboutFlag picks one of the circles.
type aboutFlag struct {
	Subject string `help:"What the answers are about: service, experience or product. Needed where there are some about several." placeholder:"SUBJECT"`
}

func (f aboutFlag) subject() (typev1.Subject, error) {
	return choice[typev1.Subject]("--subject", f.Subject, "SUBJECT_", typev1.Subject_value)
}

// Run implements the command.
func (c *compareSurveysCmd) Run(ctx context.Context) error {
	metric, err := choice[typev1.Metric]("METRIC", c.Metric, "METRIC_", typev1.Metric_value)
	if err != nil {
		return err
	}
	window, err := c.window()
	if err != nil {
		return err
	}
	subject, err := c.subject()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := surveyv1.NewSurveyMetricsServiceClient(conn).CompareSurveyMetrics(ctx, &surveyv1.CompareSurveyMetricsRequest{
			Parent: "brands/" + c.Brand, Metric: metric,
			A: &surveyv1.CompareSurveyMetricsRequest_Side{Window: window, Subject: subject, Surveys: c.surveys(c.A), Filter: c.WhereA},
			B: &surveyv1.CompareSurveyMetricsRequest_Side{Window: window, Subject: subject, Surveys: c.surveys(c.B), Filter: c.WhereB},
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			for _, side := range []struct {
				name string
				m    *typev1.Measure
			}{{"a", res.GetA()}, {"b", res.GetB()}} {
				fmt.Println(side.name + "  " + strings.TrimRight(line(side.m), " "))
			}
			if d := res.GetDifference(); d != nil {
				fmt.Printf("b − a  %s [%s, %s]  p %.3g\n", format(d.GetValue(), d.GetUnit()), format(d.GetLower(), d.GetUnit()),
					format(d.GetUpper(), d.GetUnit()), res.GetPValue())
			}
			fmt.Println(tidy(res.GetVerdict().String(), "VERDICT_"))
		})
	})
}

// A sampleSizeCmd says how many answers are needed.
type sampleSizeCmd struct {
	desk

	Metric  string   `arg:"" help:"The metric: nps, csat, ces, star and so on."`
	Margin  float64  `required:"" help:"Half the width of the interval wanted, in the metric's unit." placeholder:"N"`
	Surveys []string `help:"Learn from these surveys only." placeholder:"ID"`

	aboutFlag
}

// Run implements the command.
func (c *sampleSizeCmd) Run(ctx context.Context) error {
	metric, err := choice[typev1.Metric]("METRIC", c.Metric, "METRIC_", typev1.Metric_value)
	if err != nil {
		return err
	}
	subject, err := c.subject()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := surveyv1.NewSurveyMetricsServiceClient(conn).EstimateSampleSize(ctx, &surveyv1.EstimateSampleSizeRequest{
			Parent: "brands/" + c.Brand, Metric: metric, Margin: c.Margin, Subject: subject, Surveys: c.surveys(c.Surveys),
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			text := count(res.GetResponses()) + " answers"
			if res.Invitations != nil {
				text += ", " + count(res.GetInvitations()) + " invitations"
			}
			if res.GetWorstCase() {
				text += " at worst: there are too few answers to learn from"
			}
			fmt.Println(text)
		})
	})
}

// A funnelCmd shows the response funnel.
type funnelCmd struct {
	desk
	windowFlags

	Surveys []string `help:"Only these surveys." placeholder:"ID"`
	By      []string `help:"Break down by these dimensions: survey, channel, trigger_rule, origin, partner, stage." placeholder:"DIM"`
}

// Run implements the command.
func (c *funnelCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := surveyv1.NewSurveyMetricsServiceClient(conn).GetResponseFunnel(ctx, &surveyv1.GetResponseFunnelRequest{
			Parent: "brands/" + c.Brand, Window: window, Surveys: c.surveys(c.Surveys), GroupBy: c.By,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			if len(res.GetFunnels())+len(res.GetGroups()) == 0 {
				fmt.Println("There was no occasion to ask in this window.")
			}
			for _, f := range append(res.GetFunnels(), res.GetGroups()...) {
				writeFunnel(os.Stdout, f)
			}
		})
	})
}

// writeFunnel prints the six steps of a funnel, and why the others were not asked.
func writeFunnel(w io.Writer, f *surveyv1.ResponseFunnel) {
	head := tidy(f.GetSubject().String(), "SUBJECT_")
	if len(f.GetKeys()) > 0 {
		head += ", " + title(f.GetKeys())
	}
	fmt.Fprintln(w, head)
	for _, step := range []struct {
		name string
		n    int64
	}{
		{"eligible", f.GetEligible()},
		{"invited", f.GetInvited()},
		{"delivered", f.GetDelivered()},
		{"displayed", f.GetDisplayed()},
		{"started", f.GetStarted()},
		{"completed", f.GetCompleted()},
	} {
		fmt.Fprintf(w, "  %s %s\n", pad(step.name, 10), padLeft(count(step.n), 10))
	}
	rate := &typev1.Measure{Metric: typev1.Metric_METRIC_RESPONSE_RATE, Estimate: f.GetResponseRate()}
	fmt.Fprintln(w, "  "+strings.TrimRight(line(rate), " "))
	for _, e := range f.GetNotAsked() {
		fmt.Fprintf(w, "  not asked: %s %s\n", tidy(e.GetReason(), ""), count(e.GetCount()))
	}
}
