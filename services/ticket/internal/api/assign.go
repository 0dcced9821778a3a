package api

import (
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// AssignTicket implements TicketService. A ticket that goes to whom it has already
// stays as it is.
func (s *Server) AssignTicket(ctx context.Context, req *ticketv1.AssignTicketRequest) (*ticketv1.Ticket, error) {
	h := handover{
		to:     store.Owner{Agent: name.ID(req.GetAgent()), Team: name.ID(req.GetTeam()), Partner: name.ID(req.GetPartner())},
		reason: req.GetReason(),
	}
	return s.handOver(ctx, req, h)
}

// EscalateTicket implements TicketService.
func (s *Server) EscalateTicket(ctx context.Context, req *ticketv1.EscalateTicketRequest) (*ticketv1.Ticket, error) {
	h := handover{
		to:     store.Owner{Agent: name.ID(req.GetAgent()), Team: name.ID(req.GetTeam())},
		reason: req.GetReason(), escalate: true, priority: int32(req.GetPriority()),
	}
	return s.handOver(ctx, req, h)
}

// A handover gives a ticket to somebody, and raises it if it is an escalation.
type handover struct {
	to       store.Owner // nobody for whom it has
	escalate bool
	priority int32 // 0 for the one it has
	reason   string
}

// handOver answers a request for a handover.
func (s *Server) handOver(ctx context.Context, req moveRequest, h handover) (*ticketv1.Ticket, error) {
	m, err := timedMove(ctx, req)
	if err != nil {
		return nil, err
	}
	return once.Do(ctx, s.DB, m.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			next, log, err := h.apply(tx, m, t)
			if err != nil || next.Priority == t.Priority {
				return next, log, err
			}
			changed, err := s.slaRematch(tx, &next)
			if changed {
				log = append(log, store.Event{Kind: store.PolicyApplied, Policy: next.Policy})
			}
			return next, log, err
		})
		if err != nil {
			return nil, explain(req.GetName(), err)
		}
		if after.Version == before.Version {
			return ticketProto(after), nil
		}
		s.Outbox.Emit(tx, ticketAssigned(after, m.at, h.escalate))
		return ticketProto(after), s.moved(tx, before, after)
	})
}

// apply is the rule of h.
func (h handover) apply(tx *sqldb.Tx, m move, t store.Ticket) (store.Ticket, []store.Event, error) {
	before, handed := t, h.to != store.Owner{}
	var err error
	if h.escalate {
		t.Status, err = t.Status.Escalate(m.at, handed)
	} else {
		t.Status, err = t.Status.Assign(m.at)
	}
	if err != nil {
		return t, nil, err
	}
	if handed {
		to, err := assignee(tx, m.brand, m.partner, h.to)
		if err != nil {
			return t, nil, err
		}
		own(&t, to)
		t.HandoffCount += handoffs(before.Owner(), to)
	}
	e := store.Event{Kind: store.Assigned, Owner: t.Owner(), OwnerBefore: before.Owner(), Reason: h.reason}
	if h.escalate {
		e.Kind = store.Escalated
		t.EscalationLevel++
		if h.priority != 0 && h.priority != t.Priority {
			e.Priority, e.OldPriority = h.priority, t.Priority
			t.Priority = h.priority
		}
	} else if e.Owner == e.OwnerBefore && t.Status == before.Status {
		return before, nil, nil
	}
	return t, []store.Event{e}, nil
}

// handoffs returns 1 if a ticket that an agent or a team had went to another, and else 0.
func handoffs(from, to store.Owner) int32 {
	if (from.Agent != "" || from.Team != "") && (from.Agent != to.Agent || from.Team != to.Team) {
		return 1
	}
	return 0
}
