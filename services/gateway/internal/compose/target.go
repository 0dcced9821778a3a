package compose

import (
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// Targets holds each figure that there is a target for against it, in the order of the
// targets. One without a figure stands alone if alone says so, and is left out otherwise.
func Targets(targets []*gatewayv1.Target, alone bool, measures ...[]*typev1.Measure) (all []*gatewayv1.TargetResult) {
	for _, t := range targets {
		found := false
		for _, circle := range measures {
			for _, m := range circle {
				if m.GetMetric() != t.GetMetric() || t.GetSubject() != typev1.Subject_SUBJECT_UNSPECIFIED && m.GetSubject() != t.GetSubject() {
					continue
				}
				found = true
				all = append(all, result(t, m))
			}
		}
		if !found && alone {
			all = append(all, &gatewayv1.TargetResult{Target: t, State: gatewayv1.TargetResult_STATE_INSUFFICIENT})
		}
	}
	return all
}

// result holds a figure against a target, by the worse and the better end of its interval.
func result(t *gatewayv1.Target, m *typev1.Measure) *gatewayv1.TargetResult {
	e := m.GetEstimate()
	r := &gatewayv1.TargetResult{Target: t, Subject: m.GetSubject(), Estimate: e, State: gatewayv1.TargetResult_STATE_INSUFFICIENT}
	worst, best := e.GetLower(), e.GetUpper()
	switch {
	case e.Value == nil:
		return r
	case e.Lower != nil && e.Upper != nil:
	case e.GetMethod() == typev1.Method_METHOD_EXACT && e.GetUnit() == typev1.Unit_UNIT_COUNT:
		worst, best = e.GetValue(), e.GetValue() // a full count
	default:
		return r
	}
	sign := 1.0
	if t.GetDirection() == gatewayv1.Target_DIRECTION_AT_MOST {
		worst, best, sign = -best, -worst, -1
	}
	switch goal := sign * t.GetGoalValue(); {
	case worst >= goal:
		r.State = gatewayv1.TargetResult_STATE_REACHED
	case best < goal:
		r.State = gatewayv1.TargetResult_STATE_MISSED
	default:
		r.State = gatewayv1.TargetResult_STATE_NOT_DISTINGUISHABLE
	}
	r.Alarm = t.AlarmValue != nil && best < sign*t.GetAlarmValue()
	return r
}
