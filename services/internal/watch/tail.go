package watch

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A tail hands out what is written while there are watchers. What this process
// commits it is told; what other replicas commit, which only PostgreSQL lets them,
// it looks for.
type tail struct {
	hub  *Hub
	wake chan struct{}
	stop context.CancelFunc
	done chan struct{}

	ready chan struct{} // closed once it misses nothing, or has failed
	err   error         // why it has failed; read after ready

	settled atomic.Int64 // all rows that were there then, in ms since 1970, are handed out

	mu   sync.Mutex
	told []*eventv1.Event

	watchers map[string]map[*watcher]struct{} // by brand; under the hub's mutex

	// What follows is the goroutine's own, and of use on PostgreSQL only.
	seen   map[Position]struct{} // ids after polled
	polled time.Time             // when it last looked
	due    time.Time             // when it looks again
	failed time.Time             // since when it cannot
}

// join adds a watcher to the tail and starts it for the first.
func (h *Hub) join(r Request) (*tail, *watcher) {
	w := &watcher{request: r, wake: make(chan struct{}, 1)}
	h.mu.Lock()
	defer h.mu.Unlock()
	if h.tail == nil {
		h.tail = h.start()
	}
	t := h.tail
	if t.watchers[r.Brand] == nil {
		t.watchers[r.Brand] = map[*watcher]struct{}{}
	}
	t.watchers[r.Brand][w] = struct{}{}
	return t, w
}

// leave removes a watcher and stops the tail with the last.
func (h *Hub) leave(t *tail, w *watcher) {
	h.mu.Lock()
	delete(t.watchers[w.request.Brand], w)
	if len(t.watchers[w.request.Brand]) == 0 {
		delete(t.watchers, w.request.Brand)
	}
	last := len(t.watchers) == 0
	if last && h.tail == t {
		h.tail = nil
	}
	h.mu.Unlock()
	if last {
		t.stop()
		<-t.done
	}
}

func (h *Hub) start() *tail {
	ctx, cancel := context.WithCancel(sqldb.ForAll(context.Background()))
	t := &tail{
		hub: h, stop: cancel, wake: make(chan struct{}, 1), done: make(chan struct{}), ready: make(chan struct{}),
		watchers: map[string]map[*watcher]struct{}{}, seen: map[Position]struct{}{},
	}
	go t.run(ctx)
	return t
}

// await waits until the tail misses nothing.
func (t *tail) await(ctx context.Context) error {
	select {
	case <-t.ready:
		return t.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// position returns the place up to which all events are in the watchers' queues.
func (t *tail) position() Position { return at(time.UnixMilli(t.settled.Load()).Add(-overlap)) }

// hear takes an event that this process has committed.
func (t *tail) hear(e *eventv1.Event) {
	t.mu.Lock()
	t.told = append(t.told, e)
	t.mu.Unlock()
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *tail) run(ctx context.Context) {
	defer close(t.done)
	defer t.hub.outbox.Listen(t.hear)()
	if !t.prepare(ctx) {
		return
	}
	tick := time.NewTicker(t.hub.every)
	defer tick.Stop()
	var last time.Time
	for ; ; last = time.Now() {
		select {
		case <-ctx.Done():
			return
		case <-t.wake:
			time.Sleep(max(linger, rest-time.Since(last)))
		case <-tick.C:
		}
		t.pass(ctx)
	}
}

// prepare takes note of what is there already: watchers read that themselves.
func (t *tail) prepare(ctx context.Context) bool {
	defer close(t.ready)
	t.polled = time.Now()
	t.settled.Store(t.polled.UnixMilli())
	if !t.hub.db.Postgres() {
		return true
	}
	ids, err := t.hub.after(ctx, t.hub.Now())
	for _, id := range ids {
		t.seen[id] = struct{}{}
	}
	if err == nil {
		return true
	}
	t.err = err
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	if t.hub.tail == t {
		t.hub.tail = nil // whoever comes next tries again
	}
	return false
}

// pass hands out what is new.
func (t *tail) pass(ctx context.Context) {
	now := time.Now()
	t.mu.Lock()
	events := t.told
	t.told = nil
	t.mu.Unlock()
	if !t.hub.db.Postgres() {
		t.handOut(events)
		t.settled.Store(now.UnixMilli())
		return
	}
	t.handOut(t.unseen(events))
	if now.Before(t.due) {
		return
	}
	events, err := t.poll(ctx, now)
	if err != nil {
		t.fail(now, err)
		return
	}
	t.handOut(events)
	t.failed = time.Time{}
	t.settled.Store(now.UnixMilli())
	// However long the log is, looking at it takes a twentieth of the time at most.
	t.due = time.Now().Add(max(t.hub.every/2, 20*time.Since(now)))
}

// unseen notes events and returns those that were not there before.
func (t *tail) unseen(events []*eventv1.Event) (fresh []*eventv1.Event) {
	for _, e := range events {
		id := Position(e.GetId())
		if _, ok := t.seen[id]; !ok {
			t.seen[id] = struct{}{}
			fresh = append(fresh, e)
		}
	}
	return fresh
}

// poll returns the events of rows that have appeared since it last looked.
func (t *tail) poll(ctx context.Context, now time.Time) ([]*eventv1.Event, error) {
	floor := at(t.polled.Add(-overlap))
	ids, err := t.hub.after(ctx, floor)
	if err != nil {
		return nil, err
	}
	var fresh []Position
	for _, id := range ids {
		if _, ok := t.seen[id]; !ok {
			fresh = append(fresh, id)
		}
	}
	events, err := t.hub.events(ctx, fresh)
	if err != nil {
		return nil, err
	}
	maps.DeleteFunc(t.seen, func(id Position, _ struct{}) bool { return id <= floor })
	for _, id := range fresh {
		t.seen[id] = struct{}{}
	}
	t.polled = now
	return events, nil
}

// fail cuts all watchers off if the log has been out of reach for long: they would
// take silence for news that there is none.
func (t *tail) fail(now time.Time, err error) {
	if t.failed.IsZero() {
		t.failed = now
	}
	if now.Sub(t.failed) < patience {
		return
	}
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	for _, watchers := range t.watchers {
		for w := range watchers {
			w.cut(err)
		}
	}
}

// handOut gives events to the watchers of their brands.
func (t *tail) handOut(events []*eventv1.Event) {
	if len(events) == 0 {
		return
	}
	items := map[string][]item{}
	for _, e := range events {
		brand := name.Brand(e.GetBrand())
		items[brand] = append(items[brand], item{e, t.hub.numbers.Add(1)})
	}
	t.hub.mu.Lock()
	defer t.hub.mu.Unlock()
	for brand, some := range items {
		for w := range t.watchers[brand] {
			w.offer(some, t.hub.limit)
		}
	}
}
