// Package compose lays the parts of the three services together into the two
// circles: the service view, and the experience view that holds it. It is pure.
package compose

import (
	"slices"
	"strings"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
)

// Parts is what the services answered; nil where a part is missing. The parts
// were asked for the same window and population.
type Parts struct {
	Window     *typev1.Window
	Population *typev1.Population
	Ticket     *ticketv1.QueryServiceMetricsResponse
	Journey    *journeyv1.QueryExperienceMetricsResponse

	// What customers answered about service, and about anything else.
	AboutService, AboutExperience *surveyv1.QuerySurveyMetricsResponse

	Targets []*gatewayv1.Target // of the brand
}

// The subjects of the answers in each circle. They are never pooled.
var (
	ServiceSubjects    = []typev1.Subject{typev1.Subject_SUBJECT_SERVICE}
	ExperienceSubjects = []typev1.Subject{typev1.Subject_SUBJECT_EXPERIENCE, typev1.Subject_SUBJECT_PRODUCT}
)

// Service returns the inner circle: tickets, and answers about service.
func Service(p Parts) *gatewayv1.ServiceView {
	l := p.layers(layer{"ticket", p.Ticket}, layer{"survey", p.AboutService})
	return &gatewayv1.ServiceView{
		Basis: l.basis, Measures: l.measures, Groups: l.groups,
		PrimaryMetric: primary(l.measures, typev1.Metric_METRIC_CES, typev1.Metric_METRIC_STAR, typev1.Metric_METRIC_CSAT),
	}
}

// Experience returns the outer circle: every touchpoint, and answers about
// anything but service alone.
func Experience(p Parts) *gatewayv1.ExperienceView {
	l := p.layers(layer{"journey", p.Journey}, layer{"survey", p.AboutExperience})
	return &gatewayv1.ExperienceView{
		Basis: l.basis, Measures: l.measures, Groups: l.groups, Nesting: p.Journey.GetNesting(),
		PrimaryMetric: primary(l.measures, typev1.Metric_METRIC_NPS, typev1.Metric_METRIC_JOURNEY_SCORE),
	}
}

// primary returns the first of order that has a value, or the first of all.
func primary(measures []*typev1.Measure, order ...typev1.Metric) typev1.Metric {
	for _, metric := range order {
		if slices.ContainsFunc(measures, func(m *typev1.Measure) bool {
			return m.GetMetric() == metric && m.GetEstimate().Value != nil
		}) {
			return metric
		}
	}
	return order[0]
}

// An Answer is what every metrics answer looks like.
type Answer interface {
	GetBasis() *typev1.Basis
	GetMeasures() []*typev1.Measure
	GetGroups() []*typev1.MeasureGroup
}

// A layer is a part and the service it came from.
type layer struct {
	source string
	part   Answer
}

// A sum is several layers in one.
type sum struct {
	basis    *typev1.Basis
	measures []*typev1.Measure
	groups   []*typev1.MeasureGroup
}

// layers puts the layers of one circle together.
func (p Parts) layers(all ...layer) sum {
	s := sum{basis: &typev1.Basis{Window: p.Window, Population: p.Population, AsOfTime: p.Window.GetEndTime()}}
	byKey := map[string]*typev1.MeasureGroup{}
	excluded := map[string]int64{}
	for _, l := range all {
		b := l.part.GetBasis()
		if b == nil {
			continue // the part is missing
		}
		s.basis.Sources = append(s.basis.GetSources(), l.source)
		s.basis.ReadTime = earlier(s.basis.GetReadTime(), b.GetReadTime())
		s.basis.ScoringModelRevision += b.GetScoringModelRevision() // only the journey part has one
		s.basis.Included += b.GetIncluded()
		for _, e := range b.GetExcluded() {
			excluded[e.GetReason()] += e.GetCount()
		}
		s.measures = append(s.measures, l.part.GetMeasures()...)
		for _, g := range l.part.GetGroups() {
			if len(g.GetMeasures()) == 0 {
				continue
			}
			key := measure.Key(g.GetKeys())
			if byKey[key] == nil {
				byKey[key] = &typev1.MeasureGroup{Keys: g.GetKeys()}
				s.groups = append(s.groups, byKey[key])
			}
			byKey[key].Measures = append(byKey[key].GetMeasures(), g.GetMeasures()...)
		}
	}
	s.basis.Excluded = measure.Exclusions(excluded)
	measure.Sort(s.groups)
	return s
}

// earlier returns the earlier of two times; an absent one does not count.
func earlier(a, b *timestamppb.Timestamp) *timestamppb.Timestamp {
	if a == nil || b != nil && b.AsTime().Before(a.AsTime()) {
		return b
	}
	return a
}

// Union returns the span that covers all windows; absent ones do not count.
func Union(windows ...*typev1.Window) *typev1.Window {
	var all *typev1.Window
	for _, w := range windows {
		if w == nil {
			continue
		}
		if all == nil {
			all = &typev1.Window{StartTime: w.GetStartTime(), EndTime: w.GetEndTime()}
			continue
		}
		all.StartTime = earlier(all.GetStartTime(), w.GetStartTime())
		if w.GetEndTime().AsTime().After(all.GetEndTime().AsTime()) {
			all.EndTime = w.GetEndTime()
		}
	}
	return all
}

// The dimensions each part knows, besides `attributes.KEY`, which all do.
var (
	TicketDimensions  = []string{"channel", "handling", "issue_kind", "issue_type", "stage", "phase", "partner", "team", "agent", "priority"}
	SurveyDimensions  = []string{"channel", "stage", "phase", "survey", "question", "touchpoint_definition", "partner", "team", "agent"}
	JourneyDimensions = []string{"channel", "stage", "phase", "touchpoint_definition", "function_owner", "control_level", "component", "expectation", "mode", "kind", "emotion", "segment", "persona"}
)

// TicketMetrics are the measures of the ticket service that a view shows.
var TicketMetrics = []typev1.Metric{
	typev1.Metric_METRIC_TICKET_COUNT,
	typev1.Metric_METRIC_BACKLOG,
	typev1.Metric_METRIC_REOPEN_RATE,
	typev1.Metric_METRIC_RESOLUTION_RATE,
	typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50,
	typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P90,
	typev1.Metric_METRIC_RESOLUTION_TIME_P50,
	typev1.Metric_METRIC_RESOLUTION_TIME_P90,
	typev1.Metric_METRIC_REACTIVE_SHARE,
	typev1.Metric_METRIC_SLA_ATTAINMENT,
	typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION,
	typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION_7D,
	typev1.Metric_METRIC_HANDOFF_MEAN,
	typev1.Metric_METRIC_SINGLE_AGENT_SHARE,
	typev1.Metric_METRIC_DEFLECTION_CONFIRMED_SHARE,
}

// Known returns groupBy if all of it is among the dimensions, and else nothing: a
// part either breaks its measures down as asked or not at all.
func Known(groupBy, dimensions []string) []string {
	for _, d := range groupBy {
		if !strings.HasPrefix(d, "attributes.") && !slices.Contains(dimensions, d) {
			return nil
		}
	}
	return groupBy
}
