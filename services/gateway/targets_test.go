package gateway_test

import (
	"fmt"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestTargetsAreKept(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c := gatewayv1.NewTargetServiceClient(d)
		want := &gatewayv1.Target{
			Metric: typev1.Metric_METRIC_NPS, Direction: gatewayv1.Target_DIRECTION_AT_LEAST,
			GoalValue: proto.Float64(30), AlarmValue: proto.Float64(-12.5), Description: "What the board wants",
		}
		made, err := c.CreateTarget(t.Context(), &gatewayv1.CreateTargetRequest{Parent: acme, TargetId: "nps", Target: want})
		if err != nil {
			t.Fatal(err)
		}
		want.Name, want.CreateTime, want.UpdateTime, want.Etag = acme+"/targets/nps", made.GetCreateTime(), made.GetUpdateTime(), made.GetEtag()
		if !proto.Equal(made, want) || made.GetCreateTime() == nil {
			t.Errorf("CreateTarget = %v, want %v", made, want)
		}
		changed, err := c.UpdateTarget(t.Context(), &gatewayv1.UpdateTargetRequest{
			Target: &gatewayv1.Target{Name: want.GetName(), GoalValue: proto.Float64(0)}, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"goal_value", "alarm_value"}},
		})
		if err != nil || changed.GoalValue == nil || changed.GetGoalValue() != 0 || changed.AlarmValue != nil || changed.GetEtag() == made.GetEtag() {
			t.Errorf("UpdateTarget = %v, %v", changed, err)
		}
		listed, err := c.ListTargets(t.Context(), &gatewayv1.ListTargetsRequest{Parent: acme, Filter: "metric = NPS", OrderBy: "metric, name"})
		if err != nil || len(listed.GetTargets()) != 1 || !proto.Equal(listed.GetTargets()[0], changed) {
			t.Errorf("ListTargets = %v, %v", listed, err)
		}
		if _, err := c.DeleteTarget(t.Context(), &gatewayv1.DeleteTargetRequest{Name: want.GetName()}); err != nil {
			t.Error(err)
		}
		_, err = c.GetTarget(t.Context(), &gatewayv1.GetTargetRequest{Name: want.GetName()})
		refused(t, "a target that was deleted", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestWhatATargetMayNotBe(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c := gatewayv1.NewTargetServiceClient(d)
		good := &gatewayv1.Target{
			Metric: typev1.Metric_METRIC_CSAT, Direction: gatewayv1.Target_DIRECTION_AT_MOST, GoalValue: proto.Float64(1), AlarmValue: proto.Float64(1),
		}
		create := func(m *gatewayv1.Target) error {
			_, err := c.CreateTarget(t.Context(), &gatewayv1.CreateTargetRequest{Parent: acme, Target: m})
			return err
		}
		for _, tt := range []struct {
			name  string
			spoil func(*gatewayv1.Target)
		}{
			{"no metric", func(m *gatewayv1.Target) { m.Metric = 0 }},
			{"an unknown metric", func(m *gatewayv1.Target) { m.Metric = 9999 }},
			{"no direction", func(m *gatewayv1.Target) { m.Direction = 0 }},
			{"no goal", func(m *gatewayv1.Target) { m.GoalValue = nil }},
			{"an alarm on the good side", func(m *gatewayv1.Target) { m.AlarmValue = proto.Float64(0.9) }},
			{"an alarm on the good side, high", func(m *gatewayv1.Target) {
				m.Direction, m.AlarmValue = gatewayv1.Target_DIRECTION_AT_LEAST, proto.Float64(1.1)
			}},
		} {
			m := proto.CloneOf(good)
			tt.spoil(m)
			refused(t, tt.name, create(m), codes.InvalidArgument, "INVALID_ARGUMENT")
		}
		for i := range 100 {
			if err := create(good); err != nil {
				t.Fatal(fmt.Errorf("target %d: %w", i, err))
			}
		}
		refused(t, "the 101st target", create(good), codes.ResourceExhausted, "TOO_MANY")
	})
}
