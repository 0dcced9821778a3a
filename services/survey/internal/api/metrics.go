package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// QuerySurveyMetrics implements SurveyMetricsService.
//
// Responses of words only enter METRIC_RESPONSE_COUNT and are counted as excluded
// from the rest. METRIC_RESPONSE_RATE speaks for those asked in the window, whenever
// they answered; their channel is the one they were asked on. It is left out where
// there is a filter or weights, and cannot be told by question, touchpoint definition,
// choice or attribute.
func (s *Server) QuerySurveyMetrics(ctx context.Context, req *surveyv1.QuerySurveyMetricsRequest) (*surveyv1.QuerySurveyMetricsResponse, error) {
	brand := name.ID(req.GetParent())
	a := asking{
		brand: brand, window: req.GetWindow(), population: req.GetPopulation(), subjects: req.GetSubjects(), surveys: req.GetSurveys(),
		filter: req.GetFilter(), groupBy: req.GetGroupBy(), strata: req.GetStrata(),
	}
	r, basis, err := s.report(ctx, a)
	if err != nil {
		return nil, err
	}
	groups, err := r.breakdown()
	if err != nil {
		return nil, err
	}
	return &surveyv1.QuerySurveyMetricsResponse{Basis: basis, Measures: r.all.measures(r.strata), Groups: groups}, nil
}

// An asking is what is asked of a report.
type asking struct {
	brand      string
	window     *typev1.Window // nil for the span of the data
	population *typev1.Population
	subjects   []typev1.Subject
	surveys    []string
	filter     string
	groupBy    []string
	strata     *surveyv1.Strata
}

// report counts what is asked for, as of one moment.
func (s *Server) report(ctx context.Context, a asking) (*report, *typev1.Basis, error) {
	read := s.now()
	picked, err := metricFields.Parse(a.filter, a.brand)
	if err != nil {
		return nil, nil, err
	}
	if _, err := s.surveysOf(ctx, a); err != nil {
		return nil, nil, err
	}
	r := newReport(a.brand, a.groupBy)
	if r.strata, err = newStrata(a.brand, a.strata); err != nil {
		return nil, nil, err
	}
	if len(a.subjects) == 1 {
		r.all.of(a.subjects[0]) // so that it is counted even if nobody spoke of it
	}
	if a.window == nil {
		if a.window, err = s.span(ctx, a.brand, rollup.Answers, rollup.Invitations); err != nil {
			return nil, nil, err
		}
	}
	if a.window != nil {
		q := a.inquiry()
		q.groups, q.choice, q.strata = r.groupBy, r.choiceAt >= 0, r.strata.dimensions()
		if picked != (filter.Filter{}) {
			q.where = picked.Where(s.DB.Postgres())
		}
		if err := s.Store.Snapshot(ctx, func(snap *store.Snapshot) error { return q.measure(snap, r) }); err != nil {
			return nil, nil, err
		}
	}
	return r, &typev1.Basis{
		Window: a.window, Population: a.population, ReadTime: timestamp(read),
		Included: r.included, Excluded: measure.Exclusions(r.excluded), Sources: []string{"survey"},
	}, nil
}

// surveysOf returns the surveys that are asked about by name, or says which of them is
// not there.
func (s *Server) surveysOf(ctx context.Context, a asking) (all []store.Survey, err error) {
	for _, of := range a.surveys {
		v, err := s.Store.Survey(ctx, a.brand, name.ID(of))
		if err != nil {
			return nil, resource.Explain(of, err)
		}
		all = append(all, v)
	}
	return all, nil
}

// inquiry returns what is asked about answers, in the window and without groups.
func (a *asking) inquiry() inquiry {
	q := inquiry{
		brand: a.brand, of: rollup.Answers, window: rangeOf(a.window), subjects: numbers(a.subjects),
		channels: numbers(a.population.GetChannels()), stages: numbers(a.population.GetStages()),
	}
	for _, v := range a.surveys {
		q.surveys = append(q.surveys, name.ID(v))
	}
	return q
}

// measure counts the answers, those that are out of the measures and, where they can be
// told, how many of those asked gave them.
func (q *inquiry) measure(snap *store.Snapshot, r *report) error {
	if err := q.read(snap, r); err != nil {
		return err
	}
	aside, err := snap.SetAside(q.selection(q.window))
	if err != nil {
		return err
	}
	r.excluded["EXCLUDED"] += aside[store.ResponseExcluded]
	r.excluded["SUPERSEDED"] += aside[store.ResponseSuperseded]
	if q.where.Text != "" || r.strata != nil {
		return nil
	}
	rate := *q
	rate.of = rollup.Invitations
	return rate.read(snap, invitees{r})
}

// invitees passes on what counts for a response rate.
type invitees struct{ report *report }

func (a invitees) whole(c *count) {
	if d, _ := c.code.Decision(); d.Number == int32(surveyv1.Invitation_DECISION_SENT) {
		a.report.whole(c)
	}
}

func (a invitees) group(c *count) error {
	if d, _ := c.code.Decision(); d.Number == int32(surveyv1.Invitation_DECISION_SENT) {
		return a.report.group(c)
	}
	return nil
}

// GetDataSpan implements SurveyMetricsService.
func (s *Server) GetDataSpan(ctx context.Context, req *surveyv1.GetDataSpanRequest) (*surveyv1.GetDataSpanResponse, error) {
	w, err := s.span(ctx, name.ID(req.GetParent()), rollup.Answers)
	if err != nil {
		return nil, err
	}
	return &surveyv1.GetDataSpanResponse{Window: w}, nil
}

// span returns the window of all that the brand has from some sources, or nil if there
// is nothing.
func (s *Server) span(ctx context.Context, brand string, sources ...rollup.Source) (*typev1.Window, error) {
	var first, last time.Time
	for _, of := range sources {
		span, err := s.Store.Span(ctx, brand, of)
		switch {
		case errors.Is(err, store.ErrNotFound):
			continue
		case err != nil:
			return nil, err
		}
		if last.IsZero() || span.First.Before(first) {
			first = span.First
		}
		if span.Last.After(last) {
			last = span.Last
		}
	}
	if last.IsZero() {
		return nil, nil
	}
	return measure.Window(first, last.Add(time.Microsecond)), nil
}

// rangeOf returns the times of w that the store can keep.
func rangeOf(w *typev1.Window) almanac.Range {
	return almanac.Range{From: ceiling(w.GetStartTime()), To: ceiling(w.GetEndTime())}
}

// ceiling returns the first time that the store can keep and that is not before ts.
func ceiling(ts *timestamppb.Timestamp) int64 {
	return sqldb.Micros(ts.AsTime().Add(time.Microsecond - time.Nanosecond))
}

// numbers returns values of the contract as the store keeps them.
func numbers[E ~int32](values []E) (all []int32) {
	for _, v := range values {
		all = append(all, int32(v))
	}
	return all
}
