package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// QueryServiceMetrics implements ServiceMetricsService. What happened to a ticket
// after the window counts, but for the backlog, which is as of the window's end
// and includes tickets opened before the window.
func (s *Server) QueryServiceMetrics(ctx context.Context, req *ticketv1.QueryServiceMetricsRequest) (*ticketv1.QueryServiceMetricsResponse, error) {
	q, basis, err := s.question(ctx, req)
	if err != nil {
		return nil, err
	}
	picked, err := ticketFields.Parse(req.GetFilter(), q.brand)
	if err != nil {
		return nil, err
	}
	if picked != (filter.Filter{}) {
		q.where = picked.Where(s.DB.Postgres())
	}
	choice := tally.Choose(req.GetMetrics())
	if basis.GetWindow() == nil {
		return &ticketv1.QueryServiceMetricsResponse{Basis: basis, Measures: tally.Nothing(choice)}, nil
	}
	for _, d := range req.GetGroupBy() {
		q.groupBy = append(q.groupBy, newDimension(d))
	}
	a := newAnswer(q, choice)
	if err := s.Store.Snapshot(ctx, a.read); err != nil {
		return nil, err
	}
	if err := s.countSessions(ctx, a); err != nil {
		return nil, err
	}
	resp := &ticketv1.QueryServiceMetricsResponse{Basis: basis}
	whole, err := a.sum(a.whole)
	if err != nil {
		return nil, err
	}
	basis.Included = whole.Counts[rollup.Opened]
	resp.Measures = whole.Measures(choice)
	resp.Groups, err = a.measures()
	return resp, err
}

// A narrowed request says which tickets it is about.
type narrowed interface {
	GetParent() string
	GetWindow() *typev1.Window
	GetPopulation() *typev1.Population
}

// question reads whom a request is about, and makes the basis of the answer. Without
// data there is no window.
func (s *Server) question(ctx context.Context, req narrowed) (question, *typev1.Basis, error) {
	brand, window := name.Brand(req.GetParent()), req.GetWindow()
	if window == nil {
		var err error
		if window, err = s.span(ctx, brand); err != nil {
			return question{}, nil, err
		}
	}
	now := resource.Now()
	q := question{
		brand: brand, partner: partnerOf(ctx), now: now,
		channels: codesOf(req.GetPopulation().GetChannels()), stages: codesOf(req.GetPopulation().GetStages()),
	}
	if window != nil {
		q.window = almanac.Range{From: ceiling(window.GetStartTime()), To: ceiling(window.GetEndTime())}
	}
	return q, &typev1.Basis{
		Window: window, Population: req.GetPopulation(), AsOfTime: window.GetEndTime(),
		ReadTime: timestamppb.New(now), Sources: []string{"ticket"},
	}, nil
}

// ceiling returns the first time that the store can keep and that is not before ts.
func ceiling(ts *timestamppb.Timestamp) int64 {
	return sqldb.Micros(ts.AsTime().Add(time.Microsecond - time.Nanosecond))
}

// GetDataSpan implements ServiceMetricsService. The span runs from the first
// opening to just after the last opening, first response or resolution; other
// interactions are the business of the journey service.
func (s *Server) GetDataSpan(ctx context.Context, req *ticketv1.GetDataSpanRequest) (*ticketv1.GetDataSpanResponse, error) {
	window, err := s.span(ctx, name.Brand(req.GetParent()))
	if err != nil {
		return nil, err
	}
	return &ticketv1.GetDataSpanResponse{Window: window}, nil
}

// span returns the window of the brand's data, of a partner's if the caller is bound to
// one, or nil if there is none.
func (s *Server) span(ctx context.Context, brand string) (*typev1.Window, error) {
	first, last, err := s.Store.Span(ctx, brand, partnerOf(ctx))
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return measure.Window(first, last.Add(time.Microsecond)), nil
}
