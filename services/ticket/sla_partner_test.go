package ticket_test

import (
	"testing"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestAPartnerSeesTheClocksOfItsTicketsOnly(t *testing.T) {
	eachTower(t, func(t *testing.T, w tower) {
		w.staff(t)
		theirs, err := w.CreateTicket(asMihir(t.Context()), open())
		if err != nil {
			t.Fatal(err)
		}
		if _, err := w.GetSlaClock(asMihir(t.Context()), &ticketv1.GetSlaClockRequest{Name: theirs.GetName()}); err != nil {
			t.Error(err)
		}
		for _, n := range []string{w.opened(t, "ours"), acme + "/tickets/none"} {
			_, err := w.GetSlaClock(asMihir(t.Context()), &ticketv1.GetSlaClockRequest{Name: n})
			refused(t, err, codes.NotFound)
		}
	})
}
