package compose

import (
	"slices"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// OfPartner is what parts say of partners, each asked for by partner; a missing part is nil.
type OfPartner struct {
	Tickets     *ticketv1.QueryServiceMetricsResponse
	Answers     *surveyv1.QuerySurveyMetricsResponse
	Touchpoints *journeyv1.QueryExperienceMetricsResponse
	Felt        *journeyv1.QueryExperienceMetricsResponse // by partner and emotion
}

// Partner fills in what a partner answers for.
func Partner(card *gatewayv1.PartnerScorecard, window *typev1.Window, population *typev1.Population, partner string, data OfPartner) {
	own, said := groupOf(data.Tickets, partner), groupOf(data.Answers, partner)
	id := name.ID(partner)
	card.Touchpoints = groupOf(data.Touchpoints, id)
	card.Basis = scope(window, population, layer{"ticket", data.Tickets}, layer{"survey", data.Answers}, layer{"journey", data.Touchpoints})
	card.Basis.Included = Counted(own, typev1.Metric_METRIC_TICKET_COUNT) + Counted(said, typev1.Metric_METRIC_RESPONSE_COUNT) +
		Counted(card.GetTouchpoints(), typev1.Metric_METRIC_TOUCHPOINT_COUNT)
	about := func(m *typev1.Measure) bool { return m.GetSubject() == typev1.Subject_SUBJECT_SERVICE }
	all, others := slices.Concat(own, said), slices.Concat(data.Tickets.GetMeasures(), data.Answers.GetMeasures())
	card.Service = Compare(keep(all, about), others)
	card.Experience = Compare(keep(all, func(m *typev1.Measure) bool { return !about(m) }), others)
	card.Emotions = emotions(data.Felt, id)
}

// emotions returns what was felt at the touchpoints of a partner.
func emotions(felt *journeyv1.QueryExperienceMetricsResponse, id string) []*journeyv1.EmotionShare {
	counts := map[typev1.Emotion]int64{}
	for _, g := range felt.GetGroups() {
		if keys := g.GetKeys(); keys[0].GetValue() == id {
			emotion := typev1.Emotion(typev1.Emotion_value[keys[1].GetValue()])
			counts[emotion] = Counted(g.GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT)
		}
	}
	return measure.Emotions(counts)
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
