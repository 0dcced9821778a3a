package sqldb

import (
	"sync"
	"sync/atomic"
	"time"
)

// takeTurns is how long lanes run one at a time after their transactions have
// collided. Groups that update the same rows in any order deadlock all the time when
// they run side by side; one after the other they never do.
const takeTurns = 10 * time.Second

// turns lets the lanes of a database run side by side until they collide.
type turns struct {
	mu    sync.RWMutex
	until atomic.Int64 // take turns, in nanoseconds since 1970
}

// A turn is the right of one lane to run transactions.
type turn struct {
	of    *turns
	held  bool
	alone bool
}

func (t *turn) take() {
	t.held, t.alone = true, time.Now().UnixNano() < t.of.until.Load()
	if t.alone {
		t.of.mu.Lock()
	} else {
		t.of.mu.RLock()
	}
}

func (t *turn) give() {
	switch {
	case !t.held:
	case t.alone:
		t.of.mu.Unlock()
	default:
		t.of.mu.RUnlock()
	}
	t.held = false
}

// collided takes the turn anew, now with no other lane beside it.
func (t *turn) collided() {
	t.give()
	t.of.until.Store(time.Now().Add(takeTurns).UnixNano())
	t.take()
}
