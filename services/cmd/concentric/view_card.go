package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/grpc"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A partnerCardCmd shows what a partner answers for.
type partnerCardCmd struct {
	desk
	windowFlags

	Partner string `arg:"" help:"The partner's id."`
}

// Run implements the command.
func (c *partnerCardCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		card, err := gatewayv1.NewViewServiceClient(conn).GetPartnerScorecard(ctx, &gatewayv1.GetPartnerScorecardRequest{
			Name: c.name("partners", c.Partner) + "/scorecard", Window: window,
		})
		if err != nil {
			return err
		}
		return c.say(card, func() { writePartner(os.Stdout, card) })
	})
}

func writePartner(w io.Writer, card *gatewayv1.PartnerScorecard) {
	writeScope(w, strings.TrimSuffix(card.GetName(), "/scorecard"), card.GetBasis())
	writeComparisons(w, "service", card.GetService())
	writeComparisons(w, "experience and product", card.GetExperience())
	for _, p := range card.GetStandardized() {
		writeStandardized(w, p)
	}
	if len(card.GetTouchpoints()) > 0 {
		fmt.Fprintln(w, "\ntouchpoints")
	}
	writeMeasures(w, card.GetTouchpoints())
	writeEmotions(w, card.GetEmotions())
	writeSignals(w, card.GetOpenSignals())
	writeMissing(w, card.GetParts())
}

// writeStandardized says how a partner compares with the brand's own people by one metric.
func writeStandardized(w io.Writer, p *ticketv1.PartnerComparison) {
	for _, pair := range p.GetPairs() {
		word := "not distinguishable from"
		if pair.GetDistinguishable() {
			word = "differs from"
		}
		fmt.Fprintf(w, "\n%s with the same tickets: %s %s %s by %s", tidy(p.GetMetric().String(), "METRIC_"),
			sideOf(pair.GetPartner()), word, sideOf(pair.GetOther()), strings.TrimSpace(interval(pair.GetDifference())))
	}
	if len(p.GetPairs()) > 0 {
		fmt.Fprintln(w)
	}
}

func sideOf(partner string) string {
	if partner == "" {
		return "the brand's own people"
	}
	return partner[strings.LastIndex(partner, "/")+1:]
}

// A functionCardCmd shows what a function of the brand answers for.
type functionCardCmd struct {
	desk
	windowFlags

	Function string `arg:"" help:"The function: marketing, sales, product, support, logistics, finance, store_operations, executive, partner or other."`
}

// Run implements the command.
func (c *functionCardCmd) Run(ctx context.Context) error {
	window, err := c.window()
	if err != nil {
		return err
	}
	function, known := typev1.Function_value["FUNCTION_"+strings.ToUpper(c.Function)]
	if !known || function == 0 {
		return fmt.Errorf("there is no function %q; see concentric view function --help", c.Function)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		card, err := gatewayv1.NewViewServiceClient(conn).GetFunctionScorecard(ctx, &gatewayv1.GetFunctionScorecardRequest{
			Parent: "brands/" + c.Brand, Function: typev1.Function(function), Window: window,
		})
		if err != nil {
			return err
		}
		return c.say(card, func() { writeFunction(os.Stdout, c.Brand, card) })
	})
}

func writeFunction(w io.Writer, brand string, card *gatewayv1.FunctionScorecard) {
	writeScope(w, "brands/"+brand+"  "+tidy(card.GetFunction().String(), "FUNCTION_"), card.GetBasis())
	if len(card.GetService()) > 0 {
		fmt.Fprintln(w, "\nservice")
		writeMeasures(w, card.GetService())
	}
	writeComparisons(w, "the touchpoints it owns", card.GetExperience())
	for _, p := range card.GetTouchpoints() {
		word := ""
		if p.GetBroken() {
			word = "  BROKEN"
		}
		fmt.Fprintf(w, "  %s unmet %s%s\n", pad(sideOf(p.GetTouchpointDefinition()), 28), interval(p.GetUnmet()), word)
	}
	writeSignals(w, card.GetOpenSignals())
	writeMissing(w, card.GetParts())
}

func writeScope(w io.Writer, title string, b *typev1.Basis) {
	fmt.Fprintf(w, "%s   %s to %s   %s observations\n", title,
		day(b.GetWindow().GetStartTime().AsTime()), day(b.GetWindow().GetEndTime().AsTime()), count(b.GetIncluded()))
}

func writeComparisons(w io.Writer, title string, all []*gatewayv1.Comparison) {
	if len(all) == 0 {
		return
	}
	fmt.Fprintf(w, "\n%s\n", title)
	for _, c := range all {
		fmt.Fprintln(w, strings.TrimRight("  "+pad(line(c.GetMeasure()), 68)+" rest "+restOf(c), " "))
	}
}

// restOf is what the others have, and whether that differs.
func restOf(c *gatewayv1.Comparison) string {
	if c.GetRest() == nil || c.GetRest().Value == nil {
		return "–"
	}
	text := padLeft(format(c.GetRest().GetValue(), c.GetRest().GetUnit()), 9)
	switch c.GetVerdict() {
	case gatewayv1.Verdict_VERDICT_HIGHER, gatewayv1.Verdict_VERDICT_LOWER:
		return text + "  " + strings.ToUpper(tidy(c.GetVerdict().String(), "VERDICT_")) + fmt.Sprintf("  p %.2g", c.GetPValue())
	case gatewayv1.Verdict_VERDICT_NOT_DISTINGUISHABLE:
		return text + "  not distinguishable"
	}
	return text
}

func writeSignals(w io.Writer, all []*journeyv1.Signal) {
	for _, s := range all {
		fmt.Fprintf(w, "\nopen signal: %s, %s, %s customers, %s\n", s.GetName(), tidy(s.GetKind().String(), "KIND_"),
			count(s.GetAffectedCount()), tidy(s.GetState().String(), "STATE_"))
	}
}

// writeMissing names the parts that are not there, and those that lag.
func writeMissing(w io.Writer, parts []*gatewayv1.PartState) {
	for _, p := range parts {
		word := "Missing"
		switch p.GetState() {
		case gatewayv1.PartState_STATE_OK:
			continue
		case gatewayv1.PartState_STATE_STALE:
			word = "Behind"
		}
		fmt.Fprintf(w, "\n%s: %s, %s\n", word, tidy(p.GetPart().String(), "PART_"), p.GetMessage())
	}
}
