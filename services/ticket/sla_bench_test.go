package ticket_test

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkCreateTicketWithPolicy makes tickets in a brand without policies and in one
// whose policy has three targets, by the hours of a desk.
func BenchmarkCreateTicketWithPolicy(b *testing.B) {
	for _, targets := range []int{0, 3} {
		b.Run(fmt.Sprintf("%d targets", targets), func(b *testing.B) {
			c := newCounter(b, sqldbtest.Open(b, migrated.SQLite(b)))
			if targets > 0 {
				c.promise(b)
			}
			create(b, 16, opener{c})
		})
	}
}

// opener opens tickets now.
type opener struct{ counter }

func (o opener) CreateTicket(ctx context.Context, req *ticketv1.CreateTicketRequest, opts ...grpc.CallOption) (*ticketv1.Ticket, error) {
	req.Ticket.OpenTime = nil
	return o.counter.CreateTicket(ctx, req, opts...)
}

// promise gives the brand a policy with three targets.
func (c counter) promise(b *testing.B) {
	if _, err := c.CreateSchedule(b.Context(), schedule("desk", "Europe/Berlin", weekly(shifts("09:00", "12:30", "13:30", "18:00"), workdays...))); err != nil {
		b.Fatal(err)
	}
	p := policy("p", "desk", target(firstResponse, time.Hour), target(nextResponse, 4*time.Hour), target(resolution, 4000*time.Hour))
	if _, err := c.CreateSlaPolicy(b.Context(), p); err != nil {
		b.Fatal(err)
	}
}

// BenchmarkGetSlaClock reads the clocks of a ticket with 100 entries in its log, in
// process: the call, the store and the clocks.
func BenchmarkGetSlaClock(b *testing.B) {
	c := newCounter(b, sqldbtest.Open(b, migrated.SQLite(b)))
	c.promise(b)
	tk, err := c.CreateTicket(b.Context(), open())
	if err != nil {
		b.Fatal(err)
	}
	for i := range 50 {
		at := time.Duration(i) * 5 * time.Hour
		for _, d := range []ticketv1.Interaction_Direction{inbound, outbound} {
			if _, err := c.CreateInteraction(b.Context(), say(tk.GetName(), d, at)); err != nil {
				b.Fatal(err)
			}
			at += time.Hour
		}
	}
	req := &ticketv1.GetSlaClockRequest{Name: tk.GetName(), AsOfTime: timestamppb.New(noon.Add(300 * time.Hour))}
	before := cpu(b)
	for b.Loop() {
		if _, err := c.GetSlaClock(b.Context(), req); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(cpu(b)-before)/float64(b.N)/1e3, "cpu-us/op")
}
