package ticket_test

import (
	"slices"
	"testing"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// TestAClockThatNoLongerMatters takes tickets away in every way that there is.
func TestAClockThatNoLongerMatters(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("p", "", target(resolution, 100_000*time.Second)))
		live := func() string { return must(c.CreateTicket)(t, live()).GetName() }
		state := func(tk string) ticketv1.SlaInstance_State {
			t.Helper()
			listed := must(c.ListSlaInstances)(t, &ticketv1.ListSlaInstancesRequest{Parent: tk}).GetSlaInstances()
			if got := c.clock(t, tk, time.Time{}, resolution).GetState(); len(listed) != 1 || listed[0].GetState() != got {
				t.Errorf("%s is %v, but listed as %v", tk, got, listed)
			}
			return listed[0].GetState()
		}
		const active, cancelled = ticketv1.SlaInstance_STATE_ACTIVE, ticketv1.SlaInstance_STATE_CANCELLED
		junk, twin, other, gone := live(), live(), live(), live()
		must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: junk, Outcome: ticketv1.Ticket_OUTCOME_SPAM})
		must(c.MergeTickets)(t, &ticketv1.MergeTicketsRequest{Name: other, Sources: []string{twin}})
		must(c.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: gone})
		for tk, want := range map[string]ticketv1.SlaInstance_State{junk: cancelled, twin: cancelled, other: active, gone: cancelled} {
			if got := state(tk); got != want {
				t.Errorf("%s is %v, want %v", tk, got, want)
			}
		}
		must(c.UndeleteTicket)(t, &ticketv1.UndeleteTicketRequest{Name: gone})
		if got := state(gone); got != active {
			t.Errorf("once it is back it is %v", got)
		}
		if said := c.said(t); len(said) != 0 {
			t.Errorf("something was said: %v", said)
		}

		var names []string
		req := &ticketv1.ListSlaInstancesRequest{Parent: acme + "/tickets/-", Filter: "state = CANCELLED OR state = ACTIVE", PageSize: 3}
		for more := true; more; more = req.PageToken != "" {
			page := must(c.ListSlaInstances)(t, req)
			for _, i := range page.GetSlaInstances() {
				names = append(names, i.GetName())
			}
			req.PageToken = page.GetNextPageToken()
		}
		var want []string
		for _, tk := range []string{junk, twin, other, gone} {
			want = append(want, tk+"/slaInstances/resolution-1")
		}
		if slices.Sort(want); !slices.Equal(names, want) {
			t.Errorf("the pages hold %q, want %q", names, want)
		}
	})
}

// live is the request for a ticket that is opened now.
func live() *ticketv1.CreateTicketRequest {
	req := open()
	req.Ticket.OpenTime = nil
	return req
}
