// Package watch tells watchers what a service's outbox tells the bus. The outbox is
// a log of all changes: its ids are ULIDs, made in the transactions that write them,
// and its rows are kept for 7 days.
//
// Rows appear out of the order of their ids: by as much as a transaction goes on
// after its id was made, and as the clocks of two replicas differ. Whoever reads
// goes back [overlap], which allows for a statement (5 s at most), its wait for a
// lock (2 s at most) and clocks 13 s apart. So an event may come twice, and none is
// left out as long as both together stay below [overlap]. Nothing enforces that: a
// transaction of many writes, each slow, can go on for longer. What it says still
// reaches those who watch the process that wrote it; those who resume, or watch
// another replica, may miss it.
package watch

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc/codes"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	// overlap is how far behind the newest a row may still appear.
	overlap = 20 * time.Second
	// linger lets events gather after the first, so that watchers get the same batch: those of
	// a transaction, and where there are many as many as come in rest.
	linger = time.Millisecond
	rest   = 5 * time.Millisecond
	// patience is how long the log may be out of reach before watchers are told.
	patience = 10 * time.Second
)

// A Hub reads the outbox of a service for all its watchers. It does nothing while
// there are none. It is safe for concurrent use.
type Hub struct {
	db     *sqldb.DB
	outbox *bus.Outbox

	limit     int           // of a watcher's queue
	heartbeat time.Duration // without news
	every     time.Duration // to look for what other replicas wrote

	numbers atomic.Uint64 // of the events handed out
	mu      sync.Mutex
	tail    *tail // while somebody watches
}

// NewHub returns the hub of outbox, which is of db.
func NewHub(db *sqldb.DB, outbox *bus.Outbox) *Hub {
	return &Hub{db: db, outbox: outbox, limit: 8192, heartbeat: 15 * time.Second, every: time.Second}
}

// A Position is a place in the log: all events up to it have been sent. It is the id
// of an event or lies between two.
type Position string

// at returns the position before all events of the time t.
func at(t time.Time) Position {
	var id ulid.ULID
	if err := id.SetTime(ulid.Timestamp(t)); err != nil {
		return "" // nobody lives to see the year 10889
	}
	return Position(strings.ToLower(id.String()))
}

// Now returns the position to watch from after reading what the events are about:
// nothing that happens from now on, or has not been committed yet, lies before it.
func (h *Hub) Now() Position { return at(time.Now().Add(-overlap)) }

// A Request is what somebody wants to watch.
type Request struct {
	Brand string   // its id
	From  Position // empty to begin with what is committed after the first heartbeat

	// Match picks events. It may be called concurrently and must be quick.
	Match func(*eventv1.Event) bool

	// Send is handed the events as they come, and says whether that was news to the
	// watcher. It is called by one goroutine.
	Send func(Batch) (news bool, err error)
}

// A Batch is what a watcher is sent at a time. Without events it is a heartbeat.
type Batch struct {
	Events []*eventv1.Event // shared with others: to be read only
	At     Position         // after the events

	// Span is the same for all watchers of a brand and a Match who get these very
	// events, none of which came later than the batch. It is zero for events that are
	// read for one watcher.
	Span [2]uint64
}

// Watch sends what r asks for until ctx ends or Send fails, and a heartbeat whenever
// there was no news for 15 seconds. A watcher that falls too far behind is cut off
// with ABORTED, reason TOO_SLOW.
func (h *Hub) Watch(ctx context.Context, r Request) error {
	s := session{hub: h, request: r, at: r.From, spoke: time.Now()}
	if r.From != "" {
		if err := Aside(func() error { return s.settled(ctx) }); err != nil {
			return err
		}
	}
	t, w := h.join(r)
	defer h.leave(t, w)
	if err := t.await(ctx); err != nil {
		return err
	}
	var err error
	if r.From != "" {
		err = Aside(func() error { return s.read(ctx, end) })
	} else {
		err = s.beat(t.position())
	}
	if err != nil {
		return err
	}
	return s.live(ctx, t, w)
}

// Aside runs f on another goroutine and waits for it; a panic stays the caller's. A
// watcher waits for days on a stack that is as large as the deepest call it ever made,
// and reading a database goes deep.
func Aside(f func() error) (err error) {
	var panicked any
	done := make(chan struct{})
	go func() {
		defer close(done)
		defer func() { panicked = recover() }()
		err = f()
	}()
	<-done
	if panicked != nil {
		panic(panicked)
	}
	return err
}

// A session is one watcher being served.
type session struct {
	hub     *Hub
	request Request
	at      Position
	spoke   time.Time // when it was last sent something
}

// settled sends the past, as far as no row of it can appear any more. It takes its
// time: nothing queues meanwhile.
func (s *session) settled(ctx context.Context) error {
	for {
		now := time.Now()
		until := at(now.Add(-overlap))
		if s.at >= at(now.Add(-2*overlap)) {
			return nil
		}
		if err := s.read(ctx, until); err != nil {
			return err
		}
		s.at = until
	}
}

// read sends what is in the log after the session's position and up to until. Rows
// may still appear among those of the last [overlap], so the position stays behind.
func (s *session) read(ctx context.Context, until Position) error {
	from, bound := s.at, s.hub.Now()
	for {
		rows, err := s.hub.page(ctx, s.request.Brand, from, until)
		if err != nil {
			return err
		}
		if len(rows) > 0 {
			from = rows[len(rows)-1].id
		}
		var events []*eventv1.Event
		for _, r := range rows {
			if r.event != nil && s.request.Match(r.event) {
				events = append(events, r.event)
			}
		}
		s.at = max(s.at, min(from, bound))
		if err := s.send(Batch{Events: events, At: s.at}, false); err != nil {
			return err
		}
		if len(rows) < pageRows {
			return nil
		}
	}
}

// live sends what comes.
func (s *session) live(ctx context.Context, t *tail, w *watcher) error {
	timer := time.NewTimer(s.hub.heartbeat)
	defer timer.Stop()
	for {
		due := false
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-w.wake:
		case <-timer.C:
			due = true
		}
		position := t.position() // before the queue is taken, which then has all up to there
		batch, err := w.take()
		if err != nil {
			return err
		}
		s.at = max(s.at, position)
		batch.At = s.at
		before := s.spoke
		if err := s.send(batch, due); err != nil {
			return err
		}
		if due || !s.spoke.Equal(before) {
			timer.Reset(s.hub.heartbeat)
		}
	}
}

// send hands a batch over, and a heartbeat if there was no news for long or it is due.
func (s *session) send(b Batch, due bool) error {
	if len(b.Events) > 0 {
		news, err := s.request.Send(b)
		if err != nil {
			return err
		}
		if news {
			s.spoke = time.Now()
			return nil
		}
	}
	if due || time.Since(s.spoke) >= s.hub.heartbeat {
		return s.beat(b.At)
	}
	return nil
}

// beat sends a heartbeat.
func (s *session) beat(position Position) error {
	_, err := s.request.Send(Batch{At: position})
	s.at, s.spoke = max(s.at, position), time.Now()
	return err
}

// tooSlow reports that a watcher has fallen too far behind.
func tooSlow() error {
	return &fault.Error{
		Code: codes.Aborted, Reason: "TOO_SLOW", Retry: 100 * time.Millisecond,
		Message: "the client reads too slowly; go on with the last resume_token",
	}
}
