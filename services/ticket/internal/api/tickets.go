package api

import (
	"context"
	"errors"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// CreateTicket implements TicketService.
func (s *Server) CreateTicket(ctx context.Context, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
	t, err := newTicket(req, moment())
	if err != nil {
		return nil, err
	}
	fresh := req.GetTicketId() == ""
	return once.Do(ctx, s.DB, t.Brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		if err := store.AddTicket(tx, t, fresh); err != nil {
			return nil, explain(ticketName(t.Brand, t.ID), err)
		}
		s.Outbox.Emit(tx, ticketCreated(t))
		return ticketProto(t), nil
	})
}

// GetTicket implements TicketService.
func (s *Server) GetTicket(ctx context.Context, req *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
	t, err := s.Store.Ticket(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if err != nil {
		return nil, explain(req.GetName(), err)
	}
	return ticketProto(t), nil
}

// ListTickets implements TicketService.
func (s *Server) ListTickets(ctx context.Context, req *ticketv1.ListTicketsRequest) (*ticketv1.ListTicketsResponse, error) {
	size := page.Size(req)
	f := store.TicketFilter{
		Brand:    name.Brand(req.GetParent()),
		Customer: name.ID(req.GetCustomer()),
		States:   numbers(req.GetStates()),
		Limit:    size + 1, // one more tells whether there is another page
	}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Tickets(ctx, f)
	if err != nil {
		return nil, err
	}
	resp := &ticketv1.ListTicketsResponse{}
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		resp.NextPageToken, err = page.Encode(req, store.Cursor{Time: sqldb.Micros(last.OpenTime), ID: last.ID})
		if err != nil {
			return nil, err
		}
	}
	for _, t := range rows {
		resp.Tickets = append(resp.Tickets, ticketProto(t))
	}
	return resp, nil
}

// ResolveTicket implements TicketService. With another outcome than the one a
// RESOLVED ticket has it corrects the outcome; the ticket keeps its resolve time
// unless one is given.
func (s *Server) ResolveTicket(ctx context.Context, req *ticketv1.ResolveTicketRequest) (*ticketv1.Ticket, error) {
	now := moment()
	at, err := given("resolve_time", req.GetResolveTime(), now)
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.DB, name.Brand(req.GetName()), req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		t, changed, err := resolve(tx, req, at, now)
		if err != nil {
			return nil, explain(req.GetName(), err)
		}
		if changed {
			s.Outbox.Emit(tx, ticketResolved(t))
		}
		return ticketProto(t), nil
	})
}

// resolve settles the ticket of req in one statement, or finds out why that is
// not possible. It returns the ticket and whether it has changed.
func resolve(tx *sqldb.Tx, req *ticketv1.ResolveTicketRequest, at, now time.Time) (store.Ticket, bool, error) {
	brand, id := name.Brand(req.GetName()), name.ID(req.GetName())
	want, outcome := version(req.GetEtag()), lifecycle.Outcome(req.GetOutcome())
	resolved := lifecycle.Status{State: lifecycle.Resolved, Outcome: outcome, ResolveTime: or(at, now)}
	t, err := store.Settle(tx, brand, id, want, resolved, now)
	if !errors.Is(err, store.ErrNotFound) {
		return t, err == nil, err
	}
	m := move{brand: brand, id: id, at: at, now: now}
	before, after, err := m.run(tx, func(t store.Ticket) (lifecycle.Status, error) {
		if want != 0 && t.Version != want {
			return t.Status, fault.Stale(req.GetName())
		}
		return t.Status.Resolve(outcome, at, now)
	})
	return after, after.Version != before.Version, err
}

// A move changes the status of a ticket by what it was before.
type move struct {
	brand, id string
	at        time.Time // when it happened
	now       time.Time
}

// maxMoves bounds how often a move begins again because somebody else wrote the
// ticket in between.
const maxMoves = 10

// run reads the ticket, asks rule for its new status and writes that if it is
// another. It returns the ticket as it was and as it is.
func (m move) run(tx *sqldb.Tx, rule func(store.Ticket) (lifecycle.Status, error)) (before, after store.Ticket, err error) {
	for range maxMoves {
		if before, err = store.ReadTicket(tx, m.brand, m.id); err != nil {
			return before, before, err
		}
		status, err := rule(before)
		if err != nil || status == before.Status {
			return before, before, err
		}
		after, written, err := store.SetStatus(tx, before, status, m.at, m.now)
		if err != nil || written {
			return before, after, err
		}
	}
	return before, before, fault.Stale(ticketName(m.brand, m.id))
}
