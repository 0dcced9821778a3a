package api

import (
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// CreateInteraction implements InteractionService. An interaction may begin
// before its ticket was opened, as histories have it; such a response is left out
// of the response times.
func (s *Server) CreateInteraction(ctx context.Context, req *ticketv1.CreateInteractionRequest) (*ticketv1.Interaction, error) {
	now := moment()
	in, err := newInteraction(req, now)
	if err != nil {
		return nil, err
	}
	fresh := req.GetInteractionId() == ""
	m := move{brand: in.Brand, id: in.Ticket, at: in.Act.Start, now: now}
	return once.Do(ctx, s.DB, in.Brand, req, func(tx *sqldb.Tx) (*ticketv1.Interaction, error) {
		before, t, err := m.run(tx, func(t store.Ticket) (lifecycle.Status, error) { return t.Status.Act(in.Act) })
		if err != nil {
			return nil, explain(req.GetParent(), err)
		}
		i := in
		if i.Channel == 0 {
			i.Channel = t.Channel
		}
		if err := store.AddInteraction(tx, i, fresh); err != nil {
			return nil, explain(interactionName(i), err)
		}
		s.Outbox.Emit(tx, interactionCreated(t, i))
		if t.Status.ReopenCount > before.Status.ReopenCount {
			s.Outbox.Emit(tx, ticketReopened(t, i.Act.Start))
		}
		return interactionProto(i), nil
	})
}

// GetInteraction implements InteractionService.
func (s *Server) GetInteraction(ctx context.Context, req *ticketv1.GetInteractionRequest) (*ticketv1.Interaction, error) {
	n := req.GetName()
	i, err := s.Store.Interaction(ctx, name.Brand(n), name.ID(name.Parent(n)), name.ID(n))
	if err != nil {
		return nil, explain(n, err)
	}
	return interactionProto(i), nil
}

// ListInteractions implements InteractionService.
func (s *Server) ListInteractions(ctx context.Context, req *ticketv1.ListInteractionsRequest) (*ticketv1.ListInteractionsResponse, error) {
	size := page.Size(req)
	f := store.InteractionFilter{Brand: name.Brand(req.GetParent()), Ticket: name.ID(req.GetParent()), Limit: size + 1}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Interactions(ctx, f)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 { // of a ticket without interactions, or of no ticket?
		if _, err := s.Store.Ticket(ctx, f.Brand, f.Ticket); err != nil {
			return nil, explain(req.GetParent(), err)
		}
	}
	resp := &ticketv1.ListInteractionsResponse{}
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		resp.NextPageToken, err = page.Encode(req, store.Cursor{Time: sqldb.Micros(last.Act.Start), ID: last.ID})
		if err != nil {
			return nil, err
		}
	}
	for _, i := range rows {
		resp.Interactions = append(resp.Interactions, interactionProto(i))
	}
	return resp, nil
}
