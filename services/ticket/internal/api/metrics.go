package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
	"github.com/concentric-cx/concentric/services/ticket/internal/tally"
)

// QueryServiceMetrics implements ServiceMetricsService. What happened to a ticket
// after the window counts, but for the backlog, which is as of the window's end
// and includes tickets opened before the window.
func (s *Server) QueryServiceMetrics(ctx context.Context, req *ticketv1.QueryServiceMetricsRequest) (*ticketv1.QueryServiceMetricsResponse, error) {
	brand := name.Brand(req.GetParent())
	window := req.GetWindow()
	if window == nil {
		var err error
		if window, err = s.span(ctx, brand); err != nil {
			return nil, err
		}
	}
	basis := &typev1.Basis{
		Window: window, Population: req.GetPopulation(), AsOfTime: window.GetEndTime(),
		ReadTime: timestamppb.Now(), Sources: []string{"ticket"},
	}
	if window == nil {
		return &ticketv1.QueryServiceMetricsResponse{Basis: basis, Measures: tally.Nothing()}, nil
	}
	b := newBreakdown(brand, req.GetGroupBy())
	start := window.GetStartTime().AsTime()
	err := s.Store.Observe(ctx, store.ObservationFilter{
		Brand: brand, Start: start, End: window.GetEndTime().AsTime(),
		Channels: numbers(req.GetPopulation().GetChannels()), Stages: numbers(req.GetPopulation().GetStages()),
		Columns: b.columns(),
	}, func(o store.Observation) error {
		return b.add(o.Values, observed(o, start))
	})
	if err != nil {
		return nil, err
	}
	basis.Included = b.whole.Opened()
	return &ticketv1.QueryServiceMetricsResponse{Basis: basis, Measures: b.whole.Measures(), Groups: b.measures()}, nil
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

// span returns the window of the brand's data, or nil if it has none.
func (s *Server) span(ctx context.Context, brand string) (*typev1.Window, error) {
	first, last, err := s.Store.Span(ctx, brand)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, nil
	case err != nil:
		return nil, err
	}
	return measure.Window(first, last.Add(time.Microsecond)), nil
}

// observed returns what the tally needs of o in a window that begins at start.
func observed(o store.Observation, start time.Time) tally.Ticket {
	return tally.Ticket{
		Opened:       o.OpenTime >= start.UnixMicro(),
		OpenAtEnd:    o.OpenAtEnd,
		Reactive:     o.Origin == int32(typev1.Origin_ORIGIN_INBOUND),
		Answered:     o.FirstResponse.Valid,
		ResponseTime: micros(o.FirstResponse.Int64 - o.OpenTime),
		Resolved:     o.ResolveTime.Valid,
		ResolveTime:  micros(o.ResolveTime.Int64 - o.OpenTime),
		Reopened:     o.ReopenCount > 0,
	}
}

func micros(us int64) time.Duration { return time.Duration(us) * time.Microsecond }

// A breakdown tallies tickets as a whole and by group.
type breakdown struct {
	dimensions []dimension
	whole      tally.Tally
	groups     map[[3]string]*tally.Tally // by the values of up to three dimensions
}

func newBreakdown(brand string, groupBy []string) *breakdown {
	b := &breakdown{groups: map[[3]string]*tally.Tally{}}
	for _, d := range groupBy {
		b.dimensions = append(b.dimensions, newDimension(brand, d))
	}
	return b
}

// columns returns the columns of the store that the dimensions read.
func (b *breakdown) columns() []string {
	all := make([]string, len(b.dimensions))
	for i, d := range b.dimensions {
		all[i] = d.column
	}
	return all
}

// add counts one ticket with the values of the dimensions' columns.
func (b *breakdown) add(values []string, t tally.Ticket) error {
	if !t.Opened && !t.OpenAtEnd {
		return nil
	}
	b.whole.Add(t)
	if len(b.dimensions) == 0 {
		return nil
	}
	var key [3]string
	for i, d := range b.dimensions {
		v, err := d.value(values[i])
		if err != nil {
			return fmt.Errorf("read %s: %w", d.name, err)
		}
		key[i] = v
	}
	group, ok := b.groups[key]
	if !ok {
		if len(b.groups) == fault.MaxGroups {
			return fault.TooManyGroups()
		}
		group = &tally.Tally{}
		b.groups[key] = group
	}
	group.Add(t)
	return nil
}

// measures returns the groups in ascending order of their keys.
func (b *breakdown) measures() []*typev1.MeasureGroup {
	var all []*typev1.MeasureGroup
	for key, group := range b.groups {
		g := &typev1.MeasureGroup{Measures: group.Measures()}
		for i, d := range b.dimensions {
			g.Keys = append(g.Keys, &typev1.GroupKey{Dimension: d.name, Value: key[i]})
		}
		all = append(all, g)
	}
	measure.Sort(all)
	return all
}
