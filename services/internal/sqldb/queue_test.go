package sqldb

import (
	"context"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
)

// arrive puts n requests into q.
func arrive(t *testing.T, q *queue, n int, aside bool) {
	t.Helper()
	for range n {
		if err := q.put(t.Context(), &request{ctx: t.Context(), aside: aside, done: make(chan struct{})}); err != nil {
			t.Fatal(err)
		}
	}
}

// taking returns what q gives to a lane, as it says so.
func taking(q *queue) <-chan int {
	sizes := make(chan int, 1)
	go func() {
		group, _ := q.take()
		sizes <- len(group)
	}()
	return sizes
}

func TestALaneWaitsForAQuickOneOnly(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(2)
		arrive(t, q, 3, false)
		if got := <-taking(q); got != 3 {
			t.Fatalf("the first lane takes %d requests, want all 3", got)
		}
		start := time.Now()
		second := taking(q)
		arrive(t, q, 2, false)
		if got := <-second; got != 2 || time.Since(start) != patience {
			t.Errorf("beside a slow lane another takes %d after %v, want 2 after %v", got, time.Since(start), patience)
		}
		q.done(false)
		q.done(false)

		arrive(t, q, 1, false)
		<-taking(q)
		start, second = time.Now(), taking(q)
		arrive(t, q, 1, false)
		time.AfterFunc(patience/2, func() { arrive(t, q, 4, false); q.done(false) })
		if got := <-second; got != 5 || time.Since(start) != patience/2 {
			t.Errorf("behind a quick lane another takes %d after %v, want 5 after %v", got, time.Since(start), patience/2)
		}
	})
}

func TestWhatIsWrittenAsideDelaysNobody(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(3)
		arrive(t, q, 2, true)
		if group, aside := q.take(); len(group) != 2 || !aside {
			t.Fatalf("a lane takes %d requests, aside: %v, want the 2 that are aside", len(group), aside)
		}
		arrive(t, q, 1, true)
		arrive(t, q, 1, false)
		start := time.Now()
		if group, aside := q.take(); len(group) != 1 || aside || time.Since(start) != 0 {
			t.Errorf("beside it a lane takes %d, aside: %v, after %v, want the usual one at once", len(group), aside, time.Since(start))
		}
		last := taking(q)
		synctest.Wait()
		select {
		case <-last:
			t.Error("two lanes run what is aside, want one")
		default:
		}
		q.done(true)
		if got := <-last; got != 1 {
			t.Errorf("then a lane takes %d, want the one that is aside", got)
		}
	})
}

func TestTheOnlyLaneTakesWhatIsAsideWithTheRest(t *testing.T) {
	q := newQueue(1)
	arrive(t, q, 1, true)
	arrive(t, q, 2, false)
	if group, aside := q.take(); len(group) != 3 || aside {
		t.Errorf("the lane takes %d, aside: %v, want all 3 as usual", len(group), aside)
	}
}

func TestAGroupHasABound(t *testing.T) {
	q := newQueue(2)
	arrive(t, q, maxGroup+1, false)
	first, _ := q.take()
	q.done(false)
	q.close()
	second, _ := q.take()
	if len(first) != maxGroup || len(second) != 1 {
		t.Errorf("lanes take %d and %d, want %d and 1", len(first), len(second), maxGroup)
	}
}

func TestWhoFindsNoSeatWaitsForOneUntilTheContextEnds(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(1)
		arrive(t, q, queueDepth, false)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		if err := q.put(ctx, &request{ctx: ctx}); status.FromContextError(err).Code() != codes.DeadlineExceeded {
			t.Errorf("without a seat: %v, want the end of the context", err)
		}
		q.take()
		arrive(t, q, maxGroup, false)
	})
}

func TestAClosedQueueIsEmptiedAndTakesNoMore(t *testing.T) {
	q := newQueue(2)
	arrive(t, q, 1, true)
	arrive(t, q, 1, false)
	q.close()
	if err := q.put(t.Context(), &request{ctx: t.Context()}); status.Code(err) != codes.Unavailable {
		t.Errorf("put after close: %v, want UNAVAILABLE", err)
	}
	for _, want := range []int{1, 1, 0} {
		if group, _ := q.take(); len(group) != want {
			t.Errorf("a lane takes %d, want %d", len(group), want)
		}
	}
}

// All lanes end, also those that waited while the last groups of a closed queue were run.
func TestAllLanesEndWithAClosedQueue(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		q := newQueue(4)
		var lanes sync.WaitGroup
		for range q.lanes {
			lanes.Go(func() {
				for group, aside := q.take(); len(group) > 0; group, aside = q.take() {
					<-time.After(time.Second)
					q.done(aside)
				}
			})
		}
		synctest.Wait()
		arrive(t, q, 1, true)
		synctest.Wait()
		arrive(t, q, 1, true)
		q.close()
		lanes.Wait()
	})
}

// A lane that had to wait for its turn takes along what came meanwhile, up to a group.
func TestALaneTakesWhatCameWhileItWaitedForItsTurn(t *testing.T) {
	q := newQueue(2)
	arrive(t, q, 3, false)
	group, _ := q.take()
	arrive(t, q, 2, false)
	arrive(t, q, 1, true)
	if got := len(q.more(len(group))); got != 2 {
		t.Errorf("a lane takes %d more, want 2", got)
	}
	arrive(t, q, 2, false)
	if got := len(q.more(maxGroup - 1)); got != 1 {
		t.Errorf("a lane whose group is short of one takes %d more, want 1", got)
	}
}
