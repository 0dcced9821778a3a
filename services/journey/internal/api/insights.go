package api

import (
	"context"
	"math"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// QueryExperienceMetrics implements InsightService.
func (s *Server) QueryExperienceMetrics(ctx context.Context, req *journeyv1.QueryExperienceMetricsRequest) (*journeyv1.QueryExperienceMetricsResponse, error) {
	brand := name.Brand(req.GetParent())
	by, err := s.dimensions(ctx, brand, req.GetGroupBy())
	if err != nil {
		return nil, err
	}
	q := &query{
		brand: brand, model: s.store.Model(), population: req.GetPopulation(), by: by,
		all: insight.New(s.store.Model()), groups: map[string]*group{},
	}
	answer := &journeyv1.QueryExperienceMetricsResponse{Basis: &typev1.Basis{
		Population: req.GetPopulation(), ReadTime: timestamppb.New(s.now()),
		ScoringModelRevision: s.revision(brand), Sources: []string{source},
	}}
	err = s.store.Snapshot(ctx, func(snap *store.Snapshot) error {
		window, err := windowOf(ctx, snap, brand, req.GetWindow())
		if err != nil || window == nil {
			return err
		}
		answer.Basis.Window, answer.Basis.AsOfTime = window, window.GetEndTime()
		q.start, q.end = sqldb.Micros(window.GetStartTime().AsTime()), sqldb.Micros(window.GetEndTime().AsTime())
		return q.run(ctx, snap)
	})
	if err != nil {
		return nil, err
	}
	answer.Basis.Included = q.all.Touchpoints()
	answer.Measures, answer.Nesting = q.all.Measures(q.end), q.all.Nesting()
	for _, g := range q.groups {
		if g.Touchpoints() > 0 {
			answer.Groups = append(answer.Groups, &typev1.MeasureGroup{Keys: g.keys, Measures: g.Measures(q.end)})
		}
	}
	measure.Sort(answer.Groups)
	return answer, nil
}

// windowOf returns the window that was asked for, else the span of the brand's
// data, else nil.
func windowOf(ctx context.Context, snap *store.Snapshot, brand string, asked *typev1.Window) (*typev1.Window, error) {
	if asked != nil {
		return asked, nil
	}
	first, last, ok, err := snap.Span(ctx, brand)
	if err != nil || !ok {
		return nil, err
	}
	return measure.Window(sqldb.Time(first), sqldb.Time(last+1)), nil
}

// GetDataSpan implements InsightService.
func (s *Server) GetDataSpan(ctx context.Context, req *journeyv1.GetDataSpanRequest) (*journeyv1.GetDataSpanResponse, error) {
	answer := &journeyv1.GetDataSpanResponse{}
	err := s.store.Snapshot(ctx, func(snap *store.Snapshot) (err error) {
		answer.Window, err = windowOf(ctx, snap, name.Brand(req.GetParent()), nil)
		return err
	})
	return answer, err
}

// A query is one call of QueryExperienceMetrics on its way.
type query struct {
	brand      string
	model      *score.Model
	population *typev1.Population
	by         *dimensions
	start, end int64 // of the window
	rest       int64 // touchpoints from here on are not in the sums that were read
	all        *insight.Group
	groups     map[string]*group
}

type group struct {
	*insight.Group
	keys []*typev1.GroupKey
}

// run reads the touchpoints of the window, and for the journey, which begins
// before it, the sums of the brand. Sums know stages and nothing else: where that
// is not enough, all touchpoints before the end are read.
func (q *query) run(ctx context.Context, snap *store.Snapshot) error {
	filter := store.Filter{
		To: q.end, Channels: q.population.GetChannels(), Stages: q.population.GetStages(), Attributes: q.by.attributes,
	}
	q.rest = math.MinInt64
	if len(filter.Channels) == 0 && len(q.by.names) == 0 {
		last := q.model.Bucket(q.end) - 1
		lived, err := snap.Pooled(ctx, q.brand, filter.Stages, last)
		if err != nil {
			return err
		}
		q.all.Lived(lived.Cells, lived.Unscored)
		q.rest = (last + 1) * q.model.HalfLife.Microseconds()
		filter.From = min(q.start, q.rest)
	}
	return snap.Scan(ctx, q.brand, filter, q.take)
}

// take counts one touchpoint for all and for its group.
func (q *query) take(t *store.Touchpoint) error {
	touch, scored := t.Touch(q.model)
	o := insight.Observation{
		Customer: t.Customer, Expectation: t.Expectation, Service: t.Service, Touch: touch, Scored: scored,
	}
	q.count(q.all, o)
	if len(q.by.names) == 0 {
		return nil
	}
	g, err := q.group(t)
	if err != nil {
		return err
	}
	q.count(g.Group, o)
	return nil
}

func (q *query) count(g *insight.Group, o insight.Observation) {
	if o.Touch.Time >= q.start {
		g.Add(o)
	}
	if o.Touch.Time >= q.rest {
		g.Live(o)
	}
}

// group returns the group of t.
func (q *query) group(t *store.Touchpoint) (*group, error) {
	keys, err := q.by.keys(t)
	if err != nil {
		return nil, err
	}
	key := measure.Key(keys)
	g := q.groups[key]
	if g == nil {
		if len(q.groups) >= fault.MaxGroups {
			return nil, fault.TooManyGroups()
		}
		g = &group{insight.New(q.model), keys}
		q.groups[key] = g
	}
	return g, nil
}
