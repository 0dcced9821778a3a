package abuse

import (
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// partnerRows are about who acts for one brand, or for one partner of a brand, and
// reaches for more.
func partnerRows() []row {
	forced := &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: seven, Etag: "*", Subject: "Forced"}}
	return []row{
		// The brand is in the names, so another's does not exist: nothing is said about
		// rights to it.
		both("T02", "a brand that is not the credential's", ask{
			req: newTicket(func(r *create) { r.Parent, r.Ticket.Customer = "brands/ghost", "brands/ghost/customers/ann" }), key: acmes, code: notFound,
		}),
		both("T03", "a brand that exists, for who may do anything in another", ask{
			req: newTicket(func(r *create) { r.Parent, r.Ticket.Customer = "brands/other", "brands/other/customers/ann" }), key: acmes, code: notFound,
		}),
		both("T41", "any version, for who may", ask{req: forced, key: acmes}),
		both("T41", "any version, for who may not", ask{req: forced, key: clerks, code: codes.PermissionDenied, reason: "SCOPE_MISSING"}),
		partnersOwn("T46", "to an agent of another partner", &ticketv1.AssignTicketRequest{Agent: acme + "/agents/cy"}),
		partnersOwn("T46", "to an agent of the brand", &ticketv1.AssignTicketRequest{Agent: acme + "/agents/eve"}),
		partnersOwn("T46", "to another partner", &ticketv1.AssignTicketRequest{Partner: acme + "/partners/abacus"}),
		both("T46", "a ticket for another partner", ask{
			req: newTicket(func(r *create) { r.Ticket.Partner = acme + "/partners/abacus" }), key: mihirs, code: codes.PermissionDenied, reason: "PARTNER_BOUND",
		}),
		both("T46", "a ticket for another partner's agent", ask{
			req: newTicket(func(r *create) { r.Ticket.Agent = acme + "/agents/cy" }), key: mihirs, code: codes.PermissionDenied, reason: "PARTNER_BOUND",
		}),
		each("T46", "the word of another partner", func(t *testing.T, s *suite, way surface) {
			own := s.send(t, onGRPC, ask{req: newTicket(), key: mihirs}).msg.(*ticketv1.Ticket).GetName()
			for _, spoil := range []func(*ticketv1.Interaction){
				func(i *ticketv1.Interaction) { i.Partner = acme + "/partners/abacus" },
				func(i *ticketv1.Interaction) { i.Agent = acme + "/agents/cy" },
				func(i *ticketv1.Interaction) {
					i.Agent, i.Team, i.Partner = acme+"/agents/eve", acme+"/teams/night", acme+"/partners/mihir"
				},
			} {
				req := say(func(r *ticketv1.CreateInteractionRequest) { r.Parent = own; spoil(r.Interaction) })
				ask{req: req, key: mihirs, code: codes.PermissionDenied, reason: "PARTNER_BOUND"}.on(way)(t, s)
			}
		}),
		both("T50", "the tickets of another partner", nothing(`partner = "brands/acme/partners/abacus"`)),
		both("T50", "the tickets of nobody but the brand", nothing(`partner = ""`)),
		both("T49", "another partner's tickets by their names", ask{
			req: &ticketv1.BatchGetTicketsRequest{Parent: acme, Names: []string{seven, acme + "/tickets/8"}}, key: mihirs, code: notFound,
		}),
	}
}

// partnersOwn assigns a ticket of the partner's where it may not.
func partnersOwn(id, name string, req *ticketv1.AssignTicketRequest) row {
	return each(id, name, func(t *testing.T, s *suite, way surface) {
		own := s.send(t, onGRPC, ask{req: newTicket(), key: mihirs}).msg.(*ticketv1.Ticket)
		if own.GetPartner() != acme+"/partners/mihir" {
			t.Fatalf("ticket = %v, want it the partner's", own)
		}
		req := proto.CloneOf(req)
		req.Name = own.GetName()
		ask{req: req, key: mihirs, code: codes.PermissionDenied, reason: "PARTNER_BOUND"}.on(way)(t, s)
	})
}

// nothing is a list of the partner's that must be empty.
func nothing(filter string) ask {
	return ask{req: &ticketv1.ListTicketsRequest{Parent: acme, Filter: filter}, key: mihirs, check: func(t *testing.T, _ *suite, m proto.Message) {
		if list := m.(*ticketv1.ListTicketsResponse).GetTickets(); len(list) != 0 {
			t.Errorf("tickets = %v, want none", list)
		}
	}}
}

// foreignToken resumes a watch with what another brand's watch has given out.
