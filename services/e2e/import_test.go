package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// histories takes over a thousand tickets of another system, twice.
func histories(t *testing.T, c *clients) {
	const rows = 1000
	brand := c.brand(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	for attempt := range 2 {
		stream := must(c.tickets.ImportTickets(ctx))(t)
		for i := range rows {
			if stream.Send(history(brand, i)) != nil {
				break // CloseAndRecv says why
			}
		}
		got := must(stream.CloseAndRecv())(t)
		if fresh := int64(rows * (1 - attempt)); got.GetImportedCount() != fresh || got.GetUnchangedCount() != rows-fresh || len(got.GetResults()) != 0 {
			t.Fatalf("import %d = %v, want %d of %d tickets", attempt, got, fresh, rows)
		}
	}
	eventually(t, func() error {
		m := must(c.service.QueryServiceMetrics(t.Context(), &ticketv1.QueryServiceMetricsRequest{Parent: brand, Metrics: []typev1.Metric{
			typev1.Metric_METRIC_TICKET_COUNT,
		}}))(t)
		if n := find(t, m.GetMeasures(), typev1.Metric_METRIC_TICKET_COUNT).GetEstimate().GetValue(); n != rows {
			return fmt.Errorf("%v tickets are counted, want %d", n, rows)
		}
		return nil
	})
	one := must(c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: brand + "/tickets/old-7"}))(t)
	if one.GetState() != ticketv1.Ticket_STATE_RESOLVED && one.GetState() != ticketv1.Ticket_STATE_CLOSED || one.GetContactCount() != 1 || one.GetResolveTime() == nil {
		t.Errorf("a ticket is %v, want what its history makes of it", one)
	}
}

// history is a ticket that was answered, waited for and resolved.
func history(brand string, i int) *ticketv1.ImportTicketsRequest {
	at := func(hours int) *timestamppb.Timestamp {
		return timestamppb.New(noon.Add(time.Duration(hours)*time.Hour + time.Duration(i)*time.Minute))
	}
	event := func(kind ticketv1.TicketEvent_Kind, hours int) *ticketv1.TicketEvent {
		return &ticketv1.TicketEvent{Kind: kind, EventTime: at(hours)}
	}
	resolved := event(ticketv1.TicketEvent_KIND_RESOLVED, 5)
	resolved.Outcome = ticketv1.Ticket_OUTCOME_SOLVED
	return &ticketv1.ImportTicketsRequest{
		Parent: brand, TicketId: fmt.Sprint("old-", i),
		Ticket: &ticketv1.Ticket{
			Customer: fmt.Sprint(brand, "/customers/c", i%100), Subject: "Of another system", Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: at(0),
		},
		Events: []*ticketv1.TicketEvent{event(ticketv1.TicketEvent_KIND_PENDED, 2), event(ticketv1.TicketEvent_KIND_RESUMED, 3), resolved},
		Interactions: []*ticketv1.Interaction{{
			Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND, Actor: ticketv1.Interaction_ACTOR_AGENT, StartTime: at(1),
		}},
	}
}
