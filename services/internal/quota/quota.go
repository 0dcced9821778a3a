// Package quota says how many calls a brand may make: so many a second of each class,
// and for a while more than that after a pause. What one brand does changes nothing for
// another.
package quota

import (
	"container/list"
	"sync"
	"time"
)

const (
	// window is how long a brand that has paused may call as fast as it can: it has saved
	// up the calls of so long. In the long run no more than its rate is possible.
	window = 2 * time.Second
	// maxBrands is how many brands and classes are known at a time. A brand that has paused
	// for the window is like one that never called, so few are known beyond those that call.
	maxBrands = 10_000
)

// Quotas counts the calls of brands. It is safe for concurrent use, and it takes the same
// memory however many brands there are.
type Quotas struct {
	rates Rates

	mu    sync.Mutex
	known map[key]*list.Element // of *account
	order list.List             // the one that called last is in front
}

type key struct {
	brand string
	class Class
}

// An account says until when a brand has used up what it may do: each call moves that by
// the time that one call is worth, and it may be as much as the window ahead.
type account struct {
	key
	until time.Time
}

// New returns quotas of which nothing is used up.
func New(rates Rates) *Quotas {
	return &Quotas{rates: rates, known: map[key]*list.Element{}}
}

// A State is what is left of a quota.
type State struct {
	Limit     int           // calls a second
	Remaining int           // calls that may come at once
	Reset     time.Duration // until nothing is used up
	Retry     time.Duration // until one call may come; 0 if this one may
}

// Take uses up one call of a brand, and reports what is left and whether the class has a
// limit at all. A call that comes too early, for which Retry says so, uses nothing up.
func (q *Quotas) Take(brand string, class Class) (s State, limited bool) {
	rate := q.rates.of(brand, class)
	if rate <= 0 {
		return State{}, false
	}
	each := time.Second / time.Duration(rate)
	s.Limit = rate
	now := time.Now()
	q.mu.Lock()
	defer q.mu.Unlock()
	a := q.account(key{brand, class})
	if a.until.Before(now) {
		a.until = now
	}
	allowed := max(window, each) // one call, however rare
	next := a.until.Add(each)
	if early := next.Sub(now) - allowed; early > 0 {
		s.Retry = early
	} else {
		a.until = next
	}
	s.Reset = a.until.Sub(now)
	s.Remaining = int((allowed - s.Reset) / each)
	return s, true
}

// account returns that of k. Whoever has not called for longest makes room for it.
func (q *Quotas) account(k key) *account {
	if e, ok := q.known[k]; ok {
		q.order.MoveToFront(e)
		return e.Value.(*account) //nolint:errcheck // nothing else is in there
	}
	if q.order.Len() >= maxBrands {
		delete(q.known, q.order.Remove(q.order.Back()).(*account).key) //nolint:errcheck // see above
	}
	a := &account{key: k}
	q.known[k] = q.order.PushFront(a)
	return a
}
