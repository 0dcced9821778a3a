package abuse

import (
	"strings"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// titled creates a ticket with that subject.
func titled(subject string) *ticketv1.CreateTicketRequest {
	return newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Subject = subject })
}

// kept accepts a subject and checks that it is stored as it is.
func kept(subject string) ask {
	return ask{req: titled(subject), check: func(t *testing.T, s *suite, m proto.Message) {
		name := m.(*ticketv1.Ticket).GetName()
		if got := must[*ticketv1.Ticket](t, s, &ticketv1.GetTicketRequest{Name: name}); got.GetSubject() != subject {
			t.Errorf("subject = %q, want %q", got.GetSubject(), subject)
		}
	}}
}

type create = ticketv1.CreateTicketRequest

// with is a ticket that is refused.
func with(id, name, field string, code codes.Code, spoil func(*create)) row {
	return both(id, name, ask{req: newTicket(spoil), code: code, field: field})
}

// subject is a subject that is refused.
func subject(id, name, text string) row {
	return both(id, name, ask{req: titled(text), code: invalid, field: "ticket.subject"})
}

// ticketRows are about tickets and what happens on them.
func ticketRows() []row {
	return []row{
		{"T01", "an empty request", ask{req: &create{}, code: invalid, field: "parent"}.on(onGRPC), mustPost("/v1/brands/acme/tickets", "{}", 400)},
		with("T04", "no customer", "ticket.customer", invalid, func(r *create) { r.Ticket.Customer = "" }),
		with("T05", "another brand's customer", "", notFound, func(r *create) { r.Ticket.Customer = "brands/other/customers/ann" }),
		ofErased("T06", "a customer who was erased", func(customer string) proto.Message {
			return newTicket(func(r *create) { r.Ticket.Customer = customer })
		}),
		subject("T07", "an empty subject", ""),
		subject("T07", "a subject of spaces", "   "),
		subject("T07", "a subject of zero width", "\u200b"),
		subject("T08", "257 characters", strings.Repeat("a", 257)),
		both("T09", "256 emoji", kept(strings.Repeat("😀", 256))),
		subject("T10", "a NUL in the subject", "a\x00b"),
		subject("T11", "a line break in the subject", "a\r\nBcc: all"),
		both("T12", "a right-to-left override", kept("a\u202eb")),
		both("T13", "a text of 64 KiB and a byte", ask{
			req:  say(func(r *ticketv1.CreateInteractionRequest) { r.Interaction.Text = strings.Repeat("a", 64<<10+1) }),
			code: invalid, field: "interaction.text",
		}),
		{
			"T14", "a text that is not UTF-8",
			sending(ticketv1.InteractionService_CreateInteraction_FullMethodName, append(encode(say()), field(2, field(11, []byte("\xff")))...), invalid),
			mustPost("/v1/"+seven+"/interactions", "{\"kind\":\"KIND_NOTE\",\"text\":\"\xff\"}", 400),
		},
		both("T15", "what a browser or a spreadsheet would run", kept("<script>alert(1)</script> =cmd|'/C calc'!A0 +SUM(A1)")),
		with("T16", "no channel", "ticket.channel", invalid, func(r *create) { r.Ticket.Channel = 0 }),
		with("T17", "channel 9999", "ticket.channel", invalid, func(r *create) { r.Ticket.Channel = 9999 }),
		{id: "T18", name: "a priority with a space", rest: mustPost("/v1/brands/acme/tickets",
			`{"customer":"`+ann+`","subject":"x","channel":"CHANNEL_EMAIL","priority":"PRIORITY_URGENT "}`, 400)},
	}
}

// moveRows are about how tickets move and are listed.
func moveRows() []row {
	return []row{
		each("T36", "resolving twice", func(t *testing.T, s *suite, way surface) { resolve(t, s, way, "ILLEGAL_TRANSITION", nil) }),
		each("T37", "resolving twice in one request", resolveOnce),
		both("T40", "an etag of another time", ask{
			req:  &ticketv1.ResolveTicketRequest{Name: seven, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, Etag: "999"},
			code: codes.Aborted, reason: "STALE",
		}),
		both("K61", "an etag that is none", ask{ // etags count versions, so another ticket's may fit
			req:  &ticketv1.ResolveTicketRequest{Name: seven, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, Etag: "*"},
			code: codes.Aborted, reason: "STALE",
		}),
		with("T47", "another brand's agent", "", notFound, func(r *create) { r.Ticket.Agent = "brands/other/agents/eve" }),
		both("T53", "an interaction of another ticket", ask{
			req: &ticketv1.GetInteractionRequest{Name: acme + "/tickets/none/interactions/i"}, code: notFound,
		}),
		both("T58", "a negative page size", ask{req: &ticketv1.ListTicketsRequest{Parent: acme, PageSize: -1}, code: invalid, field: "page_size"}),
		each("T62", "a first response twice", firstResponse),
		// Told one by one, things are taken as they are: the duration is left out of the
		// measures (see T64), the ticket is not refused.
		each("T65", "resolved before it was opened", func(t *testing.T, s *suite, way surface) {
			name := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
			a := ask{req: &ticketv1.ResolveTicketRequest{
				Name: name, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: &timestamppb.Timestamp{Seconds: noon.GetSeconds() - 60},
			}}
			a.want(t, way, s.send(t, way, a))
		}),
		with("T66", "an id in use", "", exists, func(r *create) { r.TicketId, r.Ticket.Subject = "7", "Other" }),
		each("K58", "a page token with other arguments", func(t *testing.T, s *suite, way surface) {
			a := ask{req: &ticketv1.ListTicketsRequest{Parent: acme, PageToken: token(t, s), Customer: ann}, code: invalid, field: "page_token"}
			a.want(t, way, s.send(t, way, a))
		}),
		each("K59", "a page token cut off, changed or far too long", func(t *testing.T, s *suite, way surface) {
			good := token(t, s)
			for _, bad := range []string{good[:len(good)-1], good[:5], "A" + good, good + good, "!" + good, strings.Repeat("A", 2000), strings.Repeat("A", 10<<10)} {
				a := ask{req: &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 1, PageToken: bad}, code: invalid, field: "page_token"}
				a.want(t, way, s.send(t, way, a))
			}
		}),
	}
}

// token returns the token of the second page of acme's tickets.
func token(t *testing.T, s *suite) string {
	t.Helper()
	must[*ticketv1.Ticket](t, s, newTicket())
	token := must[*ticketv1.ListTicketsResponse](t, s, &ticketv1.ListTicketsRequest{Parent: acme, PageSize: 1}).GetNextPageToken()
	if token == "" {
		t.Fatal("no token")
	}
	return token
}

// resolveOnce sends one resolution twice, in one request.
func resolveOnce(t *testing.T, s *suite, way surface) {
	req := &ticketv1.ResolveTicketRequest{
		Name: must[*ticketv1.Ticket](t, s, newTicket()).GetName(), Outcome: ticketv1.Ticket_OUTCOME_SOLVED,
	}
	id := uuid.NewString()
	first := s.create(t, way, id, proto.Clone(req))
	before := s.settled(t)
	if second := s.create(t, way, id, proto.Clone(req)); !proto.Equal(first.msg, second.msg) {
		t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
	}
	s.unchanged(t, before)
}

// firstResponse: of two responses the earlier counts, whichever comes first.
func firstResponse(t *testing.T, s *suite, way surface) {
	name := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
	for _, delay := range []int64{60, 120} {
		a := ask{req: say(func(r *ticketv1.CreateInteractionRequest) {
			r.Parent, r.Interaction.StartTime = name, &timestamppb.Timestamp{Seconds: noon.GetSeconds() + delay}
		})}
		a.want(t, way, s.send(t, way, a))
	}
	got := must[*ticketv1.Ticket](t, s, &ticketv1.GetTicketRequest{Name: name}).GetFirstResponseTime()
	if got.GetSeconds() != noon.GetSeconds()+60 {
		t.Errorf("first response = %v, want that after a minute", got)
	}
}
