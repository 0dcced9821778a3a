package api

import (
	"context"
	"fmt"
	"slices"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// MergeTickets implements TicketService. Of two merges that cross, the later is refused
// with `ABORTED`, reason `MERGES_CROSS`.
func (s *Server) MergeTickets(ctx context.Context, req *ticketv1.MergeTicketsRequest) (*ticketv1.Ticket, error) {
	if slices.Contains(req.GetSources(), req.GetName()) {
		return nil, fault.Invalid(fault.Field{Path: "sources", Reason: "merge.self", Description: "must not name the ticket that takes the others in"})
	}
	into, err := timedMove(ctx, req)
	if err != nil {
		return nil, err
	}
	sources := make([]string, len(req.GetSources()))
	for i, n := range req.GetSources() {
		sources[i] = name.ID(n)
	}
	slices.Sort(sources) // so that two merges meet in the same order
	return once.Do(ctx, s.DB, into.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := into.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			return takeIn(tx, t, sources, req.GetReason())
		})
		if err != nil {
			return nil, explain(req.GetName(), err)
		}
		for _, id := range sources {
			if err := s.fold(tx, into, id, after, req.GetReason()); err != nil {
				return nil, explain(ticketName(into.brand, id), err)
			}
		}
		s.Outbox.Emit(tx, ticketUpdated(after))
		return ticketProto(after), s.moved(tx, before, after)
	})
}

// takeIn is the rule of the ticket that takes sources in.
func takeIn(tx *sqldb.Tx, t store.Ticket, sources []string, reason string) (store.Ticket, []store.Event, error) {
	if err := crossing(tx, t, sources); err != nil {
		return t, nil, err
	}
	if _, err := t.Status.Merge(); err != nil { // it must be as open as they
		return t, nil, err
	}
	log := make([]store.Event, len(sources))
	for i, id := range sources {
		log[i] = store.Event{Kind: store.Merged, OtherTicket: id, Reason: reason}
	}
	return t, log, nil
}

// crossing refuses a merge into t if t itself has been merged into one of sources.
func crossing(tx *sqldb.Tx, t store.Ticket, sources []string) error {
	for at := t; at.Status.State == lifecycle.Merged && at.MergedInto != ""; {
		if slices.Contains(sources, at.MergedInto) {
			n := ticketName(t.Brand, t.ID)
			return &fault.Error{
				Code: codes.Aborted, Reason: "MERGES_CROSS", Metadata: map[string]string{"name": n},
				Message: fmt.Sprintf("%s was merged into one of the sources meanwhile", n),
			}
		}
		var err error
		if at, err = store.ReadTicket(tx, at.Brand, at.MergedInto); err != nil {
			return err
		}
	}
	return nil
}

// fold merges one ticket of the same customer into another.
func (s *Server) fold(tx *sqldb.Tx, m move, id string, into store.Ticket, reason string) error {
	m.id, m.etag = id, ""
	before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
		if t.Customer != into.Customer {
			return t, nil, store.ErrNotFound
		}
		status, err := t.Status.Merge()
		if err != nil {
			return t, nil, err
		}
		t.Status, t.MergedInto = status, into.ID
		return t, []store.Event{{Kind: store.Merged, OtherTicket: into.ID, Reason: reason}}, nil
	})
	if err != nil {
		return err
	}
	s.Outbox.Emit(tx, stateChanged(before, after, m.at))
	return s.moved(tx, before, after)
}
