package ticket_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAPartnerSeesItsTicketsAndNoOthers(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		d := newDesk(t, db, rpc.Config{})
		d.staff(t)
		mihir := newDesk(t, db, caller(rpc.Caller{Brand: "acme", Partner: "mihir", Scopes: []string{"*"}}))
		theirs := must(mihir.CreateTicket)(t, open())
		ours := d.opened(t, "ours")
		if theirs.GetPartner() != acme+"/partners/mihir" {
			t.Errorf("ticket = %v, want it the partner's", theirs)
		}
		said := must(d.CreateInteraction)(t, say(ours, outbound, time.Hour))
		for what, call := range map[string]func() error{ // T49
			"reading": func() error {
				_, err := mihir.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: ours})
				return err
			},
			"moving":    func() error { _, err := mihir.ResolveTicket(t.Context(), resolve(ours, solved, 0)); return err },
			"answering": func() error { _, err := mihir.CreateInteraction(t.Context(), say(ours, outbound, 0)); return err },
			"listing what was said on": func() error {
				_, err := mihir.ListInteractions(t.Context(), &ticketv1.ListInteractionsRequest{Parent: ours})
				return err
			},
			"reading what was said on": func() error {
				_, err := mihir.GetInteraction(t.Context(), &ticketv1.GetInteractionRequest{Name: said.GetName()})
				return err
			},
			"reading the log of": func() error {
				_, err := mihir.ListTicketEvents(t.Context(), &ticketv1.ListTicketEventsRequest{Parent: ours})
				return err
			},
			"updating": func() error {
				_, err := mihir.UpdateTicket(t.Context(), &ticketv1.UpdateTicketRequest{Ticket: &ticketv1.Ticket{Name: ours, Subject: "x"}})
				return err
			},
			"getting": func() error {
				_, err := mihir.BatchGetTickets(t.Context(), &ticketv1.BatchGetTicketsRequest{Parent: acme, Names: []string{theirs.GetName(), ours}})
				return err
			},
			"following up": func() error {
				_, err := mihir.CreateTicket(t.Context(), open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.FollowUpOf = ours }))
				return err
			},
		} {
			fault(t, what+" a ticket of the brand", call(), codes.NotFound, "NOT_FOUND")
		}
		list := must(mihir.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme})
		if len(list.GetTickets()) != 1 || list.GetTickets()[0].GetName() != theirs.GetName() {
			t.Errorf("list = %v, want the partner's ticket alone", list)
		}
		other := must(mihir.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme, Filter: `partner = "` + acme + `/partners/other"`}) // T50
		if len(other.GetTickets()) != 0 {
			t.Errorf("list = %v, want none of another partner", other)
		}
	})
}

func TestAPartnerKeepsItsTicketsToItself(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		newDesk(t, db, rpc.Config{}).staff(t)
		mihir := newDesk(t, db, caller(rpc.Caller{Brand: "acme", Partner: "mihir", Scopes: []string{"*"}}))
		theirs := must(mihir.CreateTicket)(t, open())
		_, err := mihir.CreateTicket(t.Context(), open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Partner = acme + "/partners/other" }))
		fault(t, "a ticket for another partner", err, codes.PermissionDenied, "PARTNER_BOUND")
		for _, req := range []*ticketv1.AssignTicketRequest{ // T46
			{Agent: acme + "/agents/eve"}, {Team: acme + "/teams/day"}, {Agent: acme + "/agents/bo", Partner: acme + "/partners/other"},
		} {
			req.Name = theirs.GetName()
			_, err := mihir.AssignTicket(t.Context(), req)
			fault(t, "assigning to "+req.String(), err, codes.PermissionDenied, "PARTNER_BOUND")
		}
		must(mihir.AssignTicket)(t, &ticketv1.AssignTicketRequest{Name: theirs.GetName(), Agent: acme + "/agents/bo"})
	})
}
