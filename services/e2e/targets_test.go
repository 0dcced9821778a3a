package e2e

import (
	"testing"

	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// targets wants something of figures of a February in which all visits went as expected, and
// half of those who were asked would recommend the brand.
func targets(t *testing.T, s *suite, c *clients) {
	brand := c.seed(t)
	keeper := gatewayv1.NewTargetServiceClient(s.conns[len(s.conns)-1])
	met, nps, tickets := typev1.Metric_METRIC_EXPECTATION_MET_SHARE, typev1.Metric_METRIC_NPS, typev1.Metric_METRIC_TICKET_COUNT
	const (
		atLeast, atMost = gatewayv1.Target_DIRECTION_AT_LEAST, gatewayv1.Target_DIRECTION_AT_MOST
		reached, missed = gatewayv1.TargetResult_STATE_REACHED, gatewayv1.TargetResult_STATE_MISSED
	)
	wants := []struct {
		id        string
		metric    typev1.Metric
		direction gatewayv1.Target_Direction
		goal      float64
		want      gatewayv1.TargetResult_State
	}{
		{"a", met, atLeast, 0.9, reached},
		{"b", met, atMost, 0.5, missed},
		{"c", nps, atLeast, 10, gatewayv1.TargetResult_STATE_NOT_DISTINGUISHABLE},
		{"d", tickets, atMost, seedTickets, reached},
		{"e", tickets, atMost, seedTickets - 1, missed},
		{"f", typev1.Metric_METRIC_REPUTATION, atLeast, 0, gatewayv1.TargetResult_STATE_INSUFFICIENT},
	}
	ask := &gatewayv1.CompareViewsRequest{Parent: brand, Window: february}
	if got := must(c.views.CompareViews(t.Context(), ask))(t).GetTargets(); len(got) != 0 {
		t.Errorf("without targets a view has %v", got)
	}
	for _, w := range wants {
		must(keeper.CreateTarget(t.Context(), &gatewayv1.CreateTargetRequest{
			Parent: brand, TargetId: w.id,
			Target: &gatewayv1.Target{Metric: w.metric, Direction: w.direction, GoalValue: &w.goal, AlarmValue: &w.goal},
		}))(t)
	}
	both := must(c.views.CompareViews(t.Context(), ask))(t)
	if len(both.GetTargets()) != len(wants) {
		t.Fatalf("the views have %d targets, want %d: %v", len(both.GetTargets()), len(wants), both.GetTargets())
	}
	for i, w := range wants {
		got := both.GetTargets()[i]
		if got.GetTarget().GetName() != brand+"/targets/"+w.id || got.GetState() != w.want || got.GetAlarm() != (w.want == missed) ||
			(got.GetEstimate() == nil) != (w.id == "f") {
			t.Errorf("%s of %v is %v, want %v", w.id, w.metric, got, w.want)
		}
	}
	inner := must(c.views.GetServiceView(t.Context(), &gatewayv1.GetServiceViewRequest{Parent: brand, Window: february}))(t)
	outer := must(c.views.GetExperienceView(t.Context(), &gatewayv1.GetExperienceViewRequest{Parent: brand, Window: february}))(t)
	if len(inner.GetTargets()) != 2 || len(outer.GetTargets()) != 3 {
		t.Errorf("the views alone have the targets %v and %v", inner.GetTargets(), outer.GetTargets())
	}
	must(keeper.UpdateTarget(t.Context(), &gatewayv1.UpdateTargetRequest{
		Target: &gatewayv1.Target{Name: brand + "/targets/e", GoalValue: proto.Float64(seedTickets), AlarmValue: proto.Float64(seedTickets)},
	}))(t)
	must(keeper.DeleteTarget(t.Context(), &gatewayv1.DeleteTargetRequest{Name: brand + "/targets/f"}))(t)
	after := must(c.views.CompareViews(t.Context(), ask))(t).GetTargets()
	if len(after) != 5 || after[4].GetState() != reached || after[4].GetAlarm() {
		t.Errorf("after a change the views have the targets %v", after)
	}
}
