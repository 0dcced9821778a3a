package observability

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/promql"
	"github.com/prometheus/prometheus/promql/parser"
	"github.com/prometheus/prometheus/storage"
)

// A history is what Prometheus has seen so far, in memory.
type history struct {
	storage.Querier // for what no query asks
	engine          *promql.Engine
	all             map[string]*promql.Series // by their labels as text
}

// newHistory returns an empty one.
func newHistory() *history {
	return &history{
		Querier: storage.NoopQuerier(), all: map[string]*promql.Series{},
		engine: promql.NewEngine(promql.EngineOpts{MaxSamples: 1e6, Timeout: time.Minute, Parser: parser.NewParser(parser.Options{})}),
	}
}

// add appends a figure to its series.
func (h *history) add(of labels.Labels, at time.Time, v float64) {
	key := of.String()
	if h.all[key] == nil {
		h.all[key] = &promql.Series{Metric: of}
	}
	h.all[key].Floats = append(h.all[key].Floats, promql.FPoint{T: at.UnixMilli(), F: v})
}

// end marks the series that showed nothing at this time, as a scrape does that misses them.
func (h *history) end(at time.Time) {
	for _, s := range h.all {
		if last := s.Floats[len(s.Floats)-1]; last.T < at.UnixMilli() && !value.IsStaleNaN(last.F) {
			h.add(s.Metric, at, stale())
		}
	}
}

// ask answers a query.
func (h *history) ask(t *testing.T, query string, at time.Time) promql.Vector {
	t.Helper()
	all := storage.QueryableFunc(func(int64, int64) (storage.Querier, error) { return h, nil })
	q, err := h.engine.NewInstantQuery(t.Context(), all, nil, query, at)
	if err != nil {
		t.Fatal(err)
	}
	defer q.Close()
	found, err := q.Exec(t.Context()).Vector()
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	return slices.Clone(found)
}

// Select implements [storage.Querier].
func (h *history) Select(_ context.Context, _ bool, hints *storage.SelectHints, matchers ...*labels.Matcher) storage.SeriesSet {
	found := &selection{SeriesSet: storage.EmptySeriesSet(), at: -1}
	for _, key := range slices.Sorted(maps.Keys(h.all)) {
		s := *h.all[key]
		if slices.ContainsFunc(matchers, func(m *labels.Matcher) bool { return !m.Matches(s.Metric.Get(m.Name)) }) {
			continue
		}
		from, _ := slices.BinarySearchFunc(s.Floats, hints.Start, func(p promql.FPoint, start int64) int { return cmp.Compare(p.T, start) })
		if s.Floats = s.Floats[from:]; len(s.Floats) > 0 {
			found.series = append(found.series, promql.NewStorageSeries(s))
		}
	}
	return found
}

// A selection is some series of a history.
type selection struct {
	storage.SeriesSet // without errors and warnings
	series            []storage.Series
	at                int
}

// Next implements [storage.SeriesSet].
func (s *selection) Next() bool { s.at++; return s.at < len(s.series) }

// At implements [storage.SeriesSet].
func (s *selection) At() storage.Series { return s.series[s.at] }
