package abuse

import (
	"strings"
	"testing"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// listRows are about filters and orders.
func listRows() []row {
	rows := []row{
		each("T59", "a page of a million is one of 200", capped),
		filtered("a filter of 10 KB", "subject"+strings.Repeat(" ", 10<<10)),
		// On REST that is refused with the header: see G40.
		grpcOnly("T60", "a filter of 10,000 alternatives", ask{
			req:  &ticketv1.ListTicketsRequest{Parent: acme, Filter: "state = NEW" + strings.Repeat(" OR state = NEW", 9_999)},
			code: invalid, field: "filter",
		}),
	}
	for _, filter := range []string{
		`external_id = "x`, `external_id = 'x`, `((state = NEW`, `state = NEW)`, `state =`, `= NEW`, `state = SOMETHING`, `nonsense = 1`,
		`state = NEW; DROP TABLE ticket`, `open_time > "yesterday"`, `avoidable = perhaps`, strings.Repeat("NOT ", 500) + "state = NEW",
		strings.Repeat("(", 900) + "state = NEW" + strings.Repeat(")", 900),
	} {
		rows = append(rows, filtered("the filter "+filter[:min(len(filter), 40)], filter))
	}
	for _, order := range []string{"nonsense", "id; drop table", "subject", "open_time sideways", "open_time,,name", "open_time, open_time"} {
		rows = append(rows, both("T61", "the order "+order, ask{
			req: &ticketv1.ListTicketsRequest{Parent: acme, OrderBy: order}, code: invalid, field: "order_by",
		}))
	}
	return rows
}

// capped asks for more tickets than a page holds.
func capped(t *testing.T, s *suite, way surface) {
	many := &ticketv1.BatchCreateTicketsRequest{Parent: acme}
	for range 201 {
		many.Requests = append(many.Requests, newTicket())
	}
	s.create(t, way, "", many)
	list := s.create(t, way, "", &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 1_000_000}).msg.(*ticketv1.ListTicketsResponse)
	if len(list.GetTickets()) != 200 || list.GetNextPageToken() == "" {
		t.Errorf("%d tickets, token %q, want 200 and more to come", len(list.GetTickets()), list.GetNextPageToken())
	}
}

// filtered is a list that is refused for its filter.
func filtered(name, filter string) row {
	return both("T60", name, ask{req: &ticketv1.ListTicketsRequest{Parent: acme, Filter: filter}, code: invalid, field: "filter"})
}
