package abuse

import (
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const oneID = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"

// clockRows are about clocks that jump. They run in a bubble of time, where
// sockets cannot be, so REST is left out.
func clockRows() []row {
	return []row{
		{id: "A08", name: "a request_id after a week", grpc: inBubble(afterAWeek)},
		{id: "A62", name: "the clock goes back an hour", grpc: anHourBack},
		{id: "T64", name: "and no duration is negative", grpc: anHourBack},
		{id: "A63", name: "the clock jumps ahead a year", grpc: inBubble(aYearAhead)},
		{id: "P64", name: "a client that does not read what it is answered", grpc: inBubble(unread)},
	}
}

// inBubble runs do on a furnished suite whose time passes when nothing else does.
func inBubble(do func(*testing.T, *suite)) test {
	return func(t *testing.T, _ *suite) {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(noon.AsTime())) // furniture is not of the future
			do(t, furnished(t, config{local: true}))
		})
	}
}

func afterAWeek(t *testing.T, s *suite) {
	first := must[*ticketv1.Ticket](t, s, newTicket(withID(oneID)))
	time.Sleep(7*24*time.Hour - time.Second)
	if got := must[*ticketv1.Ticket](t, s, newTicket(withID(oneID))); got.GetName() != first.GetName() {
		t.Errorf("ticket = %s within the week, want %s", got.GetName(), first.GetName())
	}
	time.Sleep(time.Second)
	if got := must[*ticketv1.Ticket](t, s, newTicket(withID(oneID))); got.GetName() == first.GetName() {
		t.Error("the same ticket after the week, want a new one")
	}
}

func aYearAhead(t *testing.T, s *suite) {
	must[*ticketv1.Ticket](t, s, newTicket())
	list := &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 1}
	list.PageToken = must[*ticketv1.ListTicketsResponse](t, s, list).GetNextPageToken()
	before := s.rows(t)
	time.Sleep(365 * 24 * time.Hour)
	if page := must[*ticketv1.ListTicketsResponse](t, s, list); len(page.GetTickets()) != 1 {
		t.Errorf("page = %v, want the second, by a token of a year ago", page)
	}
	score := must[*journeyv1.Score](t, s, &journeyv1.GetScoreRequest{Name: ann + "/score"})
	if score.GetEstimate().Value == nil {
		t.Errorf("score = %v, want a value", score)
	}
	s.unchanged(t, before) // nothing happens just because time has passed
	must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = nil }))
}

// anHourBack opens tickets now, and goes on with them an hour ago.
func anHourBack(t *testing.T, _ *suite) {
	dir, now := t.TempDir(), time.Now()
	var opened *ticketv1.Ticket
	t.Run("before", func(t *testing.T) {
		s := furnished(t, config{local: true, dir: dir})
		opened = must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = nil }))
	})
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(now.Add(-time.Hour)))
		s := start(t, config{local: true, dir: dir})
		resolved := must[*ticketv1.Ticket](t, s, &ticketv1.ResolveTicketRequest{Name: opened.GetName(), Outcome: ticketv1.Ticket_OUTCOME_SOLVED})
		if resolved.GetState() != ticketv1.Ticket_STATE_RESOLVED {
			t.Errorf("ticket = %v, want it resolved", resolved)
		}
		next := must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = nil }))
		if next.GetName() <= opened.GetName() {
			t.Errorf("%s comes after %s, want the ids to rise", next.GetName(), opened.GetName())
		}
		m := must[*ticketv1.QueryServiceMetricsResponse](t, s, &ticketv1.QueryServiceMetricsRequest{
			Parent: acme, Window: &typev1.Window{StartTime: noon, EndTime: timestamppb.New(now.Add(time.Hour))},
		})
		for _, measure := range m.GetMeasures() {
			if measure.GetEstimate().GetValue() < 0 {
				t.Errorf("%v is negative: %v", measure.GetMetric(), measure)
			}
		}
	})
}
