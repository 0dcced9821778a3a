package ticket_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// walk reads all pages of req and returns the ids; between two pages it calls
// between.
func walk(t *testing.T, c client, req *ticketv1.ListTicketsRequest, between func(page int)) (ids []string) {
	t.Helper()
	for page := range 100 {
		resp := must(c.ListTickets)(t, req)
		for _, tk := range resp.GetTickets() {
			ids = append(ids, name.ID(tk.GetName()))
		}
		if n := len(resp.GetTickets()); n > int(req.GetPageSize()) {
			t.Errorf("a page of %d, want at most %d", n, req.GetPageSize())
		}
		req.PageToken = resp.GetNextPageToken()
		if req.GetPageToken() == "" {
			return ids
		}
		between(page)
	}
	t.Fatal("the walk does not end")
	return nil
}

func TestAWalkReturnsEveryTicketOnce(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		add := func(id, customer string, opened time.Time) string {
			must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
				r.TicketId, r.Ticket.Customer, r.Ticket.OpenTime = id, acme+"/customers/"+customer, timestamppb.New(opened)
			}))
			return id
		}
		var all, ofBob []string // the newest first
		for i := range 24 {     // in eights of the same instant
			id, customer := fmt.Sprintf("t%02d", i), []string{"ann", "bob"}[i%2]
			all = append(all, add(id, customer, noon.Add(time.Duration(i/8)*time.Minute)))
			if customer == "bob" {
				ofBob = append(ofBob, id)
			}
		}
		slices.Reverse(all)
		slices.Reverse(ofBob)
		quiet := func(int) {}
		for _, size := range []int32{1, 7, 24, 50} {
			if got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: size}, quiet); !slices.Equal(got, all) {
				t.Errorf("pages of %d = %v, want %v", size, got, all)
			}
		}
		if got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 5, Customer: acme + "/customers/bob"}, quiet); !slices.Equal(got, ofBob) {
			t.Errorf("of bob = %v, want %v", got, ofBob)
		}
		if got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: "brands/other", PageSize: 5}, quiet); len(got) != 0 {
			t.Errorf("of another brand = %v, want none", got)
		}
		got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 5}, func(page int) {
			add(fmt.Sprintf("new%d", page), "eve", noon.Add(time.Duration(page%3)*time.Minute)) // into the past and the future of the walk
		})
		old := slices.DeleteFunc(slices.Clone(got), func(id string) bool { return strings.HasPrefix(id, "new") })
		if !slices.Equal(old, all) {
			t.Errorf("during inserts = %v, want each of %v once", got, all)
		}
	})
}

func TestTicketsAreListedByState(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for i := range 6 {
			tk := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = fmt.Sprint(i) }))
			if i%3 > 0 {
				must(c.CreateInteraction)(t, say(tk.GetName(), outbound, time.Hour))
			}
			if i%3 > 1 {
				must(c.ResolveTicket)(t, resolve(tk.GetName(), solved, time.Hour))
			}
		}
		states := []ticketv1.Ticket_State{ticketv1.Ticket_STATE_NEW, ticketv1.Ticket_STATE_RESOLVED}
		got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 2, States: states}, func(int) {})
		if want := []string{"5", "3", "2", "0"}; !slices.Equal(got, want) {
			t.Errorf("new and resolved tickets = %v, want %v", got, want)
		}
	})
}

func TestTicketsAreFilteredAndOrdered(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for i := range 8 {
			must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) {
				r.TicketId, r.Ticket.Priority = fmt.Sprint(i), ticketv1.Ticket_Priority(1+i%4)
				r.Ticket.OpenTime = timestamppb.New(noon.Add(time.Duration(i/2) * time.Hour))
				r.Ticket.Attributes = map[string]string{"tenure": fmt.Sprint(i % 2)}
				if i == 3 {
					r.Ticket.ExternalId, r.Ticket.Grievance, r.Ticket.CauseTouchpoint = "zendesk:3", true, ann+"/touchpoints/t"
				}
			}))
		}
		must(c.CreateInteraction)(t, say(acme+"/tickets/6", outbound, time.Hour))
		for _, tt := range []struct{ filter, order, want string }{
			{"", "", "7 6 5 4 3 2 1 0"},
			{"", "open_time", "0 1 2 3 4 5 6 7"},
			{"", "name desc", "7 6 5 4 3 2 1 0"},
			{"", "priority desc, open_time", "3 7 2 6 1 5 0 4"},
			{"", "state desc, name", "6 0 1 2 3 4 5 7"},
			{`priority = HIGH AND open_time > "2013-01-07T13:30:00Z"`, "", "6"},
			{`attributes.tenure = "1"`, "open_time", "1 3 5 7"},
			{`external_id = "zendesk:3"`, "", "3"},
			{`external_id:*`, "", "3"},
			{`grievance = true OR state = OPEN`, "name", "3 6"},
			{`first_response_time:*`, "", "6"},
			{`cause_touchpoint = "brands/acme/customers/ann/touchpoints/t"`, "", "3"},
			{`customer = "brands/acme/customers/bob"`, "", ""},
		} {
			for _, size := range []int32{1, 3, 50} {
				got := walk(t, c, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: size, Filter: tt.filter, OrderBy: tt.order}, func(int) {})
				if joined := strings.Join(got, " "); joined != tt.want {
					t.Errorf("filter %q, order %q, pages of %d = %s, want %s", tt.filter, tt.order, size, joined, tt.want)
				}
			}
		}
		for _, req := range []*ticketv1.ListTicketsRequest{
			{Filter: `priority = "HIGH`}, {Filter: `subject = "x"`}, {Filter: `reopen_count > 1`}, {OrderBy: "subject"}, {OrderBy: "id; drop table"}, // T60, T61
		} {
			req.Parent = acme
			_, err := c.ListTickets(t.Context(), req)
			refused(t, err, codes.InvalidArgument)
		}
	})
}

func TestPagesOfInteractionsJoinUp(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		for i := range 7 { // the last first, in pairs of the same instant
			req := say(tk.GetName(), outbound, -time.Duration(i/2)*time.Minute)
			req.InteractionId = fmt.Sprint(i)
			must(c.CreateInteraction)(t, req)
		}
		req := &ticketv1.ListInteractionsRequest{Parent: tk.GetName(), PageSize: 2}
		ids := ""
		for range 4 {
			resp := must(c.ListInteractions)(t, req)
			for _, i := range resp.GetInteractions() {
				ids += name.ID(i.GetName())
			}
			req.PageToken = resp.GetNextPageToken()
		}
		if ids != "6452301" || req.GetPageToken() != "" {
			t.Errorf("pages joined = %s, token %q, want 6452301 and the end", ids, req.GetPageToken())
		}
	})
}

func TestAPageTokenBelongsToItsRequest(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for range 3 {
			must(c.CreateTicket)(t, open())
		}
		token := must(c.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 1}).GetNextPageToken()
		for _, req := range []*ticketv1.ListTicketsRequest{
			{Parent: acme, PageToken: "junk"},
			{Parent: acme, PageToken: token, Customer: ann},
			{Parent: "brands/other", PageToken: token},
		} {
			_, err := c.ListTickets(t.Context(), req)
			refused(t, err, codes.InvalidArgument)
		}
		if got := must(c.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme, PageToken: token, PageSize: 1 << 30}); len(got.GetTickets()) != 2 {
			t.Errorf("%d tickets, want the other two", len(got.GetTickets()))
		}
	})
}
