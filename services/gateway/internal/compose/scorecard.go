package compose

import (
	"slices"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// Partner returns what a partner answers for, by tickets and answers that were asked for by
// partner; a missing part is nil.
func Partner(window *typev1.Window, population *typev1.Population, partner string, tickets *ticketv1.QueryServiceMetricsResponse, answers *surveyv1.QuerySurveyMetricsResponse) (basis *typev1.Basis, service, experience []*gatewayv1.Comparison) {
	own, said := groupOf(tickets, partner), groupOf(answers, partner)
	basis = scope(window, population, layer{"ticket", tickets}, layer{"survey", answers})
	basis.Included = Counted(own, typev1.Metric_METRIC_TICKET_COUNT) + Counted(said, typev1.Metric_METRIC_RESPONSE_COUNT)
	about := func(m *typev1.Measure) bool { return m.GetSubject() == typev1.Subject_SUBJECT_SERVICE }
	all, others := slices.Concat(own, said), slices.Concat(tickets.GetMeasures(), answers.GetMeasures())
	service = Compare(keep(all, about), others)
	experience = Compare(keep(all, func(m *typev1.Measure) bool { return !about(m) }), others)
	return basis, service, experience
}

// Function returns what a function answers for, by touchpoints that were asked for by owner; nil
// if the part is missing. data has the rest of the basis.
func Function(data Parts, function typev1.Function, lived *journeyv1.QueryExperienceMetricsResponse) (basis *typev1.Basis, experience []*gatewayv1.Comparison, touchpoints []*journeyv1.TouchpointHealth) {
	own := groupOf(lived, function.String())
	basis = scope(data.Window, data.Population, layer{"journey", lived}, layer{"ticket", data.Ticket}, layer{"survey", data.AboutService})
	basis.Included = Counted(own, typev1.Metric_METRIC_TOUCHPOINT_COUNT)
	basis.ScoringModelRevision = lived.GetBasis().GetScoringModelRevision()
	for _, health := range lived.GetTouchpoints() {
		if health.GetFunctionOwner() == function {
			touchpoints = append(touchpoints, health)
		}
	}
	return basis, Compare(own, lived.GetMeasures()), touchpoints
}

// scope is the basis of a scorecard, but for what is counted.
func scope(window *typev1.Window, population *typev1.Population, all ...layer) *typev1.Basis {
	basis := &typev1.Basis{Window: window, Population: population, AsOfTime: window.GetEndTime()}
	for _, l := range all {
		if b := l.part.GetBasis(); b != nil {
			basis.Sources = append(basis.GetSources(), l.source)
			basis.ReadTime = earlier(basis.GetReadTime(), b.GetReadTime())
		}
	}
	return basis
}

// groupOf returns the measures of the group of one value.
func groupOf(p Answer, value string) []*typev1.Measure {
	for _, g := range p.GetGroups() {
		if g.GetKeys()[0].GetValue() == value {
			return g.GetMeasures()
		}
	}
	return nil
}

// Counted returns the value of a count, all subjects together.
func Counted(measures []*typev1.Measure, metric typev1.Metric) (n int64) {
	for _, m := range measures {
		if m.GetMetric() == metric {
			n += int64(m.GetEstimate().GetValue())
		}
	}
	return n
}

// keep returns the measures that pick picks.
func keep(measures []*typev1.Measure, pick func(*typev1.Measure) bool) (kept []*typev1.Measure) {
	for _, m := range measures {
		if pick(m) {
			kept = append(kept, m)
		}
	}
	return kept
}

// Only returns the groups with one metric alone.
func Only(groups []*typev1.MeasureGroup, metric typev1.Metric) (only []*typev1.MeasureGroup) {
	for _, g := range groups {
		measures := keep(g.GetMeasures(), func(m *typev1.Measure) bool { return m.GetMetric() == metric })
		if len(measures) > 0 {
			only = append(only, &typev1.MeasureGroup{Keys: g.GetKeys(), Measures: measures})
		}
	}
	return only
}
