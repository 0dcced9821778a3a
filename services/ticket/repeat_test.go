package ticket_test

import (
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

const (
	id1 = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e11"
	id2 = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e12"
	id3 = "0b54f3c2-9d5e-4a43-8f8e-0d3a5c1f7e13"
)

func withID(id string) func(*ticketv1.CreateTicketRequest) {
	return func(r *ticketv1.CreateTicketRequest) { r.RequestId = id }
}

func TestARepeatHasOneEffectAndTheSameAnswer(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		var created, said, settled proto.Message
		for i := range 2 {
			tk := must(c.CreateTicket)(t, open(withID(id1)))
			act := say(tk.GetName(), outbound, time.Hour)
			act.RequestId = id2
			in := must(c.CreateInteraction)(t, act)
			end := resolve(tk.GetName(), solved, 2*time.Hour)
			end.RequestId = id3
			out := must(c.ResolveTicket)(t, end)
			if i == 0 {
				created, said, settled = tk, in, out
			}
			equal(t, "ticket", tk, created)
			equal(t, "interaction", in, said)
			equal(t, "resolved ticket", out, settled)
		}
		if n := len(c.events(t)); n != 3 {
			t.Errorf("%d events, want one for each call", n)
		}
		for _, other := range []*ticketv1.CreateTicketRequest{
			open(withID(id1), func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = "something else" }),
			open(withID(id2)),
		} {
			_, err := c.CreateTicket(t.Context(), other)
			if info := refused(t, err, codes.AlreadyExists); info.GetReason() != "IDEMPOTENCY_MISMATCH" {
				t.Errorf("another request = %v, want IDEMPOTENCY_MISMATCH", info)
			}
		}
		foreign := must(c.CreateTicket)(t, open(withID(id1), func(r *ticketv1.CreateTicketRequest) {
			r.Parent, r.Ticket.Customer = "brands/other", "brands/other/customers/ann"
		}))
		if foreign.GetName() == created.(*ticketv1.Ticket).GetName() {
			t.Error("another brand got this brand's answer")
		}
	})
}

func TestRacingTwinsMakeOneTicket(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		var (
			wg    sync.WaitGroup
			mu    sync.Mutex
			names = map[string]bool{}
		)
		for range 16 {
			wg.Go(func() {
				tk, err := c.CreateTicket(t.Context(), open(withID(id1)))
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				names[tk.GetName()] = true
			})
		}
		wg.Wait()
		tickets := must(c.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme}).GetTickets()
		if len(names) != 1 || len(tickets) != 1 || len(c.events(t)) != 1 {
			t.Errorf("%d answers, %d tickets, %d events, want one of each", len(names), len(tickets), len(c.events(t)))
		}
	})
}

func TestAChosenNameIsGivenOnce(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		chosen := func(r *ticketv1.CreateTicketRequest) { r.TicketId = "7" }
		first := must(c.CreateTicket)(t, open(chosen))
		for _, again := range []func(*ticketv1.CreateTicketRequest){
			func(*ticketv1.CreateTicketRequest) {},
			withID(id1),
			func(r *ticketv1.CreateTicketRequest) { r.ValidateOnly = true },
		} {
			_, err := c.CreateTicket(t.Context(), open(chosen, again))
			if info := refused(t, err, codes.AlreadyExists); info.GetReason() != "ALREADY_EXISTS" || info.GetMetadata()["name"] != first.GetName() {
				t.Errorf("second ticket = %v, want ALREADY_EXISTS with its name", info)
			}
		}
		act := say(first.GetName(), outbound, time.Hour)
		act.InteractionId = "i"
		must(c.CreateInteraction)(t, act)
		act.Interaction.StartTime = timestamppb.New(noon)
		before := c.get(t, first.GetName())
		_, err := c.CreateInteraction(t.Context(), act)
		refused(t, err, codes.AlreadyExists)
		equal(t, "ticket", c.get(t, first.GetName()), before)
		if n := len(c.events(t)); n != 2 {
			t.Errorf("%d events, want those of the ticket and the first interaction", n)
		}
		must(c.CreateTicket)(t, open(chosen, func(r *ticketv1.CreateTicketRequest) {
			r.Parent, r.Ticket.Customer = "brands/other", "brands/other/customers/ann"
		}))
	})
}

func TestValidateOnlyAnswersAndLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		dry := must(c.CreateTicket)(t, open(withID(id1), func(r *ticketv1.CreateTicketRequest) {
			r.TicketId, r.ValidateOnly = "dry", true
		}))
		if dry.GetName() != acme+"/tickets/dry" || dry.GetState() != ticketv1.Ticket_STATE_NEW {
			t.Errorf("answer = %v, want the ticket as it would be", dry)
		}
		act := say(tk.GetName(), outbound, 0)
		act.ValidateOnly = true
		if i := must(c.CreateInteraction)(t, act); !i.GetCountsAsResponse() {
			t.Errorf("answer = %v, want a response", i)
		}
		end := resolve(tk.GetName(), solved, 0)
		end.ValidateOnly = true
		if out := must(c.ResolveTicket)(t, end); out.GetState() != ticketv1.Ticket_STATE_RESOLVED {
			t.Errorf("answer = %v, want a resolved ticket", out)
		}
		equal(t, "ticket", c.get(t, tk.GetName()), tk)
		_, err := c.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: dry.GetName()})
		refused(t, err, codes.NotFound)
		list := must(c.ListInteractions)(t, &ticketv1.ListInteractionsRequest{Parent: tk.GetName()})
		if len(list.GetInteractions()) != 0 || len(c.events(t)) != 1 {
			t.Errorf("%d interactions, %d events, want none and the ticket's", len(list.GetInteractions()), len(c.events(t)))
		}
		must(c.CreateTicket)(t, open(withID(id1))) // the id was not used
	})
}

func TestRacingInteractionsMoveATicketOnce(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		race := func(d ticketv1.Interaction_Direction, after time.Duration) {
			var wg sync.WaitGroup
			for i := range 12 {
				wg.Go(func() {
					if _, err := c.CreateInteraction(t.Context(), say(tk.GetName(), d, after+time.Duration(i)*time.Minute)); err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		race(outbound, time.Hour)
		got := c.get(t, tk.GetName())
		if !got.GetFirstResponseTime().AsTime().Equal(noon.Add(time.Hour)) || got.GetState() != ticketv1.Ticket_STATE_OPEN {
			t.Errorf("ticket = %v, want the earliest response to be its first", got)
		}
		must(c.ResolveTicket)(t, resolve(tk.GetName(), solved, 2*time.Hour))
		race(inbound, 3*time.Hour)
		if got := c.get(t, tk.GetName()); got.GetReopenCount() != 1 || got.GetState() != ticketv1.Ticket_STATE_OPEN {
			t.Errorf("ticket = %v, want it reopened once", got)
		}
		reopened := 0
		for _, e := range c.events(t) {
			if e.GetTicketReopened() != nil {
				reopened++
			}
		}
		if n := len(c.events(t)); n != 1+12+1+12+1 || reopened != 1 {
			t.Errorf("%d events, %d of a reopening, want 27 and 1", n, reopened)
		}
	})
}

func TestOfRacingResolutionsWithOneEtagOneWins(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		outcomes := make(chan error, 16)
		var wg sync.WaitGroup
		for i := range cap(outcomes) {
			wg.Go(func() {
				req := resolve(tk.GetName(), ticketv1.Ticket_Outcome(1+i%6), time.Hour)
				req.Etag = tk.GetEtag()
				_, err := c.ResolveTicket(t.Context(), req)
				outcomes <- err
			})
		}
		wg.Wait()
		close(outcomes)
		won := 0
		for err := range outcomes {
			switch status.Code(err) {
			case codes.OK:
				won++
			case codes.Aborted:
			default:
				t.Error(err)
			}
		}
		if won != 1 || len(c.events(t)) != 2 {
			t.Errorf("%d won, %d events, want one resolution", won, len(c.events(t)))
		}
	})
}
