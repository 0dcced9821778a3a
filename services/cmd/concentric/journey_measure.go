package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// An experienceCmd measures touchpoints.
type experienceCmd struct {
	desk
	windowFlags

	By       []string `help:"Break down by these dimensions, such as stage, channel, function_owner or attributes.KEY." placeholder:"DIM"`
	Segments []string `help:"Only customers of these segments." placeholder:"NAME"`
	Brief    bool     `help:"The measures alone, without emotions, stages, word of mouth and what is broken."`
}

// Run implements the command.
func (c *experienceCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	req := &journeyv1.QueryExperienceMetricsRequest{Parent: "brands/" + c.Brand, Window: window, GroupBy: c.By, Segments: c.Segments}
	if !c.Brief {
		for v := range journeyv1.Section_name {
			if v != 0 {
				req.Sections = append(req.Sections, journeyv1.Section(v))
			}
		}
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewInsightServiceClient(conn).QueryExperienceMetrics(ctx, req)
		if err != nil {
			return err
		}
		return c.say(res, func() { printExperience(res) })
	})
}

func printExperience(res *journeyv1.QueryExperienceMetricsResponse) {
	writeMeasures(os.Stdout, res.GetMeasures())
	for _, g := range res.GetGroups() {
		fmt.Printf("\n── %s\n", title(g.GetKeys()))
		writeMeasures(os.Stdout, g.GetMeasures())
	}
	if e := res.GetExpectations(); e != nil {
		fmt.Printf("\nexpectations\n  unmet    %s\n  met      %s\n  exceeded %s\n", interval(e.GetUnmet()), interval(e.GetMet()), interval(e.GetExceeded()))
	}
	writeEmotions(os.Stdout, res.GetEmotions())
	if s := res.GetStages(); s != nil {
		fmt.Println("\nstages")
		for _, stage := range s.GetStages() {
			fmt.Println("  " + pad(tidy(stage.GetStage().String(), "STAGE_"), 14) + interval(stage.GetMean()))
		}
		if w := s.GetWeakest(); w != nil {
			sure := "not distinguishable from the next"
			if w.GetDistinguishable() {
				sure = "weaker than the next beyond chance"
			}
			fmt.Printf("  the weakest is %s, %s\n", tidy(w.GetStage().String(), "STAGE_"), sure)
		}
	}
	if w := res.GetWordOfMouth(); w != nil {
		fmt.Printf("\nword of mouth: %s good, %s poor of %s customers; net %s people (%g told of good, %g of poor: %s)\n", count(w.GetGoodCustomers()),
			count(w.GetPoorCustomers()), count(w.GetGoodCustomers()+w.GetNeutralCustomers()+w.GetPoorCustomers()), strings.TrimSpace(interval(w.GetNet())),
			w.GetGood(), w.GetPoor(), w.GetSource())
	}
	for _, t := range res.GetTouchpoints() {
		if t.GetBroken() {
			fmt.Printf("\nbroken: %s, unmet %s, owned by %s\n", short(t.GetTouchpointDefinition()), strings.TrimSpace(interval(t.GetUnmet())),
				tidy(t.GetFunctionOwner().String(), "FUNCTION_"))
		}
	}
	if k := res.GetContactAfterUnmet(); k != nil {
		fmt.Printf("\nafter an unmet expectation: contacted service %s, silent %s, %s silent customers\n", strings.TrimSpace(interval(k.GetContacted())),
			strings.TrimSpace(interval(k.GetSilent())), count(k.GetSilentCustomers()))
	}
	if n := res.GetNesting(); n.GetTouchpoints() > 0 {
		fmt.Printf("\n%s of %s touchpoints and %s of %s customers are about service.\n", count(n.GetServiceTouchpoints()),
			count(n.GetTouchpoints()), count(n.GetServiceCustomers()), count(n.GetCustomers()))
	}
}

// A driversCmd analyzes what goes with an outcome.
type driversCmd struct {
	desk
	windowFlags

	Outcome    string   `arg:"" help:"A touchpoint definition's id, attributes.KEY, or attributes.KEY=TEXT for yes or no."`
	Predictors []string `arg:"" help:"The same, two or more."`
	Draws      int32    `help:"How often customers are drawn anew for the intervals." placeholder:"N"`
	Anyway     bool     `help:"Answer even with too few customers or predictors that say nearly the same."`
}

// Run implements the command.
func (c *driversCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	req := &journeyv1.AnalyzeDriversRequest{
		Parent: "brands/" + c.Brand, Window: window, Outcome: c.variable(c.Outcome), Draws: c.Draws,
		OverrideSampleSize: c.Anyway, OverrideCollinearity: c.Anyway,
	}
	for _, p := range c.Predictors {
		req.Predictors = append(req.Predictors, c.variable(p))
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewInsightServiceClient(conn).AnalyzeDrivers(ctx, req)
		if err != nil {
			return err
		}
		return c.say(res, func() { printDrivers(res) })
	})
}

// variable reads what a person calls a variable.
func (c *driversCmd) variable(text string) *journeyv1.Variable {
	key, isAttribute := strings.CutPrefix(text, "attributes.")
	if !isAttribute {
		return &journeyv1.Variable{Source: &journeyv1.Variable_TouchpointDefinition{TouchpointDefinition: c.name("touchpointDefinitions", text)}}
	}
	key, equals, _ := strings.Cut(key, "=")
	return &journeyv1.Variable{Source: &journeyv1.Variable_Attribute{Attribute: key}, Equals: equals}
}

// called is what a person calls a variable.
func called(v *journeyv1.Variable) string {
	if d := v.GetTouchpointDefinition(); d != "" {
		return short(d)
	}
	text := "attributes." + v.GetAttribute()
	if v.GetEquals() != "" {
		text += "=" + v.GetEquals()
	}
	return text
}

func printDrivers(res *journeyv1.AnalyzeDriversResponse) {
	fmt.Println("explained " + strings.TrimSpace(interval(res.GetRSquared())))
	for _, d := range res.GetDrivers() {
		circle := " "
		if d.GetVariable().GetBlock() == journeyv1.Variable_BLOCK_SERVICE {
			circle = "•"
		}
		part := d.GetShapley()
		if part == nil { // of more than 15 predictors
			part = d.GetRelativeWeight()
		}
		fmt.Printf("%s %s %s of it   %s\n", circle, pad(called(d.GetVariable()), 30), padLeft(format(d.GetShare(), typev1.Unit_UNIT_RATIO), 7), interval(part))
	}
	if s := res.GetSplit(); s != nil {
		fmt.Printf("\nservice only   %s\neither         %s\nthe rest only  %s\n", interval(s.GetUniqueService()), interval(s.GetShared()), interval(s.GetUniqueRest()))
	}
	fmt.Println("\n" + res.GetCaution())
}

// A recoveryCmd analyzes who came back after a failure.
type recoveryCmd struct {
	desk
	windowFlags

	Within  time.Duration `help:"How long after a failure its request for help may be solved; 14 days (336h) unless given." placeholder:"TIME"`
	Horizon time.Duration `help:"How long after that a purchase counts; 90 days (2160h) unless given." placeholder:"TIME"`
}

// Run implements the command.
func (c *recoveryCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	req := &journeyv1.AnalyzeRecoveryRequest{Parent: "brands/" + c.Brand, Window: window}
	if c.Within != 0 {
		req.RecoveryTime = durationpb.New(c.Within)
	}
	if c.Horizon != 0 {
		req.Horizon = durationpb.New(c.Horizon)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewInsightServiceClient(conn).AnalyzeRecovery(ctx, req)
		if err != nil {
			return err
		}
		return c.say(res, func() { printRecovery(res) })
	})
}

func printRecovery(res *journeyv1.AnalyzeRecoveryResponse) {
	for _, g := range res.GetGroups() {
		odds := ""
		if o := g.GetOddsRatio(); o != nil && o.Value != nil {
			odds = fmt.Sprintf("   odds %.2f [%.2f, %.2f] times those of met", o.GetValue(), o.GetLower(), o.GetUpper())
		}
		fmt.Println(pad(tidy(g.GetRecovery().String(), "RECOVERY_"), 10) + padLeft(count(g.GetCustomers()), 8) + "   bought " + interval(g.GetBought()) + odds)
	}
	fmt.Println("\n" + res.GetCaution())
}

func writeEmotions(w io.Writer, all []*journeyv1.EmotionShare) {
	if len(all) > 0 {
		fmt.Fprintln(w, "\nemotions")
	}
	for _, e := range all {
		fmt.Fprintln(w, "  "+pad(tidy(e.GetEmotion().String(), "EMOTION_"), 12)+interval(e.GetShare()))
	}
}
