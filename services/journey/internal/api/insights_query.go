package api

import (
	"context"
	"math"
	"slices"
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// What is meant where nothing is said.
const (
	brokenThreshold = 0.2
	brokenMinimum   = 30
	contactHorizon  = 14 * 24 * time.Hour
)

// A query is one call of QueryExperienceMetrics on its way.
type query struct {
	brand      string
	model      *score.Model
	population *typev1.Population
	people     people
	by         *dimensions
	parts      parts
	start, end int64 // of the window
	rest       int64 // touchpoints from here on are not in the sums that were read
	all        *insight.Group
	groups     map[string]*group
}

type group struct {
	*insight.Group
	keys []*typev1.GroupKey
}

func (s *Server) newQuery(ctx context.Context, brand string, req *journeyv1.QueryExperienceMetricsRequest) (*query, error) {
	model, err := s.models.active(ctx, brand)
	if err != nil {
		return nil, err
	}
	by, err := s.dimensions(ctx, brand, req.GetGroupBy())
	return &query{
		brand: brand, model: model, population: req.GetPopulation(), people: people{req.GetSegments(), req.GetPersonas()}, by: by,
		parts: partsOf(req), all: insight.New(model), groups: map[string]*group{},
	}, err
}

// run reads the touchpoints of the window, and for the journey, which begins
// before it, the sums of the brand. Sums know stages and nothing else: where that
// is not enough, all touchpoints before the end are read.
func (q *query) run(ctx context.Context, snap *store.Snapshot) error {
	filter := store.Filter{
		To: q.end, Channels: q.population.GetChannels(), Stages: q.population.GetStages(),
		Attributes: q.by.attributes, People: q.by.people || q.people.any(),
	}
	q.rest = math.MinInt64
	if len(filter.Channels) == 0 && len(q.by.names) == 0 && !q.people.any() {
		last := q.model.Bucket(q.end) - 1
		lived, err := snap.Pooled(ctx, q.brand, filter.Stages, last, q.model)
		if err != nil {
			return err
		}
		q.all.Lived(lived.Cells, lived.Unscored)
		q.rest = (last + 1) * q.model.HalfLife.Microseconds()
		filter.From = min(q.start, q.rest)
	}
	if err := snap.See(ctx, q.brand, filter, q.take); err != nil {
		return err
	}
	if err := q.returning(ctx, snap); err != nil {
		return err
	}
	return q.contact(ctx, snap)
}

// take counts one touchpoint for all and for its groups.
func (q *query) take(t *store.Seen) error {
	if !q.people.has(t) {
		return nil
	}
	touch, scored := t.Touch(q.model)
	o := insight.Observation{
		Customer: t.Customer, Expectation: t.Expectation, Service: t.Service, Touch: touch, Scored: scored,
	}
	if t.Rating.Given() {
		o.Word = insight.WordOf(t.Expectation, t.Rating.Outcome(), true)
	} else {
		o.Word = insight.WordOf(t.Expectation, 0, false)
	}
	q.count(q.all, o)
	if t.EventTime >= q.start {
		if q.parts.emotions != nil {
			q.parts.emotions.Add(t.Emotion)
		}
		if q.parts.health != nil {
			q.parts.health.Add(t.Definition, t.Expectation)
		}
	}
	if len(q.by.names) == 0 {
		return nil
	}
	return q.by.keys(t, func(keys []*typev1.GroupKey) error {
		g, err := q.group(keys)
		if err == nil {
			q.count(g.Group, o)
		}
		return err
	})
}

func (q *query) count(g *insight.Group, o insight.Observation) {
	if o.Touch.Time >= q.start {
		g.Add(o)
	}
	if o.Touch.Time >= q.rest {
		g.Live(o)
	}
}

// group returns the group of these keys.
func (q *query) group(keys []*typev1.GroupKey) (*group, error) {
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

// returning finds out who was there before the window, if that is asked for.
func (q *query) returning(ctx context.Context, snap *store.Snapshot) error {
	if !q.parts.has(journeyv1.Section_SECTION_RETURNING_CUSTOMERS) {
		return nil
	}
	before := map[string]bool{}
	err := snap.Returned(ctx, q.brand, q.start, q.end, func(customer string) { before[customer] = true })
	q.all.Returning(before)
	for _, g := range q.groups {
		g.Returning(before)
	}
	return err
}

// contact reads what followed unmet expectations of the window, if that is asked for.
// Whom the population leaves out may have turned to service all the same, there or
// elsewhere.
func (q *query) contact(ctx context.Context, snap *store.Snapshot) error {
	if q.parts.contact == nil {
		return nil
	}
	filter := store.Filter{
		From: q.start, To: q.end + q.parts.contact.Horizon().Microseconds(), Contact: true, People: q.people.any(),
	}
	channels, stages := q.population.GetChannels(), q.population.GetStages()
	return snap.See(ctx, q.brand, filter, func(t *store.Seen) error {
		switch {
		case t.Service:
			q.parts.contact.Served(t.Customer, t.EventTime)
		case t.EventTime >= q.end || !q.people.has(t):
		case len(channels) > 0 && !slices.Contains(channels, t.Channel):
		case len(stages) > 0 && !slices.Contains(stages, t.Stage):
		default:
			q.parts.contact.Failed(t.Customer, t.EventTime)
		}
		return nil
	})
}
