package api

import (
	"context"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A moveRequest asks for a move of one ticket.
type moveRequest interface {
	once.Request
	GetName() string
	GetEtag() string
	GetReason() string
	GetEventTime() *timestamppb.Timestamp
}

// timedMove returns the move that req asks for.
func timedMove(ctx context.Context, req moveRequest) (move, error) {
	now := resource.Now()
	at, err := given("event_time", req.GetEventTime(), now)
	return newMove(ctx, req.GetName(), req.GetEtag(), or(at, now), now), err
}

// PendTicket implements TicketService.
func (s *Server) PendTicket(ctx context.Context, req *ticketv1.PendTicketRequest) (*ticketv1.Ticket, error) {
	return s.shift(ctx, req, store.Pended, lifecycle.Status.Pend)
}

// HoldTicket implements TicketService.
func (s *Server) HoldTicket(ctx context.Context, req *ticketv1.HoldTicketRequest) (*ticketv1.Ticket, error) {
	return s.shift(ctx, req, store.Held, lifecycle.Status.Hold)
}

// ResumeTicket implements TicketService.
func (s *Server) ResumeTicket(ctx context.Context, req *ticketv1.ResumeTicketRequest) (*ticketv1.Ticket, error) {
	return s.shift(ctx, req, store.Resumed, lifecycle.Status.Resume)
}

// ReopenTicket implements TicketService. It cannot lie before the resolution.
func (s *Server) ReopenTicket(ctx context.Context, req *ticketv1.ReopenTicketRequest) (*ticketv1.Ticket, error) {
	return s.shift(ctx, req, store.Reopened, lifecycle.Status.Reopen)
}

// CloseTicket implements TicketService. It cannot lie before the resolution, nor after
// the ticket has closed by itself: then that is when it was closed.
func (s *Server) CloseTicket(ctx context.Context, req *ticketv1.CloseTicketRequest) (*ticketv1.Ticket, error) {
	return s.shift(ctx, req, store.Closed, lifecycle.Status.Close)
}

// shift answers a request for a move that changes the state and nothing else.
func (s *Server) shift(ctx context.Context, req moveRequest, kind store.Kind, to func(lifecycle.Status, time.Time) (lifecycle.Status, error)) (*ticketv1.Ticket, error) {
	m, err := timedMove(ctx, req)
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.DB, m.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			status, err := to(t.Status, m.at)
			if err != nil || status == t.Status {
				return t, nil, err
			}
			if t.Status.State == lifecycle.Resolved && m.at.Before(t.Status.ResolveTime) {
				return t, nil, beforeResolution("event_time")
			}
			t.Status = status
			return t, []store.Event{{Kind: kind, Time: status.CloseTime, Reason: req.GetReason()}}, nil
		})
		if err != nil {
			return nil, explain(req.GetName(), err)
		}
		if after.Version == before.Version {
			return ticketProto(after), nil
		}
		if kind == store.Reopened {
			s.Outbox.Emit(tx, ticketReopened(after, m.at))
		} else {
			s.Outbox.Emit(tx, stateChanged(before, after, or(after.Status.CloseTime, m.at)))
		}
		return ticketProto(after), s.moved(tx, before, after)
	})
}

func beforeResolution(field string) error {
	return fault.Invalid(fault.Field{Path: field, Reason: "timestamp.order", Description: "must not be before the resolution"})
}

// ResolveTicket implements TicketService.
func (s *Server) ResolveTicket(ctx context.Context, req *ticketv1.ResolveTicketRequest) (*ticketv1.Ticket, error) {
	now := resource.Now()
	at, err := given("resolve_time", req.GetResolveTime(), now)
	if err != nil {
		return nil, err
	}
	r := lifecycle.Resolution{Outcome: lifecycle.Outcome(req.GetOutcome()), Confirmed: req.GetConfirmed(), Time: at}
	m := newMove(ctx, req.GetName(), req.GetEtag(), or(at, now), now)
	return once.Do(ctx, s.DB, m.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) { return settled(t, r, now) })
		switch {
		case err != nil:
			return nil, explain(req.GetName(), err)
		case after.Version == before.Version:
			return ticketProto(after), nil
		case before.Status.State == lifecycle.Resolved && after.Status.Outcome == before.Status.Outcome: // confirmed
			s.Outbox.Emit(tx, ticketUpdated(after))
			stale(tx, before, after)
			return ticketProto(after), nil
		}
		s.Outbox.Emit(tx, ticketResolved(after))
		return ticketProto(after), s.moved(tx, before, after)
	})
}

// settled is the rule of a resolution. That the customer confirms it is no entry of
// the log: no clock depends on it.
func settled(t store.Ticket, r lifecycle.Resolution, now time.Time) (store.Ticket, []store.Event, error) {
	status, err := t.Status.Resolve(r, now)
	if err != nil {
		return t, nil, err
	}
	before := t.Status
	t.Status = status
	if before.State == lifecycle.Resolved && before.Outcome == status.Outcome {
		return t, nil, nil
	}
	e := store.Event{Kind: store.Resolved, Time: status.ResolveTime, Outcome: status.Outcome}
	if before.State == lifecycle.Resolved {
		e.Kind = store.OutcomeCorrected
	}
	return t, []store.Event{e}, nil
}
