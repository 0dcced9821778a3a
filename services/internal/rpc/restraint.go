package rpc

import (
	"context"
	"math"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	// hope is how many times as many calls as a server takes are made of a brand of which it
	// refuses some: so it is soon known when it takes more.
	hope = 1.25
	// patience is how many calls more are made in any case.
	patience = 3
	// memory is the half-life of what is known of a brand.
	memory = 500 * time.Millisecond
	// warming is how long a brand is only counted, so that it is known what the server takes
	// before anything is refused for it.
	warming = 2 * memory
	// maxRestrained is how many brands are known at a time.
	maxRestrained = 1024
)

// A restraint keeps a client from calls that would be refused. Where a server says that it
// has too many, it is not asked much more often than it answers; the other calls of the brand
// are refused by the client, at once and at no cost of the server. Its zero value works, and it
// may be used concurrently.
type restraint struct {
	mu     sync.Mutex
	brands map[string]*tally // of which calls were refused of late
	some   atomic.Bool       // whether there are such brands

	refusals refusals
}

// A tally counts the calls of a brand, older ones less.
type tally struct {
	wanted, taken float64
	at            time.Time // of these counts
	from          time.Time // when refusing begins
}

// age lets what was counted fade.
func (t *tally) age(now time.Time) {
	fade := math.Exp2(-now.Sub(t.at).Seconds() / memory.Seconds())
	t.wanted, t.taken, t.at = t.wanted*fade, t.taken*fade, now
}

// ask counts a call that is wanted and refuses it where a server would. Pair with hear after
// success.
func (r *restraint) ask(brand string) error {
	if !r.some.Load() {
		return nil
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.brands[brand]
	if t == nil {
		return nil
	}
	t.age(time.Now())
	t.wanted++
	if t.at.Before(t.from) {
		return nil
	}
	if over := t.wanted - hope*t.taken - patience; over > 0 && rand.Float64() < over/t.wanted {
		return r.refusals.next()
	}
	return nil
}

// hear counts the answer to a call.
func (r *restraint) hear(brand string, err error) {
	overloaded := isOverload(err)
	if !overloaded && !r.some.Load() {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	t := r.brands[brand]
	switch {
	case t == nil && overloaded:
		if r.brands == nil || len(r.brands) >= maxRestrained { // more than answer so often at a time
			r.brands = map[string]*tally{}
		}
		now := time.Now()
		r.brands[brand] = &tally{wanted: 1, at: now, from: now.Add(warming)}
	case t != nil && !overloaded:
		t.age(time.Now())
		t.taken++
		if t.wanted-t.taken < 1 { // nothing was refused for long
			delete(r.brands, brand)
		}
	}
	r.some.Store(len(r.brands) > 0)
}

// isOverload reports whether a server of the suite says with err that it has too many calls.
func isOverload(err error) bool {
	return status.Code(err) == codes.Unavailable && fault.Reason(err) == tooManyCalls
}

// behalf returns whose share a call made with ctx uses of a server's places.
func behalf(ctx context.Context) string {
	if c, ok := ctx.Value(actKey{}).(*Caller); ok {
		return shareOf(*c)
	}
	c, _ := CallerFrom(ctx)
	return shareOf(c)
}
