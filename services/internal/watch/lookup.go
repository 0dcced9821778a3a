package watch

import (
	"context"
	"sync"
	"time"
)

const (
	// shared is how many things an answer may be about that is kept for others.
	shared = 64
	// kept is how many answers are kept.
	kept = 64
	// readTimeout bounds one reading.
	readTimeout = 5 * time.Second
)

// Shared returns the span under which watchers share an answer about n things of b, all
// that it is about; zero for as many as are not worth keeping, and where there is none.
func (b Batch) Shared(n int) [2]uint64 {
	if n > shared {
		return [2]uint64{}
	}
	return b.Span
}

// Lookups read for one watcher what others ask at the same time: those of a brand with
// the same Match put the same question Q about the events of a span. An answer is never
// older than its events; many may have it, so it is to be read only. The zero value is
// ready; it is safe for concurrent use.
type Lookups[Q comparable, A any] struct {
	mu      sync.Mutex
	answers map[lookup[Q]]func() (A, error)
	order   [kept]lookup[Q] // of the answers, the next to go at turn
	turn    int
}

type lookup[Q comparable] struct {
	question Q
	span     [2]uint64
}

// Ask returns what read returns, or what it returned to another who asked the same. With
// a zero span it is asked for one watcher. Others wait for the answer too, so the reading
// does not end with ctx, but after 5 seconds; it runs [Aside].
func (r *Lookups[Q, A]) Ask(ctx context.Context, question Q, span [2]uint64, read func(context.Context) (A, error)) (A, error) {
	once := func() (a A, err error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), readTimeout)
		defer cancel()
		err = Aside(func() (err error) { a, err = read(ctx); return err })
		return a, err
	}
	if span == [2]uint64{} {
		return once()
	}
	q := lookup[Q]{question, span}
	r.mu.Lock()
	f, ok := r.answers[q]
	if !ok {
		f = sync.OnceValues(once)
		if r.answers == nil {
			r.answers = map[lookup[Q]]func() (A, error){}
		}
		delete(r.answers, r.order[r.turn])
		r.answers[q], r.order[r.turn] = f, q
		r.turn = (r.turn + 1) % kept
	}
	r.mu.Unlock()
	return f()
}
