package ticket_test

import (
	"testing"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// tomorrow is further ahead than any clock is wrong.
func tomorrow() *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(25 * time.Hour)) }

func TestBadTicketsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for _, tt := range []struct {
			name  string
			spoil func(*ticketv1.Ticket)
			code  codes.Code
			field string
		}{
			{"of tomorrow", func(k *ticketv1.Ticket) { k.OpenTime = tomorrow() }, codes.InvalidArgument, "ticket.open_time"},
			{"with a blank subject", func(k *ticketv1.Ticket) { k.Subject = " \u200b" }, codes.InvalidArgument, "ticket.subject"},
			{"without channel", func(k *ticketv1.Ticket) { k.Channel = 0 }, codes.InvalidArgument, "ticket.channel"},
			{"of another brand's customer", func(k *ticketv1.Ticket) { k.Customer = "brands/other/customers/ann" }, codes.NotFound, ""},
			{"of another brand's team", func(k *ticketv1.Ticket) { k.Team = "brands/other/teams/night" }, codes.NotFound, ""},
		} {
			_, err := c.CreateTicket(t.Context(), open(func(r *ticketv1.CreateTicketRequest) { tt.spoil(r.Ticket) }))
			refusedField(t, "a ticket "+tt.name, err, tt.code, tt.field)
		}
		if n := len(c.events(t)); n != 0 {
			t.Errorf("%d events, want none", n)
		}
	})
}

func TestBadInteractionsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		for _, tt := range []struct {
			name  string
			spoil func(*ticketv1.CreateInteractionRequest)
			code  codes.Code
			field string
		}{
			{
				"of tomorrow", func(r *ticketv1.CreateInteractionRequest) { r.Interaction.StartTime = tomorrow() },
				codes.InvalidArgument, "interaction.start_time",
			},
			{
				"that ends tomorrow", func(r *ticketv1.CreateInteractionRequest) { r.Interaction.EndTime = tomorrow() },
				codes.InvalidArgument, "interaction.end_time",
			},
			{
				"that ends before it begins",
				func(r *ticketv1.CreateInteractionRequest) {
					r.Interaction.EndTime = timestamppb.New(noon.Add(-time.Second))
				},
				codes.InvalidArgument, "interaction", // a rule between two of its fields
			},
			{
				"on no ticket", func(r *ticketv1.CreateInteractionRequest) { r.Parent = acme + "/tickets/none" },
				codes.NotFound, "",
			},
		} {
			req := say(tk.GetName(), outbound, 0)
			tt.spoil(req)
			_, err := c.CreateInteraction(t.Context(), req)
			refusedField(t, "an interaction "+tt.name, err, tt.code, tt.field)
		}
		equal(t, "ticket", c.get(t, tk.GetName()), tk)
		if n := len(c.events(t)); n != 1 {
			t.Errorf("%d events, want the ticket's", n)
		}
	})
}

func TestBadResolutionsAreRefused(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = "7" }))
		for _, tt := range []struct {
			name  string
			req   *ticketv1.ResolveTicketRequest
			code  codes.Code
			field string
		}{
			{
				"of tomorrow", &ticketv1.ResolveTicketRequest{Name: tk.GetName(), Outcome: solved, ResolveTime: tomorrow()},
				codes.InvalidArgument, "resolve_time",
			},
			{"without outcome", &ticketv1.ResolveTicketRequest{Name: tk.GetName()}, codes.InvalidArgument, "outcome"},
			{"of no ticket", resolve(acme+"/tickets/none", solved, 0), codes.NotFound, ""},
			{"of another brand's ticket", resolve("brands/other/tickets/7", solved, 0), codes.NotFound, ""},
		} {
			_, err := c.ResolveTicket(t.Context(), tt.req)
			refusedField(t, "a resolution "+tt.name, err, tt.code, tt.field)
		}
		equal(t, "ticket", c.get(t, tk.GetName()), tk)
	})
}

// refusedField checks the code of an error and the first field it names.
func refusedField(t *testing.T, what string, err error, code codes.Code, want string) {
	t.Helper()
	refused(t, err, code)
	field := ""
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			field = bad.GetFieldViolations()[0].GetField()
		}
	}
	if field != want {
		t.Errorf("%s: field %q, want %q", what, field, want)
	}
}

func TestWhatDoesNotExistIsNotFound(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		tk := must(c.CreateTicket)(t, open())
		act := say(tk.GetName(), outbound, 0)
		act.InteractionId = "i"
		must(c.CreateInteraction)(t, act)
		other := must(c.CreateTicket)(t, open())
		for _, name := range []string{acme + "/tickets/none", "brands/other/tickets/" + tk.GetName()[len(acme+"/tickets/"):]} {
			_, err := c.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: name})
			refused(t, err, codes.NotFound)
			_, err = c.ListInteractions(t.Context(), &ticketv1.ListInteractionsRequest{Parent: name})
			refused(t, err, codes.NotFound)
		}
		for _, name := range []string{tk.GetName() + "/interactions/none", other.GetName() + "/interactions/i"} {
			_, err := c.GetInteraction(t.Context(), &ticketv1.GetInteractionRequest{Name: name})
			refused(t, err, codes.NotFound)
		}
		if list := must(c.ListInteractions)(t, &ticketv1.ListInteractionsRequest{Parent: other.GetName()}); len(list.GetInteractions()) != 0 {
			t.Errorf("interactions = %v, want none", list)
		}
	})
}
