package ticket_test

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

func TestAnIssueTypeIsKeptWhole(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		full := &ticketv1.IssueType{
			DisplayName: "Où est ma commande ?", IssueKind: ticketv1.Ticket_ISSUE_KIND_OTHER,
			Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PRE_PURCHASE, Priority: ticketv1.Ticket_PRIORITY_URGENT,
			RedressSteps: []*ticketv1.IssueType_RedressStep{
				{Title: "apologize", DueAfter: durationpb.New(0)}, {Title: "refund", DueAfter: durationpb.New(400*24*time.Hour - 1)}, {Title: "write"},
			},
		}
		want := must(d.CreateIssueType)(t, &ticketv1.CreateIssueTypeRequest{Parent: acme, IssueTypeId: "where", IssueType: full})
		full.Name, full.CreateTime, full.UpdateTime, full.Etag = acme+"/issueTypes/where", want.GetCreateTime(), want.GetUpdateTime(), want.GetEtag()
		equal(t, "CreateIssueType", want, full)
		get := &ticketv1.GetIssueTypeRequest{Name: full.GetName()}
		equal(t, "GetIssueType", must(d.GetIssueType)(t, get), full)

		update := func(i *ticketv1.IssueType, paths ...string) (*ticketv1.IssueType, error) {
			i.Name = full.GetName()
			return d.UpdateIssueType(t.Context(), &ticketv1.UpdateIssueTypeRequest{IssueType: i, UpdateMask: fields(paths...)})
		}
		got, err := update(&ticketv1.IssueType{IssueKind: ticketv1.Ticket_ISSUE_KIND_REFUND}, "issue_kind", "redress_steps", "stage")
		full.IssueKind, full.RedressSteps, full.Stage = ticketv1.Ticket_ISSUE_KIND_REFUND, nil, 0
		full.UpdateTime, full.Etag = got.GetUpdateTime(), got.GetEtag()
		if granted(t, err); !proto.Equal(got, full) {
			t.Errorf("UpdateIssueType = %v, want %v", got, full)
		}
		_, err = update(&ticketv1.IssueType{}, "issue_kind")
		if got := violations(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, []string{"issue_type.issue_kind"}) {
			t.Errorf("no kind = %v, which blames %q", err, got)
		}
		late := []*ticketv1.IssueType_RedressStep{{Title: "late", DueAfter: durationpb.New(400*24*time.Hour + 1)}}
		_, err = update(&ticketv1.IssueType{RedressSteps: late}, "redress_steps")
		if got := violations(err); !slices.Equal(got, []string{"issue_type.redress_steps[0].due_after"}) {
			t.Errorf("a step after 400 days = %v, which blames %q", err, got)
		}
		_, err = update(&ticketv1.IssueType{RedressSteps: slices.Repeat(late[:1], 21)}, "redress_steps")
		refused(t, err, codes.InvalidArgument)
		equal(t, "GetIssueType", must(d.GetIssueType)(t, get), full)

		list := func(filter string) int {
			return len(must(d.ListIssueTypes)(t, &ticketv1.ListIssueTypesRequest{Parent: acme, Filter: filter}).GetIssueTypes())
		}
		if in, out := list("issue_kind = REFUND AND NOT stage:*"), list("issue_kind = OTHER"); in != 1 || out != 0 {
			t.Errorf("%d refunds and %d others, want 1 and 0", in, out)
		}
		must(d.DeleteIssueType)(t, &ticketv1.DeleteIssueTypeRequest{Name: full.GetName()})
		_, err = d.GetIssueType(t.Context(), get)
		fault(t, "a deleted issue type", err, codes.NotFound, "NOT_FOUND")
	})
}

func (d desk) problem(t *testing.T, id string) *ticketv1.Problem {
	t.Helper()
	return must(d.CreateProblem)(t, &ticketv1.CreateProblemRequest{Parent: acme, ProblemId: id, Problem: &ticketv1.Problem{Title: "The " + id}})
}

// tickets opens n tickets of ann's and returns their names.
func (d desk) tickets(t *testing.T, n int) (names []string) {
	t.Helper()
	for range n {
		names = append(names, must(d.CreateTicket)(t, open()).GetName())
	}
	return names
}

func (d desk) attach(t *testing.T, problem string, tickets ...string) *ticketv1.Problem {
	t.Helper()
	return must(d.AttachTickets)(t, &ticketv1.AttachTicketsRequest{Name: problem, Tickets: tickets})
}

func TestAProblemIsOpenUnlessItSays(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		p := d.problem(t, "carrier")
		if p.GetState() != ticketv1.Problem_STATE_OPEN || p.GetTicketCount() != 0 {
			t.Errorf("a new problem = %v, want it open, without tickets", p)
		}
		known := must(d.UpdateProblem)(t, &ticketv1.UpdateProblemRequest{Problem: &ticketv1.Problem{
			Name: p.GetName(), State: ticketv1.Problem_STATE_KNOWN, RootCause: "two lines\nof text", FunctionOwner: typev1.Function_FUNCTION_MARKETING, TicketCount: 99,
		}})
		if known.GetState() != ticketv1.Problem_STATE_KNOWN || known.GetRootCause() != "two lines\nof text" || known.GetTitle() != p.GetTitle() || known.GetTicketCount() != 0 {
			t.Errorf("the problem = %v", known)
		}
		again := must(d.UpdateProblem)(t, &ticketv1.UpdateProblemRequest{Problem: &ticketv1.Problem{Name: p.GetName()}, UpdateMask: fields("state")})
		if again.GetState() != ticketv1.Problem_STATE_OPEN {
			t.Errorf("a problem without a state = %v, want it open", again)
		}
		_, err := d.UpdateProblem(t.Context(), &ticketv1.UpdateProblemRequest{Problem: &ticketv1.Problem{Name: p.GetName()}, UpdateMask: fields("ticket_count")})
		refused(t, err, codes.InvalidArgument)
	})
}

func TestTicketsAreAttachedAllOrNone(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		carrier, depot := d.problem(t, "carrier").GetName(), d.problem(t, "depot").GetName()
		tickets := d.tickets(t, 3)
		before := must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tickets[0]})
		client := client{db: d.db}
		told := len(client.events(t))

		missing := []string{acme + "/tickets/none", "brands/other/tickets/none"}
		for _, n := range missing {
			_, err := d.AttachTickets(t.Context(), &ticketv1.AttachTicketsRequest{Name: carrier, Tickets: []string{tickets[0], n, tickets[1]}})
			if got := refused(t, err, codes.NotFound).GetMetadata()["name"]; got != n {
				t.Errorf("%q is missing, want %q", got, n)
			}
		}
		_, err := d.AttachTickets(t.Context(), &ticketv1.AttachTicketsRequest{Name: acme + "/problems/none", Tickets: tickets})
		fault(t, "an unknown problem", err, codes.NotFound, "NOT_FOUND")
		_, err = d.AttachTickets(t.Context(), &ticketv1.AttachTicketsRequest{Name: carrier, Tickets: []string{tickets[0], tickets[0]}})
		refused(t, err, codes.InvalidArgument)
		must(d.AttachTickets)(t, &ticketv1.AttachTicketsRequest{Name: carrier, Tickets: tickets, ValidateOnly: true})
		equal(t, "the ticket", must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tickets[0]}), before)
		if n := len(client.events(t)); n != told {
			t.Errorf("%d events about nothing", n-told)
		}

		if p := d.attach(t, carrier, tickets[:2]...); p.GetTicketCount() != 2 || p.GetName() != carrier {
			t.Errorf("AttachTickets = %v, want two tickets", p)
		}
		after := must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tickets[0]})
		want := proto.CloneOf(before)
		want.Problem, want.Etag, want.UpdateTime = carrier, after.GetEtag(), after.GetUpdateTime()
		equal(t, "the ticket", after, want)
		if after.GetEtag() == before.GetEtag() {
			t.Error("the ticket has the etag it had")
		}
		if p := d.attach(t, depot, tickets...); p.GetTicketCount() != 3 {
			t.Errorf("AttachTickets = %v, want three tickets", p)
		}
		if p := must(d.GetProblem)(t, &ticketv1.GetProblemRequest{Name: carrier}); p.GetTicketCount() != 0 {
			t.Errorf("the other problem = %v, want no ticket", p)
		}
		d.attach(t, depot, tickets...) // changes nothing
		p := must(d.DetachTickets)(t, &ticketv1.DetachTicketsRequest{Name: depot, Tickets: tickets[1:]})
		if p.GetTicketCount() != 1 {
			t.Errorf("DetachTickets = %v, want one ticket", p)
		}
		must(d.DetachTickets)(t, &ticketv1.DetachTicketsRequest{Name: carrier, Tickets: tickets[:1]}) // is attached to depot
		_, err = d.DetachTickets(t.Context(), &ticketv1.DetachTicketsRequest{Name: depot, Tickets: []string{tickets[0], missing[0]}})
		fault(t, "an unknown ticket", err, codes.NotFound, "NOT_FOUND")
		if got := must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tickets[0]}).GetProblem(); got != depot {
			t.Errorf("the problem of the ticket = %q, want %q", got, depot)
		}
		changed := map[string]int{}
		for _, e := range client.events(t)[told:] {
			u, ok := e.GetPayload().(*eventv1.Event_TicketUpdated)
			if !ok || e.GetKey() != ann {
				t.Errorf("event %v, want ticket_updated of ann's", e)
				continue
			}
			changed[u.TicketUpdated.GetTicket().GetTicket()]++
		}
		if want := map[string]int{tickets[0]: 2, tickets[1]: 3, tickets[2]: 2}; fmt.Sprint(changed) != fmt.Sprint(want) {
			t.Errorf("events = %v, want %v", changed, want)
		}
	})
}

func TestADeletedTicketIsNotAttached(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		carrier, depot, tickets := d.problem(t, "carrier").GetName(), d.problem(t, "depot").GetName(), d.tickets(t, 2)
		d.attach(t, carrier, tickets[1])
		must(d.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: tickets[1]})
		_, err := d.AttachTickets(t.Context(), &ticketv1.AttachTicketsRequest{Name: depot, Tickets: tickets})
		fault(t, "a deleted ticket", err, codes.FailedPrecondition, "DELETED")
		if n := must(d.GetProblem)(t, &ticketv1.GetProblemRequest{Name: depot}).GetTicketCount(); n != 0 {
			t.Errorf("%d tickets are attached, want none", n)
		}
		p := must(d.DetachTickets)(t, &ticketv1.DetachTicketsRequest{Name: carrier, Tickets: tickets})
		if p.GetTicketCount() != 0 {
			t.Errorf("DetachTickets = %v, want no ticket", p)
		}
	})
}

func TestAProblemWithTicketsStays(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		carrier, tickets := d.problem(t, "carrier").GetName(), d.tickets(t, 1)
		d.attach(t, carrier, tickets...)
		remove := &ticketv1.DeleteProblemRequest{Name: carrier}
		_, err := d.DeleteProblem(t.Context(), remove)
		fault(t, "a problem with a ticket", err, codes.FailedPrecondition, "IN_USE")
		must(d.DetachTickets)(t, &ticketv1.DetachTicketsRequest{Name: carrier, Tickets: tickets})
		must(d.DeleteProblem)(t, remove)
	})
}

// TestNoTicketIsAttachedToADeletedProblem lets deletions race with attachments.
func TestNoTicketIsAttachedToADeletedProblem(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tickets := d.tickets(t, 3)
		for i := range 20 {
			p := d.problem(t, fmt.Sprint("p", i)).GetName()
			var attached, deleted error
			var wg sync.WaitGroup
			wg.Go(func() {
				_, attached = d.AttachTickets(t.Context(), &ticketv1.AttachTicketsRequest{Name: p, Tickets: tickets})
			})
			wg.Go(func() { _, deleted = d.DeleteProblem(t.Context(), &ticketv1.DeleteProblemRequest{Name: p}) })
			wg.Wait()
			if (attached == nil) == (deleted == nil) {
				t.Fatalf("attached = %v, deleted = %v, want one of the two", attached, deleted)
			}
		}
	})
}

func TestProblemsAreListedByTheirTickets(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tickets := d.tickets(t, 6)
		for i, n := range []int{2, 0, 3, 0, 1} {
			p := d.problem(t, fmt.Sprint("p", i)).GetName()
			if n > 0 {
				d.attach(t, p, tickets[:n]...)
				tickets = tickets[n:]
			}
		}
		must(d.UpdateProblem)(t, &ticketv1.UpdateProblemRequest{Problem: &ticketv1.Problem{Name: acme + "/problems/p1", State: ticketv1.Problem_STATE_FIXED}})
		for _, tt := range []struct{ filter, order, want string }{
			{"", "", "p0 p1 p2 p3 p4"},
			{"", "ticket_count desc", "p2 p0 p4 p3 p1"},
			{"", "ticket_count, create_time desc", "p3 p1 p4 p0 p2"},
			{"", "create_time desc", "p4 p3 p2 p1 p0"},
			{"ticket_count > 0 AND ticket_count < 3", "name", "p0 p4"},
			{"ticket_count = 0 AND NOT state = FIXED", "", "p3"},
			{`title = "*p2"`, "", "p2"},
		} {
			req := &ticketv1.ListProblemsRequest{Parent: acme, Filter: tt.filter, OrderBy: tt.order, PageSize: 2}
			var ids []string
			for range 4 {
				resp := must(d.ListProblems)(t, req)
				for _, p := range resp.GetProblems() {
					ids = append(ids, name.ID(p.GetName()))
				}
				if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
					break
				}
			}
			if got := strings.Join(ids, " "); got != tt.want {
				t.Errorf("%q by %q = %q, want %q", tt.filter, tt.order, got, tt.want)
			}
		}
	})
}
