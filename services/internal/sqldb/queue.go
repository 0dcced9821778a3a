package sqldb

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	maxGroup   = 512  // requests a transaction
	queueDepth = 1024 // requests that wait before Write itself waits

	// patience is how long requests wait for a lane that runs before another runs as well.
	patience = 2 * time.Millisecond
	// yields is how often a lane lets other goroutines go first before it begins a
	// transaction: callers it has just answered are about to come back, and whoever
	// misses this commit waits for two.
	yields = 2
)

// A queue is where requests wait for the lanes of a database. One lane takes all of them
// and runs, so that they share its cost: it keeps up with a database near by. Another one
// runs beside it once somebody has waited for long, as where the server is far away, waits
// for locks or has many rows to write. What was written aside has a lane to itself, if
// there is a second.
type queue struct {
	lanes int
	seats chan struct{} // of those who wait
	late  *time.Timer   // wakes lanes when somebody has waited for long

	mu     sync.Mutex
	change sync.Cond
	usual  []*request
	aside  []*request
	since  time.Time // when the first of usual came, or was left behind
	run    int       // lanes that run what is usual
	apart  bool      // whether one runs what is aside
	closed bool
}

func newQueue(lanes int) *queue {
	q := &queue{lanes: lanes, seats: make(chan struct{}, queueDepth)}
	q.change.L = &q.mu
	q.late = time.AfterFunc(time.Hour, q.change.Broadcast)
	q.late.Stop()
	return q
}

// put adds r, once there is a seat.
func (q *queue) put(ctx context.Context, r *request) error {
	select {
	case q.seats <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if q.closed {
		<-q.seats
		return fault.Unavailable("STORAGE_CLOSED", "the service is shutting down", nil)
	}
	if r.aside && q.lanes > 1 {
		q.aside = append(q.aside, r)
	} else {
		q.usual = append(q.usual, r)
		if len(q.usual) == 1 {
			q.wait()
		}
	}
	q.change.Signal()
	return nil
}

// wait begins the time that usual requests wait.
func (q *queue) wait() {
	if q.since = time.Now(); q.lanes > 1 {
		q.late.Reset(patience)
	}
}

// take returns what a lane is to run, and whether that was written aside, once there is
// something. It returns none when the queue is closed and empty.
func (q *queue) take() (group []*request, aside bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		switch {
		case len(q.aside) > 0 && !q.apart:
			q.apart = true
			return q.leave(&q.aside), true
		case len(q.usual) > 0 && (q.run == 0 || time.Since(q.since) >= patience):
			if group = q.gather(); len(group) > 0 {
				return group, false
			}
		case q.closed && len(q.usual)+len(q.aside) == 0:
			q.change.Broadcast() // others saw it closed and not empty, and wait
			return nil, false
		default:
			q.change.Wait()
		}
	}
}

// gather takes what waits, and what comes while others run that can.
func (q *queue) gather() []*request {
	q.run++
	for range yields {
		q.mu.Unlock()
		runtime.Gosched()
		q.mu.Lock()
	}
	group := q.leave(&q.usual)
	switch {
	case len(group) == 0: // another lane was quicker
		q.run--
	case len(q.usual) > 0:
		q.wait()
	}
	return group
}

// more returns what came since a lane took a group of n, as much as may go with it.
func (q *queue) more(n int) []*request {
	q.mu.Lock()
	defer q.mu.Unlock()
	return q.some(&q.usual, maxGroup-n)
}

// leave takes a group from those that wait.
func (q *queue) leave(from *[]*request) []*request { return q.some(from, maxGroup) }

// some takes requests from those that wait, n at most.
func (q *queue) some(from *[]*request, n int) []*request {
	n = min(len(*from), n)
	group := (*from)[:n:n]
	if *from = (*from)[n:]; len(*from) == 0 {
		*from = nil
	}
	for range n {
		<-q.seats
	}
	return group
}

// done says that a lane has run what it took.
func (q *queue) done(aside bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if aside {
		q.apart = false
	} else {
		q.run--
	}
	q.change.Signal()
}

// close lets lanes end once nothing waits.
func (q *queue) close() {
	q.mu.Lock()
	defer q.mu.Unlock()
	q.closed = true
	q.change.Broadcast()
}
