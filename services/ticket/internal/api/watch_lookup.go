package api

import ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"

// A lookup is the question that all watchers with the same filter ask when something happens.
type lookup struct{ brand, filter, partner string }

// A found says how the tickets are that some events are about. Many watchers may have
// it: it is to be read only.
type found struct {
	tickets map[string]*ticketv1.Ticket // by id, those that match
	known   map[string]bool             // by id, others of which a caller bound to a partner may know
}
