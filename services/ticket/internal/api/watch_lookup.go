package api

import (
	"sync"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// A lookup is the question that all watchers with the same filter ask when something happens.
type lookup struct{ brand, filter, partner string }

// A found says how the tickets are that some events are about. Many watchers may have
// it: it is to be read only.
type found struct {
	tickets map[string]*ticketv1.Ticket // by id, those that match
	known   map[string]bool             // by id, others of which a caller bound to a partner may know
	ready   *ready
}

// maxReady is how many messages are kept encoded: watchers of a filter who came at different
// times have tokens of their own, but for few they are not worth the memory.
const maxReady = 128

// A ready has the messages that say what was found, each encoded once for all watchers who
// are told the same. It is safe for concurrent use.
type ready struct {
	mu       sync.Mutex
	messages map[told]*rpc.Prepared
}

// A told is what makes messages about one found differ.
type told struct {
	change        ticketv1.WatchTicketsResponse_Change
	ticket, token string
}

// or returns what is to be sent for m: m, ready for all who are told the same.
func (r *ready) or(m *ticketv1.WatchTicketsResponse) any {
	key := told{m.GetChange(), m.GetTicket().GetName(), m.GetResumeToken()}
	r.mu.Lock()
	defer r.mu.Unlock()
	if p := r.messages[key]; p != nil {
		return p
	}
	if len(r.messages) >= maxReady {
		return m
	}
	p, err := rpc.Prepare(m)
	if err != nil {
		return m // which fails alike
	}
	if r.messages == nil {
		r.messages = map[told]*rpc.Prepared{}
	}
	r.messages[key] = p
	return p
}
