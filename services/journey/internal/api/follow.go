package api

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// followBatch is how many customers are brought up to date at a time.
const followBatch = 500

// reaches are how many of the latest touchpoints are read to tell how lately somebody was
// seen: mostly the first do.
var reaches = [...]int{4, 50, person.Reach}

// A finding is what follows from the touchpoints of customers of a brand who were marked,
// as they were at one moment.
type finding struct {
	brand    string
	marks    []store.Stale
	families map[string][]string // by root
	paths    map[string]path     // by root
	judgment judgment
	now      time.Time // no later than what was read
}

// catchUp brings up to date up to limit of the customers who come after one and about whom
// something has changed. It returns who they are, even if it fails, and whether that are
// all.
//
// What takes long is to find out, and does not keep others from writing. What is found
// is kept unless it concerns somebody whom others have brought up to date or merged
// meanwhile; whoever has touchpoints that came meanwhile stays marked.
func (s *Server) catchUp(ctx context.Context, after store.Stale, limit int) (marks []store.Stale, all bool, err error) {
	defer func() {
		if p := recover(); p != nil { // what one customer brings about must not end the process
			err = fmt.Errorf("panic over customers: %v\n%s", p, debug.Stack())
		}
	}()
	now := s.moment()
	err = s.store.Snapshot(ctx, func(snapshot *store.Snapshot) error {
		alone, err := snapshot.Follow(ctx)
		if err != nil || !alone {
			marks, all = nil, true
			return err
		}
		r := snapshot.Reader(ctx)
		if marks, err = store.StaleCustomers(r, after, limit); err != nil || len(marks) == 0 {
			all = true
			return err
		}
		all = len(marks) < limit
		if other := slices.IndexFunc(marks, func(m store.Stale) bool { return m.Brand != marks[0].Brand }); other > 0 {
			marks, all = marks[:other], false
		}
		f, err := s.findOut(ctx, r, marks, now)
		if err != nil {
			return err
		}
		return s.db.Write(ctx, func(tx *sqldb.Tx) error { return s.keep(tx, f) })
	})
	return marks, all, err
}

// findOut returns what follows from the touchpoints of those who are marked.
func (s *Server) findOut(ctx context.Context, r store.Reader, marks []store.Stale, now time.Time) (f finding, err error) {
	f = finding{brand: marks[0].Brand, marks: marks, now: now}
	if f.families, err = s.store.Families(r, f.brand, marked(marks)); err != nil {
		return f, err
	}
	if f.paths, err = s.paths(ctx, r, f.brand, f.families); err != nil {
		return f, err
	}
	f.judgment, err = s.judge(r, f.brand, store.Listed(slices.Concat(slices.Collect(maps.Keys(f.families)), marked(marks))), now)
	return f, err
}

func marked(marks []store.Stale) []string {
	ids := make([]string, 0, len(marks))
	for _, m := range marks {
		ids = append(ids, m.Customer)
	}
	return ids
}

// keep stores what was found of those who are still marked and one with the same
// customers. It unmarks those about whom nothing has changed since.
func (s *Server) keep(tx *sqldb.Tx, f finding) error {
	s.store.Turn(tx)
	stamps, err := s.store.Stamps(tx, f.brand, marked(f.marks))
	if err != nil {
		return err
	}
	families, err := s.store.Families(tx, f.brand, marked(f.marks))
	if err != nil {
		return err
	}
	live := map[string]bool{} // customers, by whether what was found of them counts
	var roots []string
	for root, family := range f.families {
		if !slices.Equal(family, families[root]) || !slices.ContainsFunc(family, func(c string) bool { _, ok := stamps[c]; return ok }) {
			continue
		}
		roots = append(roots, root)
		for _, customer := range family {
			live[customer] = true
		}
	}
	slices.Sort(roots)
	if err := s.keepTrails(tx, f, roots); err != nil {
		return err
	}
	j := judgment{
		scores: slices.DeleteFunc(slices.Clone(f.judgment.scores), func(r store.Score) bool { return !live[r.Customer] }),
		none:   slices.DeleteFunc(slices.Clone(f.judgment.none), func(c string) bool { return !live[c] }),
	}
	_, late, err := s.settle(tx, f.brand, j)
	if err != nil {
		return err
	}
	for _, root := range late {
		for _, customer := range f.families[root] {
			delete(live, customer)
		}
	}
	var done []string
	for _, m := range f.marks {
		if live[m.Customer] && stamps[m.Customer] == m.Stamp {
			done = append(done, m.Customer)
		}
	}
	s.store.Unmark(tx, f.brand, done)
	return nil
}

// keepTrails stores where customers have come to, and tells others of those who have come
// to another stage.
func (s *Server) keepTrails(tx *sqldb.Tx, f finding, roots []string) error {
	if len(roots) == 0 {
		return nil
	}
	before, err := s.store.Trails(tx, f.brand, roots)
	if err != nil {
		return err
	}
	fresh := map[string]store.Trail{}
	for _, root := range roots {
		old, known := before[root]
		if p := f.paths[root]; p.Trail != old || !known && p.Touchpoints > 0 {
			s.move(tx, store.Customer{Record: table.Record{Brand: f.brand, ID: root}, Trail: old}, p)
			fresh[root] = p.Trail
		}
	}
	s.store.PutTrails(tx, f.brand, slices.Sorted(maps.Keys(fresh)), fresh, f.now)
	return nil
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

// paths returns what follows from the touchpoints of families, by their roots. It reads more
// of those of whom the latest touchpoints do not tell all.
func (s *Server) paths(ctx context.Context, r store.Reader, brand string, families map[string][]string) (map[string]path, error) {
	paths := make(map[string]path, len(families))
	rest := families
	for _, latest := range reaches {
		if len(rest) == 0 {
			break
		}
		traces, err := s.store.Traces(r, brand, slices.Concat(slices.Collect(maps.Values(rest))...), latest)
		if err != nil {
			return nil, err
		}
		unsettled := map[string][]string{}
		for root, family := range rest {
			t := joined(traces, family, latest)
			sights, err := s.sights(ctx, brand, t.Latest)
			if err != nil {
				return nil, err
			}
			if latest < person.Reach && len(t.Latest) == latest && !s.settled(t, sights) {
				unsettled[root] = family
				continue
			}
			paths[root] = s.path(t, sights)
		}
		rest = unsettled
	}
	return paths, nil
}

// settled reports whether touchpoints before the latest ones have no say in how lately
// somebody was seen: they tell all, or that was long ago, or since the first touchpoint
// there was no time for a pause.
func (s *Server) settled(t store.Trace, sights []person.Sight) bool {
	last, oldest := sights[0].Time, sights[len(sights)-1].Time
	return person.Settled(sights) || !s.moment().Before(last.Add(person.Idle)) ||
		oldest.Before(sqldb.Time(t.First.EventTime).Add(person.Idle))
}

// path returns what follows from the trace of a family and what it tells of how lately
// they were seen.
func (s *Server) path(t store.Trace, sights []person.Sight) path {
	if t.First.ID == "" {
		return path{}
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
	}, latest}
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
