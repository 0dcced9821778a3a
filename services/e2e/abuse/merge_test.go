package abuse

import (
	"sync"
	"testing"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// mergeRows are about tickets that have to do with each other.
func mergeRows() []row {
	eight := acme + "/tickets/8"
	return []row{
		both("T54", "a merge of a ticket into itself", ask{
			req: &ticketv1.MergeTicketsRequest{Name: seven, Sources: []string{seven}}, code: invalid, field: "sources",
		}),
		each("T55", "merges that cross", crossing),
		both("T56", "a merge with another brand's ticket", ask{
			req: &ticketv1.MergeTicketsRequest{Name: seven, Sources: []string{"brands/other/tickets/9"}}, code: notFound,
		}),
		both("T56", "a merge of which one part is another brand's", ask{
			req: &ticketv1.MergeTicketsRequest{Name: seven, Sources: []string{eight, "brands/other/tickets/9"}}, code: notFound,
		}),
		each("T56", "a merge with another customer's ticket", func(t *testing.T, s *suite, way surface) {
			bobs := must[*ticketv1.Ticket](t, s, newTicket(func(r *create) { r.Ticket.Customer = acme + "/customers/bob" })).GetName()
			ask{req: &ticketv1.MergeTicketsRequest{Name: seven, Sources: []string{eight, bobs}}, code: notFound}.on(way)(t, s)
		}),
		with("T57", "following up another brand's ticket", "", notFound, func(r *create) { r.Ticket.FollowUpOf = "brands/other/tickets/9" }),
		both("T57", "following up another brand's ticket from now on", ask{
			req: &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: seven, FollowUpOf: "brands/other/tickets/9"}}, code: notFound,
		}),
		both("T57", "another brand's ticket on a problem", ask{
			req: &ticketv1.AttachTicketsRequest{Name: acme + "/problems/outage", Tickets: []string{eight, "brands/other/tickets/9"}}, code: notFound,
		}),
	}
}

// crossing: of two merges that cross, however close, one takes place.
func crossing(t *testing.T, s *suite, way surface) {
	pair := []string{must[*ticketv1.Ticket](t, s, newTicket()).GetName(), must[*ticketv1.Ticket](t, s, newTicket()).GetName()}
	var got [2]answer
	var wg sync.WaitGroup
	for i := range pair {
		wg.Go(func() {
			got[i] = s.repeat(t, way, "", &ticketv1.MergeTicketsRequest{Name: pair[i], Sources: []string{pair[1-i]}})
		})
	}
	wg.Wait()
	lost := 0
	if got[0].status.Code() == codes.OK {
		lost = 1
	}
	ask{}.want(t, way, got[1-lost])
	ask{code: codes.Aborted, reason: "MERGES_CROSS"}.want(t, way, got[lost])
	// The one that took place is the one whose target is still what it was.
	for i, state := range map[int]ticketv1.Ticket_State{1 - lost: ticketv1.Ticket_STATE_NEW, lost: ticketv1.Ticket_STATE_MERGED} {
		if tk := must[*ticketv1.Ticket](t, s, &ticketv1.GetTicketRequest{Name: pair[i]}); tk.GetState() != state {
			t.Errorf("ticket = %v, want it %v", tk, state)
		}
	}
}
