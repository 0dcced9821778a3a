package ticket_test

import (
	"slices"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestACustomerWhoOpensATicketWaitsForTheFirstResponse(t *testing.T) {
	eachCounter(t, func(t *testing.T, c counter) {
		must(c.CreateSlaPolicy)(t, policy("p", "", target(firstResponse, time.Hour)))
		opened := func(origin typev1.Origin) string {
			return must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
				r.Ticket.Origin, r.Ticket.OpenTime = origin, timestamppb.New(noon)
			})).GetName()
		}
		asked := c.clock(t, opened(typev1.Origin_ORIGIN_INBOUND), noon.Add(30*time.Minute), firstResponse)
		if got, want := asked.GetDueTime().AsTime(), noon.Add(time.Hour); !got.Equal(want) {
			t.Errorf("asked at noon, due at %v, want %v", got, want)
		}
		told := c.clocks(t, opened(typev1.Origin_ORIGIN_PROACTIVE), noon.Add(30*time.Minute))
		if slices.ContainsFunc(told, func(i *ticketv1.SlaInstance) bool { return i.GetMetric() == firstResponse }) {
			t.Errorf("nobody asked, but there are clocks %v", told)
		}
	})
}
