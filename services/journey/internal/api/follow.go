package api

import (
	"context"
	"log/slog"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

const (
	followEvery = 200 * time.Millisecond
	followBatch = 100
	agingEvery  = time.Minute // status changes with time are a matter of months
	agingBatch  = 1000
	glance      = 4 // touchpoints that mostly tell how lately somebody was seen
)

// RunFollower keeps customers up to date with their touchpoints until ctx ends. Replicas
// may run it at the same time.
func (s *Server) RunFollower(ctx context.Context) {
	tick := time.NewTicker(followEvery)
	defer tick.Stop()
	var (
		aged  time.Time
		again worker.Retry
	)
	for {
		now := s.now()
		var err error
		if now.Sub(aged) >= agingEvery {
			err, aged = s.age(ctx, now), now
		}
		if err == nil {
			err = s.Follow(ctx)
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "customers are behind their touchpoints", slog.String("error", err.Error()))
		}
		again.Wait(ctx, err)
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// age marks the customers whose activity time alone has changed.
func (s *Server) age(ctx context.Context, now time.Time) error {
	n := int64(agingBatch)
	for n == agingBatch {
		err := s.db.Write(ctx, func(tx *sqldb.Tx) (err error) {
			n, err = s.store.MarkDue(tx, sqldb.Micros(now), agingBatch)
			return err
		})
		if err == nil {
			err = s.Follow(ctx)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// Follow brings the customers up to date about whom something has changed.
func (s *Server) Follow(ctx context.Context) error {
	for {
		waiting := false
		err := s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error { // which takes no turn
			some, err := store.StaleCustomers(snapshot.Reader(ctx), 1)
			waiting = len(some) > 0
			return err
		})
		if err != nil || !waiting {
			return err
		}
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			stale, err := s.store.TakeStale(tx, followBatch)
			if err != nil || len(stale) == 0 {
				return err
			}
			ids := make([]string, 0, len(stale))
			for _, c := range stale {
				ids = append(ids, c.Customer)
			}
			return s.catchUp(ctx, tx, stale[0].Brand, ids)
		})
		if err != nil {
			return err
		}
	}
}

// catchUp brings customers, and those they are part of, up to date.
func (s *Server) catchUp(ctx context.Context, tx *sqldb.Tx, brand string, ids []string) error {
	families, err := store.Families(tx, brand, ids)
	if err != nil {
		return err
	}
	roots := slices.Sorted(maps.Keys(families))
	rows, err := store.CustomerRows(tx, brand, roots)
	if err != nil {
		return err
	}
	before := map[string]store.Customer{}
	for _, c := range rows {
		before[c.ID] = c
	}
	paths, err := s.paths(ctx, tx, brand, families)
	if err != nil {
		return err
	}
	now := s.moment()
	for _, root := range roots {
		old, known := before[root]
		old.Brand, old.ID = brand, root
		if p := paths[root]; p.Trail != old.Trail || !known && p.Touchpoints > 0 {
			s.move(tx, old, p)
			store.PutTrail(tx, brand, root, p.Trail, now)
		}
	}
	return s.rescore(tx, brand, append(roots, ids...), now)
}

// A path is what follows from the touchpoints of a family, and the latest of them.
type path struct {
	store.Trail
	latest store.Touchpoint
}

// follow returns what follows from the touchpoints of c, whose family is given, and tells
// others if c has come to another stage. It leaves writing c to the caller.
func (s *Server) follow(ctx context.Context, tx *sqldb.Tx, c store.Customer, family []string) (store.Trail, error) {
	paths, err := s.paths(ctx, tx, c.Brand, map[string][]string{c.ID: family})
	s.move(tx, c, paths[c.ID])
	return paths[c.ID].Trail, err
}

// move tells others if c has come to another stage.
func (s *Server) move(tx *sqldb.Tx, c store.Customer, p path) {
	if p.Stage == c.Stage || p.Stage == 0 {
		return
	}
	n := customerName(c.Brand, c.ID)
	s.outbox.Emit(tx, &eventv1.Event{
		Brand: name.Join("brands", c.Brand), Key: n, EventTime: timestamppb.New(p.Last),
		Payload: &eventv1.Event_StageChanged{StageChanged: &eventv1.StageChanged{
			Customer: n, FromStage: typev1.Stage(c.Stage), ToStage: typev1.Stage(p.Stage),
			Touchpoint: touchpointName(c.Brand, p.latest.Customer, p.latest.ID),
		}},
	})
}

// paths returns what follows from the touchpoints of families, by their roots.
func (s *Server) paths(ctx context.Context, r store.Reader, brand string, families map[string][]string) (map[string]path, error) {
	traces, err := s.store.Traces(r, brand, slices.Concat(slices.Collect(maps.Values(families))...), glance)
	if err != nil {
		return nil, err
	}
	paths := make(map[string]path, len(families))
	for root, family := range families {
		if paths[root], err = s.path(ctx, r, brand, joined(traces, family, glance), family); err != nil {
			return nil, err
		}
	}
	return paths, nil
}

// path returns what follows from the trace of a family, of which it reads more if that
// does not tell all.
func (s *Server) path(ctx context.Context, r store.Reader, brand string, t store.Trace, family []string) (path, error) {
	if t.First.ID == "" {
		return path{}, nil
	}
	sights, err := s.sights(ctx, brand, t.Latest)
	if err == nil && len(t.Latest) == glance && !person.Settled(sights) {
		var traces map[string]store.Trace
		if traces, err = s.store.Traces(r, brand, family, person.Reach); err == nil {
			t = joined(traces, family, person.Reach)
			sights, err = s.sights(ctx, brand, t.Latest)
		}
	}
	if err != nil {
		return path{}, err
	}
	first, latest := t.First, t.Latest[0]
	status, due := person.Activity(sights, s.moment())
	return path{store.Trail{
		First: store.First{
			ID: first.ID, Customer: first.Customer, Definition: first.Definition, Channel: int32(first.Channel),
			Stage: int32(first.Stage), Time: sqldb.Time(first.EventTime), Attributes: first.Attributes,
		},
		Stage: int32(latest.Stage), Last: sqldb.Time(latest.EventTime), Activity: int32(status), ActivityDue: due,
		Touchpoints: t.Count, Services: t.Served,
	}, latest}, nil
}

// joined returns the trace of a family, with so many of its latest touchpoints.
func joined(traces map[string]store.Trace, family []string, latest int) store.Trace {
	all := traces[family[0]]
	for _, member := range family[1:] {
		t := traces[member]
		if t.First.ID != "" && (all.First.ID == "" || store.Chronological(t.First, all.First) < 0) {
			all.First = t.First
		}
		all.Latest = slices.Concat(all.Latest, t.Latest)
		all.Count += t.Count
		all.Served += t.Served
	}
	slices.SortFunc(all.Latest, func(a, b store.Touchpoint) int { return store.Chronological(b, a) })
	all.Latest = all.Latest[:min(len(all.Latest), latest)]
	return all
}

// sights returns what touchpoints tell of how lately somebody was seen. A definition that
// is no more says nothing.
func (s *Server) sights(ctx context.Context, brand string, latest []store.Touchpoint) ([]person.Sight, error) {
	sights := make([]person.Sight, 0, len(latest))
	for _, t := range latest {
		d, err := s.catalog.find(ctx, brand, t.Definition)
		if err != nil && fault.Reason(err) != "NOT_FOUND" {
			return nil, err
		}
		engaged := d.Kind == typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION || d.Kind == typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT
		sights = append(sights, person.Sight{Time: sqldb.Time(t.EventTime), Engaged: engaged})
	}
	return sights, nil
}
