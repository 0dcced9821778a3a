package api

import (
	"sync"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const (
	// shared is how many tickets an answer may be about that is kept for others.
	shared = 64
	// kept is how many answers are kept.
	kept = 64
	// readTimeout bounds one reading.
	readTimeout = 5 * time.Second
)

// A lookup is the question that all watchers with the same filter ask when something happens.
type lookup struct {
	brand, filter, partner string
	span                   [2]uint64 // of the events, see [watch.Batch]; zero is asked for one watcher
}

// A found says how the tickets are that some events are about. Many watchers may have
// it: it is to be read only.
type found struct {
	tickets map[string]*ticketv1.Ticket // by id, those that match
	known   map[string]bool             // by id, others of which a caller bound to a partner may know
}

// Lookups read for one watcher what others ask at the same time. An answer is never
// older than the events it is asked about. The zero value is ready; it is safe for
// concurrent use.
type lookups struct {
	mu      sync.Mutex
	answers map[lookup]func() (found, error)
	order   [kept]lookup // of the answers, the next to go at turn
	turn    int
}

// ask returns what read returns, or what it returned to another who asked q.
func (r *lookups) ask(q lookup, read func() (found, error)) (found, error) {
	if q.span == [2]uint64{} {
		return read()
	}
	r.mu.Lock()
	f, ok := r.answers[q]
	if !ok {
		f = sync.OnceValues(read)
		if r.answers == nil {
			r.answers = map[lookup]func() (found, error){}
		}
		delete(r.answers, r.order[r.turn])
		r.answers[q], r.order[r.turn] = f, q
		r.turn = (r.turn + 1) % kept
	}
	r.mu.Unlock()
	return f()
}
