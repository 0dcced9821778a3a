package api

import (
	"cmp"
	"context"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// ticketFields are the fields that tickets are filtered and ordered by.
var ticketFields = filter.Fields{
	{Name: "name", Kind: filter.Name, Column: "id", Collection: "tickets", Order: "id"},
	{Name: "customer", Kind: filter.Name, Collection: "customers"},
	{Name: "state", Kind: filter.Enum, Enum: ticketv1.Ticket_State(0).Descriptor(), Order: "state"},
	{Name: "priority", Kind: filter.Enum, Enum: ticketv1.Ticket_Priority(0).Descriptor(), Order: "priority"},
	{Name: "issue_kind", Kind: filter.Enum, Enum: ticketv1.Ticket_IssueKind(0).Descriptor()},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "handling", Kind: filter.Enum, Enum: typev1.Handling(0).Descriptor()},
	{Name: "origin", Kind: filter.Enum, Enum: typev1.Origin(0).Descriptor()},
	{Name: "partner", Kind: filter.Name, Collection: "partners"},
	{Name: "team", Kind: filter.Name, Collection: "teams"},
	{Name: "agent", Kind: filter.Name, Collection: "agents"},
	{Name: "open_time", Kind: filter.Time, Order: "open_time"},
	{Name: "first_response_time", Kind: filter.Time, Nullable: true},
	{Name: "resolve_time", Kind: filter.Time, Nullable: true},
	{Name: "outcome", Kind: filter.Enum, Enum: ticketv1.Ticket_Outcome(0).Descriptor()},
	{Name: "outcome_confirmed", Kind: filter.Bool},
	{Name: "attributes", Kind: filter.Map},
	{Name: "create_time", Kind: filter.Time},
	{Name: "update_time", Kind: filter.Time, Order: "update_time"},
	{Name: "issue_type", Kind: filter.Name, Collection: "issueTypes"},
	{Name: "problem", Kind: filter.Name, Collection: "problems"},
	{Name: "cause_touchpoint", Column: causeTouchpoint},
	{Name: "campaign"},
	{Name: "external_id", Nullable: true},
	{Name: "follow_up_of", Kind: filter.Name, Collection: "tickets"},
	{Name: "merged_into", Kind: filter.Name, Collection: "tickets"},
	{Name: "avoidable", Kind: filter.Bool},
	{Name: "grievance", Kind: filter.Bool},
	{Name: "sla_policy", Kind: filter.Name, Collection: "slaPolicies"},
	{Name: "close_time", Kind: filter.Time, Nullable: true},
	{Name: "delete_time", Kind: filter.Time, Nullable: true},
}

// causeTouchpoint is the SQL for the name of the touchpoint that made the customer ask.
const causeTouchpoint = `(CASE WHEN cause_touchpoint = '' THEN ''
	ELSE 'brands/' || brand || '/customers/' || customer || '/touchpoints/' || cause_touchpoint END)`

// ListTickets implements TicketService.
func (s *Server) ListTickets(ctx context.Context, req *ticketv1.ListTicketsRequest) (*ticketv1.ListTicketsResponse, error) {
	postgres, brand := s.DB.Postgres(), name.Brand(req.GetParent())
	picked, err := ticketFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	order, err := ticketFields.ParseOrder(cmp.Or(req.GetOrderBy(), "open_time desc"))
	if err != nil {
		return nil, err
	}
	var cursor filter.Cursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	after, err := order.After(cursor, postgres)
	if err != nil {
		return nil, err
	}
	rows, err := s.Store.Tickets(ctx, store.TicketFilter{
		Brand: brand, Customer: name.ID(req.GetCustomer()), Of: idsOf(req.GetCustomers()), Each: int(req.GetPerCustomer()),
		Partner: partnerOf(ctx), States: codesOf(req.GetStates()), Deleted: req.GetShowDeleted(),
		Where: []filter.Clause{picked.Where(postgres)}, After: after, By: order.By(postgres),
		Limit: page.Size(req) + 1, // one more tells whether there is another page
	})
	if err != nil {
		return nil, err
	}
	resp := &ticketv1.ListTicketsResponse{}
	for _, t := range rows {
		resp.Tickets = append(resp.Tickets, ticketProto(t))
	}
	if n := page.Fit(req, resp.Tickets); n < len(rows) {
		resp.Tickets = resp.Tickets[:n]
		resp.NextPageToken, err = nextTicket(req, order, rows[n-1])
	}
	return resp, err
}

// nextTicket returns the token of the page after t.
func nextTicket(req *ticketv1.ListTicketsRequest, order filter.Order, t store.Ticket) (string, error) {
	cursor, err := order.Cursor(t.ID, func(field string) any {
		switch field {
		case "open_time":
			return t.OpenTime
		case "update_time":
			return t.UpdateTime
		case "priority":
			return t.Priority
		case "state":
			return int32(t.Status.State)
		}
		return t.ID
	})
	if err != nil {
		return "", err
	}
	return page.Encode(req, cursor)
}
