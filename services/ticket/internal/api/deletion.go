package api

import (
	"context"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// DeleteTicket implements TicketService. Fails with `FAILED_PRECONDITION`, reason
// `DELETED`, if it is deleted already.
func (s *Server) DeleteTicket(ctx context.Context, req *ticketv1.DeleteTicketRequest) (*ticketv1.Ticket, error) {
	now := resource.Now()
	return s.mark(ctx, req, newMove(ctx, req.GetName(), req.GetEtag(), now, now), store.Deleted)
}

// UndeleteTicket implements TicketService.
func (s *Server) UndeleteTicket(ctx context.Context, req *ticketv1.UndeleteTicketRequest) (*ticketv1.Ticket, error) {
	now := resource.Now()
	m := newMove(ctx, req.GetName(), req.GetEtag(), now, now)
	m.deleted = true
	return s.mark(ctx, req, m, store.Undeleted)
}

// mark answers a request that deletes a ticket or brings one back.
func (s *Server) mark(ctx context.Context, req once.Request, m move, kind store.Kind) (*ticketv1.Ticket, error) {
	return once.Do(ctx, s.DB, m.brand, req, func(tx *sqldb.Tx) (*ticketv1.Ticket, error) {
		before, after, err := m.run(tx, func(t store.Ticket) (store.Ticket, []store.Event, error) {
			t.DeleteTime = time.Time{}
			if kind == store.Deleted {
				t.DeleteTime = m.now
			}
			return t, []store.Event{{Kind: kind}}, nil
		})
		if err != nil {
			return nil, err
		}
		s.Outbox.Emit(tx, ticketUpdated(after))
		return ticketProto(after), s.moved(tx, before, after)
	})
}
