package api

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	// fresh is how long a server goes on with policies and schedules that another
	// replica may have changed.
	fresh = time.Second

	maxBook = 10_000 // entries of each sort, so that nobody can fill the memory
)

// A book remembers the policies and schedules that tickets are opened and counted by.
// Its zero value is empty. It is safe for concurrent use.
type book struct {
	mu        sync.RWMutex
	edition   int64 // rises whenever something is changed here
	orders    map[string]order
	promises  map[revision]*promise
	timelines map[scheduleID]timeline
}

// An order is the policies of a brand as they are tried.
type order struct {
	policies []store.SLAPolicy
	read     time.Time
}

// A revision names one of a policy.
type revision struct {
	brand, id string
	number    int64
}

// A promise is a revision of a policy, made ready for each priority.
type promise struct {
	schedule string // empty if all time counts
	by       [priorities]*sla.Policy
}

// priorities is how many numbers there are, 0 for none.
const priorities = 5

type scheduleID struct{ brand, id string }

// A timeline is the revisions of a schedule as they came into force.
type timeline struct {
	inForce []sla.InForce
	last    int64 // revision
	read    time.Time
	edition int64
}

// forget makes the next one who asks look again, after a change.
func (b *book) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.edition++
	clear(b.orders)
}

// A reader looks things up in a book and, where that does not know, in the database.
type reader struct {
	book  *book
	query store.Query
	keep  func(func()) // runs its argument once what has been read is committed
}

// within returns the reader of a transaction.
func (s *Server) within(tx *sqldb.Tx) reader {
	return reader{&s.sla.book, store.In(tx), tx.AfterCommit}
}

// outside returns the reader of a call that changes nothing.
func (s *Server) outside(ctx context.Context) reader {
	return reader{&s.sla.book, s.Store.Query(ctx), func(f func()) { f() }}
}

// order returns the policies of a brand as they are tried.
func (r reader) order(brand string) ([]store.SLAPolicy, error) {
	b := r.book
	b.mu.RLock()
	known, ok := b.orders[brand]
	edition := b.edition
	b.mu.RUnlock()
	now := time.Now()
	if ok && now.Sub(known.read) < fresh {
		return known.policies, nil
	}
	found, err := store.PolicyOrder(r.query, brand)
	if err != nil {
		return nil, err
	}
	r.keep(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if b.edition == edition {
			b.orders = put(b.orders, brand, order{found, now})
		}
	})
	return found, nil
}

// put adds to a map of the book, which it makes or empties where need be.
func put[K comparable, V any](m map[K]V, key K, value V) map[K]V {
	if m == nil || len(m) >= maxBook {
		m = map[K]V{}
	}
	m[key] = value
	return m
}

// promise returns a revision of a policy, or nil if there is none.
func (r reader) promise(brand string, p store.Policy) (*promise, error) {
	b, key := r.book, revision{brand, p.ID, p.Revision}
	b.mu.RLock()
	known := b.promises[key]
	b.mu.RUnlock()
	if known != nil || p.ID == "" {
		return known, nil
	}
	row, err := store.PolicyRevision(r.query, brand, p.ID, p.Revision)
	if errors.Is(err, store.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	made := newPromise(row)
	r.keep(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		b.promises = put(b.promises, key, made)
	})
	return made, nil
}

// newPromise makes a policy ready.
func newPromise(p store.SLAPolicy) *promise {
	made := &promise{schedule: p.Schedule}
	for priority := range made.by {
		policy := &sla.Policy{
			Name: p.ID, Revision: p.Revision, Targets: map[sla.Metric]sla.Target{}, Pauses: map[sla.Metric][]lifecycle.State{},
			BotResponses: p.BotCounts, NoteResponses: p.NoteCounts, AutomaticAcknowledges: p.AutomaticAcknowledges,
		}
		for _, t := range p.Targets {
			metric := sla.Metric(t.Metric)
			if _, has := policy.Targets[metric]; t.Priority != int32(priority) && (t.Priority != 0 || has) {
				continue
			}
			policy.Targets[metric] = sla.Target{Duration: t.Duration, BusinessTime: p.Schedule != "" && !t.WallClock, WarnAt: t.WarnAt}
			policy.Pauses[metric] = nil
			for _, state := range t.PauseStates {
				policy.Pauses[metric] = append(policy.Pauses[metric], lifecycle.State(state))
			}
		}
		made.by[priority] = policy
	}
	return made
}

// of returns what is promised to a ticket of a priority.
func (p *promise) of(priority int32) *sla.Policy {
	if p == nil {
		return nil
	}
	if priority < 0 || priority >= priorities {
		priority = 0
	}
	return p.by[priority]
}

// timeline returns the revisions of a schedule as they came into force, none for "".
func (r reader) timeline(brand, schedule string) ([]sla.InForce, error) {
	if schedule == "" {
		return nil, nil
	}
	b, key := r.book, scheduleID{brand, schedule}
	b.mu.RLock()
	known := b.timelines[key]
	edition := b.edition
	b.mu.RUnlock()
	now := time.Now()
	if known.last > 0 && known.edition == edition && now.Sub(known.read) < fresh {
		return known.inForce, nil
	}
	rows, err := store.ScheduleHistory(r.query, brand, schedule, known.last)
	if err != nil {
		return nil, err
	}
	made := timeline{inForce: known.inForce[:len(known.inForce):len(known.inForce)], last: known.last, read: now, edition: edition}
	for _, row := range rows {
		compiled, err := compile(row)
		if err != nil {
			return nil, err
		}
		made.inForce = append(made.inForce, sla.InForce{From: row.UpdateTime, Name: row.ID, Schedule: compiled})
		made.last = row.Revision
	}
	r.keep(func() {
		b.mu.Lock()
		defer b.mu.Unlock()
		if made.last > 0 && made.last >= b.timelines[key].last {
			b.timelines = put(b.timelines, key, made)
		}
	})
	return made.inForce, nil
}
