package ticket_test

import (
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// opened makes a ticket of ann's under a chosen id.
func (d desk) opened(t *testing.T, id string) string {
	t.Helper()
	return must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = id })).GetName()
}

func (d desk) read(t *testing.T, ticket string) *ticketv1.Ticket {
	t.Helper()
	return must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: ticket})
}

func TestAMergeFoldsTicketsIntoOne(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		a, b, c := d.opened(t, "a"), d.opened(t, "b"), d.opened(t, "c")
		must(d.CreateInteraction)(t, say(b, outbound, time.Hour))
		got := must(d.MergeTickets)(t, &ticketv1.MergeTicketsRequest{Name: a, Sources: []string{c, b}, EventTime: at(2 * time.Hour)})
		equal(t, "target", d.read(t, a), got)
		if got.GetState() != ticketv1.Ticket_STATE_NEW || got.GetMergedInto() != "" {
			t.Errorf("target = %v, want it as it was", got)
		}
		for _, source := range []string{b, c} {
			if tk := d.read(t, source); tk.GetState() != ticketv1.Ticket_STATE_MERGED || tk.GetMergedInto() != a {
				t.Errorf("source = %v, want it merged", tk)
			}
			log := d.log(t, source)
			if last := log[len(log)-1]; last.GetKind() != ticketv1.TicketEvent_KIND_MERGED || last.GetOtherTicket() != a {
				t.Errorf("last entry of the source = %v, want the merge", last)
			}
		}
		if log := d.log(t, a); len(log) != 3 || log[1].GetOtherTicket() != b || log[2].GetOtherTicket() != c {
			t.Errorf("log of the target = %v, want both merges", log)
		}
		if list := must(d.ListInteractions)(t, &ticketv1.ListInteractionsRequest{Parent: b}); len(list.GetInteractions()) != 1 {
			t.Errorf("interactions of the source = %v, want the one it had", list)
		}
		told := d.told(t)
		folded := 0
		for _, e := range told {
			if e.GetTicketStateChanged().GetMergedInto() == a {
				folded++
			}
		}
		if folded != 2 {
			t.Errorf("events = %v, want two merges", told)
		}
		final := d.opened(t, "final")
		must(d.MergeTickets)(t, &ticketv1.MergeTicketsRequest{Name: final, Sources: []string{a}})
		said := must(d.CreateInteraction)(t, say(b, inbound, 3*time.Hour))
		if name.Parent(said.GetName()) != final || d.read(t, final).GetContactCount() != 1 || d.read(t, b).GetContactCount() != 1 {
			t.Errorf("a message on a merged ticket = %v, want it on the one that took it in at last", said)
		}
	})
}

func TestBadMergesAreRefused(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		a, b, settled := d.opened(t, "a"), d.opened(t, "b"), d.opened(t, "settled")
		must(d.ResolveTicket)(t, resolve(settled, solved, time.Hour))
		bobs := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Customer = acme + "/customers/bob" })).GetName()
		for _, tt := range []struct {
			name, into, source string
			code               codes.Code
		}{
			{"into itself", a, a, codes.InvalidArgument}, // T54
			{"of another customer", a, bobs, codes.NotFound},
			{"of another brand", a, "brands/other/tickets/b", codes.NotFound}, // T56
			{"of no ticket", a, acme + "/tickets/none", codes.NotFound},
			{"into no ticket", acme + "/tickets/none", a, codes.NotFound},
			{"of a settled ticket", a, settled, codes.FailedPrecondition},
			{"into a settled ticket", settled, a, codes.FailedPrecondition},
		} {
			_, err := d.MergeTickets(t.Context(), &ticketv1.MergeTicketsRequest{Name: tt.into, Sources: []string{tt.source}})
			if status.Code(err) != tt.code {
				t.Errorf("a merge %s = %v, want %v", tt.name, err, tt.code)
			}
		}
		_, err := d.MergeTickets(t.Context(), &ticketv1.MergeTicketsRequest{Name: a, Sources: []string{b, bobs}})
		refused(t, err, codes.NotFound)
		if tk := d.read(t, b); tk.GetState() != ticketv1.Ticket_STATE_NEW {
			t.Errorf("ticket = %v, want it untouched by a merge that was refused", tk)
		}
	})
}

func TestOfMergesThatCrossOneIsAborted(t *testing.T) { // T55
	eachDesk(t, func(t *testing.T, d desk) {
		for range 5 {
			pair := []string{must(d.CreateTicket)(t, open()).GetName(), must(d.CreateTicket)(t, open()).GetName()}
			errs := make([]error, 2)
			var wg sync.WaitGroup
			for i := range pair {
				wg.Go(func() {
					_, errs[i] = d.MergeTickets(t.Context(), &ticketv1.MergeTicketsRequest{Name: pair[i], Sources: []string{pair[1-i]}})
				})
			}
			wg.Wait()
			if codesOf := [2]codes.Code{status.Code(errs[0]), status.Code(errs[1])}; codesOf != [2]codes.Code{codes.OK, codes.Aborted} &&
				codesOf != [2]codes.Code{codes.Aborted, codes.OK} {
				t.Errorf("crossing merges = %v, %v, want one aborted", errs[0], errs[1])
			}
		}
	})
}

func TestASettledTicketIsFollowedUp(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		d.staff(t)
		old := must(d.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
			r.Ticket.Agent, r.Ticket.IssueKind, r.Ticket.Stage = acme+"/agents/bo", ticketv1.Ticket_ISSUE_KIND_REFUND, 2
		}))
		if old.GetTeam() != acme+"/teams/night" || old.GetPartner() != acme+"/partners/mihir" {
			t.Errorf("ticket = %v, want the directory's team and partner of the agent", old)
		}
		n := old.GetName()
		must(d.ResolveTicket)(t, resolve(n, solved, time.Hour))
		must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: n, EventTime: at(2 * time.Hour)})
		before := d.read(t, n)
		req := say(n, inbound, 3*time.Hour)
		req.Interaction.Channel, req.InteractionId, req.RequestId, req.Interaction.Text = 3, "hello", id1, "again!"
		said := must(d.CreateInteraction)(t, req)
		equal(t, "the repeat", must(d.CreateInteraction)(t, req), said)
		next := d.read(t, name.Parent(said.GetName()))
		if next.GetFollowUpOf() != n || next.GetSubject() != old.GetSubject() || next.GetIssueKind() != old.GetIssueKind() ||
			next.GetStage() != old.GetStage() || next.GetAgent()+next.GetTeam()+next.GetPartner() != "" || next.GetChannel() != 3 ||
			next.GetState() != ticketv1.Ticket_STATE_NEW || !next.GetOpenTime().AsTime().Equal(noon.Add(3*time.Hour)) {
			t.Errorf("follow-up = %v, want what the first was about, in nobody's hands", next)
		}
		equal(t, "settled ticket", d.read(t, n), before)
		equal(t, "GetInteraction", must(d.GetInteraction)(t, &ticketv1.GetInteractionRequest{Name: said.GetName()}), said)
		if told := d.told(t); told[len(told)-2].GetTicketCreated().GetTicket().GetTicket() != next.GetName() {
			t.Errorf("events = %v, want the new ticket before the interaction", told)
		}
		_, err := d.CreateInteraction(t.Context(), say(n, outbound, 3*time.Hour))
		fault(t, "an answer on a closed ticket", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		for _, after := range []time.Duration{4 * time.Hour, 150 * time.Minute} { // queued with the first, one of them before it
			if more := must(d.CreateInteraction)(t, say(n, inbound, after)); name.Parent(more.GetName()) != next.GetName() {
				t.Errorf("said after %v = %v, want it on %s", after, more, next.GetName())
			}
		}
		must(d.ResolveTicket)(t, resolve(next.GetName(), solved, 5*time.Hour))
		must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: next.GetName(), EventTime: at(6 * time.Hour)})
		last := must(d.CreateInteraction)(t, say(n, inbound, 7*time.Hour))
		if again := d.read(t, name.Parent(last.GetName())); again.GetName() == next.GetName() || again.GetFollowUpOf() != n {
			t.Errorf("after the follow-up was closed: %v, want another", again)
		}
	})
}

func TestRacingMessagesMeetOnOneFollowUp(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		n := must(d.CreateTicket)(t, open()).GetName()
		must(d.ResolveTicket)(t, resolve(n, solved, time.Hour))
		must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: n, EventTime: at(2 * time.Hour)})
		var wg sync.WaitGroup
		on := make([]string, 8)
		for i := range on {
			wg.Go(func() {
				said, err := d.CreateInteraction(t.Context(), say(n, inbound, 3*time.Hour+time.Duration(i)*time.Minute))
				if err != nil {
					t.Error(err)
				}
				on[i] = name.Parent(said.GetName())
			})
		}
		wg.Wait()
		slices.Sort(on)
		if len(slices.Compact(on)) != 1 {
			t.Errorf("the messages are on %v, want one ticket", on)
		}
	})
}
