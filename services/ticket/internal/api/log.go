package api

import (
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// ListTicketEvents implements TicketService. Entries of one time come in the order in
// which they were recorded.
func (s *Server) ListTicketEvents(ctx context.Context, req *ticketv1.ListTicketEventsRequest) (*ticketv1.ListTicketEventsResponse, error) {
	size := page.Size(req)
	var after store.LogCursor
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	t, err := s.ticket(ctx, req.GetParent())
	if err != nil {
		return nil, err
	}
	log, err := s.Store.Log(ctx, t, after, size+1)
	if err != nil {
		return nil, err
	}
	resp := &ticketv1.ListTicketEventsResponse{}
	if len(log) > size {
		log = log[:size]
		if resp.NextPageToken, err = page.Encode(req, log[size-1].Cursor()); err != nil {
			return nil, err
		}
	}
	for _, e := range log {
		resp.Events = append(resp.Events, eventProto(e))
	}
	return resp, nil
}
