package compose

import (
	"testing"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestATargetIsHeldAgainstTheInterval(t *testing.T) {
	of := func(lower, value, upper float64) *typev1.Estimate {
		return &typev1.Estimate{Lower: &lower, Value: &value, Upper: &upper, Method: typev1.Method_METHOD_WILSON, Unit: typev1.Unit_UNIT_RATIO}
	}
	exactly := func(value float64, method typev1.Method) *typev1.Estimate {
		return &typev1.Estimate{Value: &value, Method: method, Unit: typev1.Unit_UNIT_COUNT}
	}
	const (
		atLeast, atMost   = gatewayv1.Target_DIRECTION_AT_LEAST, gatewayv1.Target_DIRECTION_AT_MOST
		reached, missed   = gatewayv1.TargetResult_STATE_REACHED, gatewayv1.TargetResult_STATE_MISSED
		unclear, untold   = gatewayv1.TargetResult_STATE_NOT_DISTINGUISHABLE, gatewayv1.TargetResult_STATE_INSUFFICIENT
		quiet, alarm      = false, true
		goal, alarmAt     = 0.8, 0.6
		low, high         = 0.2, 0.4
		countGoal, counts = 10.0, typev1.Method_METHOD_EXACT
	)
	for _, tt := range []struct {
		name      string
		direction gatewayv1.Target_Direction
		goal      float64
		alarmAt   float64
		figure    *typev1.Estimate
		want      gatewayv1.TargetResult_State
		alarm     bool
	}{
		{"all of the interval above the goal", atLeast, goal, alarmAt, of(0.81, 0.9, 0.95), reached, quiet},
		{"the end of the interval on the goal", atLeast, goal, alarmAt, of(0.8, 0.9, 0.95), reached, quiet},
		{"a value above, an interval about the goal", atLeast, goal, alarmAt, of(0.75, 0.9, 0.95), unclear, quiet},
		{"a value below, an interval about the goal", atLeast, goal, alarmAt, of(0.5, 0.55, 0.85), unclear, quiet},
		{"all of the interval below the goal", atLeast, goal, alarmAt, of(0.5, 0.55, 0.79), missed, quiet},
		{"all of the interval below the alarm", atLeast, goal, alarmAt, of(0.5, 0.55, 0.59), missed, alarm},
		{"a low figure that is good", atMost, low, high, of(0.1, 0.15, 0.2), reached, quiet},
		{"a figure that should be lower", atMost, low, high, of(0.21, 0.3, 0.41), missed, quiet},
		{"a figure that is far too high", atMost, low, high, of(0.41, 0.5, 0.6), missed, alarm},
		{"a figure about the goal that should be low", atMost, low, high, of(0.1, 0.15, 0.21), unclear, quiet},
		{"a count on the goal", atMost, countGoal, countGoal, exactly(10, counts), reached, quiet},
		{"a count beyond it", atMost, countGoal, countGoal, exactly(11, counts), missed, alarm},
		{"a value without an interval", atMost, countGoal, countGoal, exactly(11, typev1.Method_METHOD_NONE), untold, quiet},
		{"a value that is withheld", atLeast, goal, alarmAt, &typev1.Estimate{Quality: typev1.Quality_QUALITY_SUPPRESSED}, untold, quiet},
	} {
		target := &gatewayv1.Target{Metric: typev1.Metric_METRIC_CSAT, Direction: tt.direction, GoalValue: &tt.goal, AlarmValue: &tt.alarmAt}
		got := Targets([]*gatewayv1.Target{target}, false, []*typev1.Measure{{Metric: typev1.Metric_METRIC_CSAT, Estimate: tt.figure}})
		if len(got) != 1 || got[0].GetState() != tt.want || got[0].GetAlarm() != tt.alarm || got[0].GetEstimate() != tt.figure {
			t.Errorf("%s: %v, want %v, %t", tt.name, got, tt.want, tt.alarm)
		}
	}
}

func TestATargetFindsItsFigures(t *testing.T) {
	csat := func(s typev1.Subject) *typev1.Measure {
		return &typev1.Measure{Metric: typev1.Metric_METRIC_CSAT, Subject: s, Estimate: &typev1.Estimate{}}
	}
	service, lived := []*typev1.Measure{csat(typev1.Subject_SUBJECT_SERVICE)}, []*typev1.Measure{csat(typev1.Subject_SUBJECT_PRODUCT), {Metric: typev1.Metric_METRIC_NPS}}
	for _, tt := range []struct {
		name   string
		target *gatewayv1.Target
		alone  bool
		want   int
	}{
		{"of any subject", &gatewayv1.Target{Metric: typev1.Metric_METRIC_CSAT}, false, 2},
		{"of one", &gatewayv1.Target{Metric: typev1.Metric_METRIC_CSAT, Subject: typev1.Subject_SUBJECT_PRODUCT}, false, 1},
		{"of one that is not there", &gatewayv1.Target{Metric: typev1.Metric_METRIC_CSAT, Subject: typev1.Subject_SUBJECT_EXPERIENCE}, false, 0},
		{"of one that is not there, alone", &gatewayv1.Target{Metric: typev1.Metric_METRIC_STAR}, true, 1},
	} {
		if got := Targets([]*gatewayv1.Target{tt.target}, tt.alone, service, lived); len(got) != tt.want {
			t.Errorf("%s: %v, want %d", tt.name, got, tt.want)
		}
	}
}
