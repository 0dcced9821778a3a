package watch

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestWatchersSeeWhatIsCommittedFromNowOn(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		h.heartbeat = 10 * time.Millisecond
		old := emit(t, h, "a")
		c := newClient()
		stop := watching(t, h, c, Request{})
		fresh := emit(t, h, "b", "c")
		c.has(t, fresh...)
		for range 3 { // the log is looked at again
			position := c.position()
			c.until(t, "a later position", func() bool { return c.at > position })
		}
		if err := stop(); !errors.Is(err, context.Canceled) {
			t.Errorf("Watch = %v, want Canceled", err)
		}
		if c.seen[old[0]] != 0 {
			t.Error("an event from before came, too")
		}
		for _, id := range fresh {
			if c.seen[id] != 1 {
				t.Errorf("%s came %d times, want once", id, c.seen[id])
			}
		}
	})
}

func TestWatchersSeeTheirBrandAndWhatTheyPick(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		live, later := newClient(), newClient()
		from := h.Now()
		pick := Request{Match: func(e *eventv1.Event) bool { return e.GetKey() == "mine" }}
		watching(t, h, live, pick)
		other := event("other", "mine")
		insert(t, h, other)
		want := emit(t, h, "mine", "not mine", "mine")
		last := emit(t, h, "mine")
		pick.From = from
		watching(t, h, later, pick)
		for _, c := range []*client{live, later} {
			c.has(t, want[0], want[2], last[0])
			c.mu.Lock()
			if len(c.seen) != 3 {
				t.Errorf("%d events came, want 3", len(c.seen))
			}
			c.mu.Unlock()
		}
	})
}

// TestNothingIsMissed has watchers who are cut off again and again while two replicas
// write with four writers each.
func TestNothingIsMissed(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		hubs := []*Hub{open(), open()}
		from := hubs[0].Now()
		var writers, watchers sync.WaitGroup
		var mu sync.Mutex
		var want []string
		for i := range 8 {
			writers.Go(func() {
				for n := range 40 {
					ids := emit(t, hubs[i%2], strings.Fields(strings.Repeat("k ", 1+n%3))...)
					mu.Lock()
					want = append(want, ids...)
					mu.Unlock()
				}
			})
		}
		written := make(chan struct{})
		clients := make([]*client, 4)
		for i := range clients {
			c := newClient()
			clients[i] = c
			c.at = from
			watchers.Go(func() {
				for cuts := 0; ; cuts++ {
					ctx, cancel := context.WithTimeout(context.Background(), rand.N(40*time.Millisecond))
					err := hubs[i%2].Watch(ctx, Request{Brand: acme, From: c.at, Match: all, Send: c.send})
					cancel()
					if ctx.Err() == nil {
						t.Errorf("Watch = %v", err)
						return
					}
					select {
					case <-written:
						if cuts > 5 {
							return
						}
					default:
					}
				}
			})
		}
		writers.Wait()
		close(written)
		watchers.Wait()
		for i, c := range clients {
			watching(t, hubs[i%2], c, Request{From: c.at})
			c.has(t, want...)
		}
	})
}

func TestARowThatAppearsLateIsSeen(t *testing.T) {
	h := hub(t, sqldbtest.Postgres(t))
	c, later := newClient(), newClient()
	from := h.Now()
	watching(t, h, c, Request{})
	c.has(t, emit(t, h, "a")...)
	late := event(acme, "b")
	late.Id = strings.ToLower(ulid.MustNew(ulid.Timestamp(time.Now().Add(-15*time.Second)), ulid.DefaultEntropy()).String())
	insert(t, h, late)
	c.has(t, late.GetId())
	watching(t, h, later, Request{From: from})
	later.has(t, late.GetId())
}

func TestThePastIsReadOnceAndInOrder(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		const n = 2*pageRows + 10
		begin := time.Now().Add(-time.Hour)
		var want []string
		for chunk := range slices.Chunk(make([]struct{}, n), 500) {
			var events []*eventv1.Event
			for range chunk {
				brand := []string{acme, "other"}[len(want)%2]
				e := event(brand, "k")
				e.Id = strings.ToLower(ulid.MustNew(ulid.Timestamp(begin.Add(time.Duration(len(want))*time.Millisecond)), ulid.DefaultEntropy()).String())
				events = append(events, e)
				want = append(want, e.GetId())
			}
			insert(t, h, events...)
		}
		var got []string
		var positions []Position
		c := newClient()
		r := Request{Brand: acme, From: at(begin.Add(time.Millisecond)), Match: all, Send: func(b Batch) (bool, error) {
			for _, e := range b.Events {
				if id := e.GetId(); len(positions) > 0 && Position(id) <= positions[len(positions)-1] {
					t.Errorf("%s comes after the position %s", id, positions[len(positions)-1])
				}
				got = append(got, e.GetId())
			}
			positions = append(positions, b.At)
			return c.send(b)
		}}
		ctx, cancel := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() { ended <- h.Watch(ctx, r) }()
		c.has(t, want[n-2])
		cancel()
		<-ended
		want = slices.DeleteFunc(want[1:], func(id string) bool { return c.seen[id] == 0 }) // those of the other brand
		if len(want) != n/2-1 || !slices.Equal(got, want) {
			t.Errorf("%d events in order %v, want %d", len(got), slices.IsSorted(got), n/2-1)
		}
		if !slices.IsSorted(positions) || len(positions) < 3 {
			t.Errorf("positions %v do not rise page by page", positions)
		}
		if positions[0] < Position(got[pageRows/2-2]) {
			t.Errorf("the first page ends at %s, before its events", positions[0])
		}
	})
}

func TestASlowWatcherIsCutOffAndSlowsNobody(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		h.limit = 16
		blocked, release := make(chan struct{}, 1), make(chan struct{})
		var last Position
		stalled := make(chan error, 1)
		first := true
		go func() {
			stalled <- h.Watch(context.Background(), Request{Brand: acme, Match: all, Send: func(b Batch) (bool, error) {
				if len(b.Events) == 0 {
					if first {
						blocked <- struct{}{}
					}
					return true, nil
				}
				if first {
					first = false
					last = b.At
					<-release
				}
				return true, nil
			}})
		}()
		<-blocked
		c := newClient()
		watching(t, h, c, Request{})
		var ids []string
		for i := range 40 {
			some := emit(t, h, fmt.Sprint(i))
			ids = append(ids, some...)
			c.has(t, some...) // the stalled one holds nobody up
		}
		close(release)
		if err := <-stalled; status.Code(err) != codes.Aborted || fault.Reason(err) != "TOO_SLOW" {
			t.Errorf("Watch = %v, want ABORTED, TOO_SLOW", err)
		}
		again := newClient()
		watching(t, h, again, Request{From: last})
		again.has(t, ids...)
	})
}

func TestHeartbeats(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		h.heartbeat = 30 * time.Millisecond
		c := newClient()
		watching(t, h, c, Request{Match: func(e *eventv1.Event) bool { return e.GetKey() == "mine" }})
		first := c.position()
		ctx, cancel := context.WithCancel(t.Context())
		var noise sync.WaitGroup
		noise.Go(func() { // what concerns others does not keep heartbeats away
			for ctx.Err() == nil {
				emit(t, h, "theirs")
			}
		})
		c.until(t, "a heartbeat with a later position", func() bool { return c.beats > 5 && c.at > first })
		cancel()
		noise.Wait()
		if got := time.Since(ulid.Time(ulid.MustParse(string(c.position())).Time())); got < overlap || got > overlap+patient {
			t.Errorf("the position is %v behind, want %v", got, overlap)
		}
	})
}

func TestEventsThatAreNoNewsDoNotDelayHeartbeats(t *testing.T) {
	h := hub(t, sqldbtest.SQLite(t))
	h.heartbeat = 30 * time.Millisecond
	beats := make(chan struct{}, 1000)
	ctx, cancel := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	wg.Go(func() {
		_ = h.Watch(ctx, Request{Brand: acme, Match: all, Send: func(b Batch) (bool, error) {
			if len(b.Events) == 0 {
				beats <- struct{}{}
			}
			return false, nil
		}})
	})
	wg.Go(func() {
		for ctx.Err() == nil {
			emit(t, h, "k")
		}
	})
	for range 4 {
		<-beats
	}
	cancel()
	wg.Wait()
}

func TestNothingRunsWithoutWatchers(t *testing.T) {
	each(t, func(t *testing.T, open func() *Hub) {
		h := open()
		for range 3 {
			a, b := newClient(), newClient()
			stopA, stopB := watching(t, h, a, Request{}), watching(t, h, b, Request{})
			_ = stopA()
			b.has(t, emit(t, h, "k")...)
			_ = stopB()
			if h.tail != nil {
				t.Error("the tail outlives its watchers")
			}
		}
	})
}

func TestWatchersHearThatTheLogIsOutOfReach(t *testing.T) {
	h := hub(t, sqldbtest.Postgres(t))
	w := &watcher{request: Request{Brand: acme, Match: all}, wake: make(chan struct{}, 1)}
	tl := &tail{hub: h, watchers: map[string]map[*watcher]struct{}{acme: {w: {}}}}
	broken, now := errors.New("x"), time.Now()
	tl.fail(now, broken)
	if _, err := w.take(); err != nil {
		t.Errorf("at once: %v, want patience", err)
	}
	tl.fail(now.Add(patience), broken)
	if _, err := w.take(); !errors.Is(err, broken) {
		t.Errorf("after %v: %v, want the error", patience, err)
	}
}
