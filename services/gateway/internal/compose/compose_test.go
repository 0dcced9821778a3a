package compose

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

const (
	inner = typev1.Subject_SUBJECT_SERVICE
	outer = typev1.Subject_SUBJECT_EXPERIENCE
)

func star(s typev1.Subject, n int64) *typev1.Measure {
	return &typev1.Measure{Metric: typev1.Metric_METRIC_STAR, Subject: s, Estimate: measure.Estimate(stats.Wilson(n, n), typev1.Unit_UNIT_POINTS)}
}

func group(value string, ms ...*typev1.Measure) *typev1.MeasureGroup {
	return &typev1.MeasureGroup{Keys: []*typev1.GroupKey{{Dimension: "channel", Value: value}}, Measures: ms}
}

func parts() Parts {
	return Parts{
		Window: measure.Window(noon.Add(-time.Hour), noon),
		Ticket: &ticketv1.QueryServiceMetricsResponse{
			Basis:    &typev1.Basis{Included: 7, ReadTime: timestamppb.New(noon.Add(time.Second)), Excluded: []*typev1.Exclusion{{Reason: "X", Count: 1}}},
			Measures: []*typev1.Measure{{Metric: typev1.Metric_METRIC_TICKET_COUNT, Subject: inner, Estimate: measure.Count(7)}},
			Groups:   []*typev1.MeasureGroup{group("PHONE", &typev1.Measure{Metric: typev1.Metric_METRIC_TICKET_COUNT, Subject: inner})},
		},
		AboutService: &surveyv1.QuerySurveyMetricsResponse{
			Basis:    &typev1.Basis{Included: 20, ReadTime: timestamppb.New(noon), Excluded: []*typev1.Exclusion{{Reason: "X", Count: 2}}},
			Measures: []*typev1.Measure{star(inner, 20)},
			Groups:   []*typev1.MeasureGroup{group("EMAIL"), group("PHONE", star(inner, 20))},
		},
		AboutExperience: &surveyv1.QuerySurveyMetricsResponse{
			Basis:    &typev1.Basis{Included: 30, ReadTime: timestamppb.New(noon)},
			Measures: []*typev1.Measure{star(outer, 30)},
			Groups:   []*typev1.MeasureGroup{group("EMAIL", star(outer, 30))},
		},
		Journey: &journeyv1.QueryExperienceMetricsResponse{
			Basis:    &typev1.Basis{Included: 90, ReadTime: timestamppb.New(noon), ScoringModelRevision: "r1"},
			Measures: []*typev1.Measure{{Metric: typev1.Metric_METRIC_JOURNEY_SCORE, Subject: outer, Estimate: measure.Count(70)}},
			Nesting:  &journeyv1.Nesting{Touchpoints: 90, ServiceTouchpoints: 7},
		},
	}
}

func TestSubjectsStayApart(t *testing.T) {
	s, e := Service(parts()), Experience(parts())
	for _, m := range s.GetMeasures() {
		if m.GetSubject() != inner {
			t.Errorf("the service view shows %v about %v", m.GetMetric(), m.GetSubject())
		}
	}
	for _, m := range e.GetMeasures() {
		if m.GetSubject() == inner {
			t.Errorf("the experience view shows %v about service", m.GetMetric())
		}
	}
	if len(s.GetMeasures()) != 2 || len(e.GetMeasures()) != 2 {
		t.Errorf("measures = %d and %d, want 2 and 2", len(s.GetMeasures()), len(e.GetMeasures()))
	}
	if s.GetPrimaryMetric() != typev1.Metric_METRIC_STAR || e.GetPrimaryMetric() != typev1.Metric_METRIC_JOURNEY_SCORE {
		t.Errorf("primary = %v and %v", s.GetPrimaryMetric(), e.GetPrimaryMetric())
	}
}

func TestBasisAddsUpThePartsThatCame(t *testing.T) {
	b := Service(parts()).GetBasis()
	if b.GetIncluded() != 27 || len(b.GetExcluded()) != 1 || b.GetExcluded()[0].GetCount() != 3 {
		t.Errorf("basis = %v, want 27 included and 3 excluded", b)
	}
	if !slices.Equal(b.GetSources(), []string{"ticket", "survey"}) || !b.GetReadTime().AsTime().Equal(noon) || !b.GetAsOfTime().AsTime().Equal(noon) {
		t.Errorf("basis = %v, want the older reading, as of the end of the window", b)
	}
	p := parts()
	p.Ticket, p.AboutService = nil, nil
	if b := Service(p).GetBasis(); len(b.GetSources()) != 0 || b.GetWindow() == nil {
		t.Errorf("basis without parts = %v, want a window and no sources", b)
	}
}

func TestGroupsMeetByKey(t *testing.T) {
	s := Service(parts())
	if len(s.GetGroups()) != 1 || len(s.GetGroups()[0].GetMeasures()) != 2 {
		t.Errorf("service groups = %v, want PHONE with both parts", s.GetGroups())
	}
	if e := Experience(parts()); len(e.GetGroups()) != 1 || e.GetGroups()[0].GetKeys()[0].GetValue() != "EMAIL" {
		t.Errorf("experience groups = %v, want EMAIL", e.GetGroups())
	}
}

func TestUnion(t *testing.T) {
	at := func(h int) time.Time { return noon.Add(time.Duration(h) * time.Hour) }
	got := Union(nil, measure.Window(at(2), at(3)), measure.Window(at(1), at(2)), measure.Window(at(2), at(5)))
	if !got.GetStartTime().AsTime().Equal(at(1)) || !got.GetEndTime().AsTime().Equal(at(5)) {
		t.Errorf("Union = %v", got)
	}
	if Union(nil, nil) != nil {
		t.Error("the union of nothing is something")
	}
}

func TestKnown(t *testing.T) {
	for _, tt := range []struct {
		by, want []string
	}{
		{nil, nil},
		{[]string{"channel"}, []string{"channel"}},
		{[]string{"channel", "attributes.tenure"}, []string{"channel", "attributes.tenure"}},
		{[]string{"channel", "priority"}, nil},
	} {
		if got := Known(tt.by, SurveyDimensions); !slices.Equal(got, tt.want) {
			t.Errorf("Known(%v) = %v, want %v", tt.by, got, tt.want)
		}
	}
}
