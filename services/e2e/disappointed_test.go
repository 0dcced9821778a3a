package e2e

import (
	"fmt"
	"math"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	unmet    = typev1.Expectation_EXPECTATION_UNMET
	met      = typev1.Expectation_EXPECTATION_MET
	exceeded = typev1.Expectation_EXPECTATION_EXCEEDED
)

// live records what a customer lived through.
func (c *clients) live(t testing.TB, customer, definition string, at time.Time, e typev1.Expectation) *journeyv1.Touchpoint {
	t.Helper()
	return must(c.touchpoints.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{
		Parent: customer,
		Touchpoint: &journeyv1.Touchpoint{
			Definition: brandOf(customer) + "/touchpointDefinitions/" + definition, EventTime: timestamppb.New(at), Expectation: e,
			Source: "till", EventId: fmt.Sprint(definition, " at ", at.UnixNano(), " of ", customer),
		},
	}))(t)
}

// disappointed: a prospect buys, and waits in vain for the parcel. Whoever answers for
// deliveries hears of it before the customer calls, writes first, and the score recovers.
func disappointed(t *testing.T, c *clients) {
	brand, now := c.brand(t), time.Now()
	pia := brand + "/customers/pia"
	rule := c.parcelRule(t, brand)
	path := []*journeyv1.Touchpoint{
		c.live(t, pia, "online-ad", now.AddDate(0, 0, -30), met),
		c.live(t, pia, "website-visit", now.AddDate(0, 0, -20), exceeded),
		c.live(t, pia, "checkout", now.AddDate(0, 0, -5), met),
	}
	happy, hurt := now.AddDate(0, 0, -4), now.Add(-30*time.Second)
	path = append(path, c.live(t, pia, "delivery", now.Add(-time.Minute), unmet))

	signal := c.signaled(t, brand)
	if signal.GetSignalRule() != rule || signal.GetFunctionOwner() != typev1.Function_FUNCTION_LOGISTICS ||
		signal.GetTouchpointDefinition() != brand+"/touchpointDefinitions/delivery" || signal.GetAffectedCount() != 1 || signal.GetSilentCount() != 1 {
		t.Errorf("the signal is %v, want one of deliveries to logistics about one silent customer", signal)
	}
	if all := c.silent(t, signal); len(all) != 1 || all[0].GetCustomer() != pia || !all[0].GetSilent() {
		t.Errorf("silent are %v, want pia", all)
	}
	must(c.signals.ActOnSignal(t.Context(), &journeyv1.ActOnSignalRequest{
		Name: signal.GetName(), Kind: journeyv1.SignalAction_KIND_PROACTIVE_MESSAGE, TouchpointDefinition: brand + "/touchpointDefinitions/support-interaction",
	}))(t)
	path = append(path, c.live(t, pia, "support-interaction", time.Now(), exceeded)) // support writes first
	if all := c.silent(t, signal); len(all) != 0 {
		t.Errorf("silent are %v, want nobody any more", all)
	}

	fell, rose := c.compare(t, pia, happy, hurt), c.compare(t, pia, hurt, time.Time{})
	if fell.GetDifference() >= 0 || len(fell.GetDifferences()) == 0 || fell.GetDifferences()[0].GetTouchpoint() != path[3].GetName() {
		t.Errorf("the score fell by %v through %v, want it to be the delivery", fell.GetDifference(), fell.GetDifferences())
	}
	if rose.GetDifference() <= 0 || len(rose.GetDifferences()) == 0 || rose.GetDifferences()[0].GetTouchpoint() != path[4].GetName() || !rose.GetDifferences()[0].GetIsNew() {
		t.Errorf("the score rose by %v through %v, want it to be the message", rose.GetDifference(), rose.GetDifferences())
	}
	c.addsUp(t, pia+"/score", hurt)
	c.traveled(t, pia, path)

	closed := must(c.signals.ResolveSignal(t.Context(), &journeyv1.ResolveSignalRequest{Name: signal.GetName(), Note: "sent another one"}))(t)
	if closed.GetState() != journeyv1.Signal_STATE_RESOLVED || closed.GetCloseTime() == nil {
		t.Errorf("the signal is %v, want it resolved", closed)
	}
}

// parcelRule makes a rule about deliveries and returns its name.
func (c *clients) parcelRule(t testing.TB, brand string) string {
	t.Helper()
	return must(c.signals.CreateSignalRule(t.Context(), &journeyv1.CreateSignalRuleRequest{
		Parent: brand, SignalRuleId: "parcels",
		SignalRule: &journeyv1.SignalRule{
			DisplayName: "Parcels", Window: durationpb.New(90 * 24 * time.Hour),
			Condition: &journeyv1.SignalRule_BrokenTouchpoint_{BrokenTouchpoint: &journeyv1.SignalRule_BrokenTouchpoint{
				TouchpointDefinitions: []string{brand + "/touchpointDefinitions/delivery"}, Threshold: 0.2, MinCount: 1,
			}},
		},
	}))(t).GetName()
}

// signaled waits for the one open signal of a brand.
func (c *clients) signaled(t testing.TB, brand string) (signal *journeyv1.Signal) {
	t.Helper()
	eventually(t, func() error {
		list := must(c.signals.ListSignals(t.Context(), &journeyv1.ListSignalsRequest{Parent: brand, Filter: "state = OPEN"}))(t)
		if len(list.GetSignals()) != 1 {
			return fmt.Errorf("there are %d signals, want 1", len(list.GetSignals()))
		}
		signal = list.GetSignals()[0]
		return nil
	})
	return signal
}

// silent returns the customers of a signal who have said nothing.
func (c *clients) silent(t testing.TB, signal *journeyv1.Signal) []*journeyv1.SignalCustomer {
	t.Helper()
	return must(c.signals.ListSignalCustomers(t.Context(), &journeyv1.ListSignalCustomersRequest{
		Parent: signal.GetName(), SilentOnly: true,
	}))(t).GetCustomers()
}

// compare compares a customer's scores, up to now if the later instant is zero. What made
// the difference adds up to it.
func (c *clients) compare(t testing.TB, customer string, from, to time.Time) *journeyv1.CompareScoresResponse {
	t.Helper()
	req := &journeyv1.CompareScoresRequest{Name: customer + "/score", FromTime: timestamppb.New(from)}
	if !to.IsZero() {
		req.ToTime = timestamppb.New(to)
	}
	answer := must(c.scores.CompareScores(t.Context(), req))(t)
	sum := answer.GetOtherPoints()
	for _, d := range answer.GetDifferences() {
		sum += d.GetPoints()
	}
	if want := answer.GetTo().GetEstimate().GetValue() - answer.GetFrom().GetEstimate().GetValue(); math.Abs(sum-want) > 1e-9 || answer.GetDifference() != want {
		t.Errorf("differences add up to %v, the difference is %v, want %v", sum, answer.GetDifference(), want)
	}
	return answer
}

// traveled fails unless the customer's journey is the path.
func (c *clients) traveled(t testing.TB, customer string, path []*journeyv1.Touchpoint) {
	t.Helper()
	journey := must(c.maps.GetJourney(t.Context(), &journeyv1.GetJourneyRequest{Name: customer + "/journey"}))(t)
	if len(journey.GetTouchpoints()) != len(path) {
		t.Fatalf("the journey is %v, want %d touchpoints", journey.GetTouchpoints(), len(path))
	}
	for i, p := range path {
		same(t, journey.GetTouchpoints()[i], p)
	}
	sum, want := journey.GetSummary(), &journeyv1.ExpectationCounts{Unmet: 1, Met: 2, Exceeded: 2}
	if !proto.Equal(sum.GetExpectations(), want) || sum.GetTouchpointCount() != int64(len(path)) || sum.GetFirstTouch().GetName() != path[0].GetName() ||
		sum.GetStage() != path[len(path)-1].GetStage() {
		t.Errorf("the journey comes to %v", sum)
	}
}
