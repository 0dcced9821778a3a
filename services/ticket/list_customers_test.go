package ticket_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// TestTheNewestOfEachCustomer: one list shows several customers, none of whom takes the
// others' room, whatever the pages are like.
func TestTheNewestOfEachCustomer(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for i := range 12 {
			must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
				r.TicketId, r.Ticket.Customer = fmt.Sprintf("t%02d", i), acme+"/customers/"+[]string{"ann", "bob", "cy", "ann"}[i%4]
				r.Ticket.OpenTime = timestamppb.New(noon.Add(time.Duration(i) * time.Minute))
			}))
		}
		must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: acme + "/tickets/t11", Outcome: ticketv1.Ticket_OUTCOME_SOLVED})
		who := []string{acme + "/customers/ann", acme + "/customers/bob", acme + "/customers/nobody"}
		for _, tt := range []struct {
			each   int32
			states []ticketv1.Ticket_State
			want   []string
		}{
			{0, nil, []string{"t11", "t09", "t08", "t07", "t05", "t04", "t03", "t01", "t00"}},
			{2, nil, []string{"t11", "t09", "t08", "t05"}},
			{1, []ticketv1.Ticket_State{ticketv1.Ticket_STATE_NEW, ticketv1.Ticket_STATE_OPEN}, []string{"t09", "t08"}},
		} {
			for _, size := range []int32{1, 3, 50} {
				got := walk(t, c, &ticketv1.ListTicketsRequest{
					Parent: acme, PageSize: size, Customers: who, PerCustomer: tt.each, States: tt.states,
				}, func(int) {})
				if !slices.Equal(got, tt.want) {
					t.Errorf("%d of each in pages of %d = %v, want %v", tt.each, size, got, tt.want)
				}
			}
		}
	})
}
