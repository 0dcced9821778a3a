package ticket_test

import (
	"testing"
	"time"

	"google.golang.org/grpc/codes"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket"
)

func TestAPartnerSeesItsTicketsAndNoOthers(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
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
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		d := newDesk(t, db, rpc.Config{})
		d.staff(t)
		d.team(t, "alien", d.partner(t, "other").GetName())
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
		for _, team := range []string{"day", "alien"} { // the brand's own and another partner's
			named := acme + "/teams/" + team
			_, err := mihir.AssignTicket(t.Context(), &ticketv1.AssignTicketRequest{Name: theirs.GetName(), Team: named, Partner: acme + "/partners/mihir"})
			fault(t, "assigning to "+named, err, codes.PermissionDenied, "PARTNER_BOUND")
			_, err = mihir.EscalateTicket(t.Context(), &ticketv1.EscalateTicketRequest{Name: theirs.GetName(), Agent: acme + "/agents/bo", Team: named})
			fault(t, "escalating to "+named, err, codes.PermissionDenied, "PARTNER_BOUND")
			_, err = mihir.CreateTicket(t.Context(), open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Team = named }))
			fault(t, "a ticket for "+named, err, codes.PermissionDenied, "PARTNER_BOUND")
			said := say(theirs.GetName(), outbound, time.Hour)
			said.Interaction.Team = named
			_, err = mihir.CreateInteraction(t.Context(), said)
			fault(t, "an answer by "+named, err, codes.PermissionDenied, "PARTNER_BOUND")
		}
		must(mihir.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Team = acme + "/teams/night" }))
		must(mihir.AssignTicket)(t, &ticketv1.AssignTicketRequest{Name: theirs.GetName(), Agent: acme + "/agents/bo"})
	})
}

// measurer returns the metrics as a caller sees them.
func measurer(t *testing.T, db *sqldb.DB, cfg rpc.Config) ticketv1.ServiceMetricsServiceClient {
	t.Helper()
	s, err := ticket.New(t.Context(), db, ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(cfg)
	s.Register(srv)
	return ticketv1.NewServiceMetricsServiceClient(srv.Local())
}

func TestAPartnerIsMeasuredOverItsOwnTime(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		db := openDB(t)
		d := newDesk(t, db, rpc.Config{})
		d.staff(t)
		bound := caller(rpc.Caller{Brand: "acme", Partner: "mihir", Scopes: []string{"*"}})
		mihir := newDesk(t, db, bound)
		query := &ticketv1.QueryServiceMetricsRequest{Parent: acme}
		all, own := measurer(t, db, rpc.Config{}), measurer(t, db, bound)
		early := d.opened(t, "early")
		must(d.ResolveTicket)(t, resolve(early, solved, 1000*time.Hour))
		if w := must(own.QueryServiceMetrics)(t, query).GetBasis().GetWindow(); w != nil {
			t.Errorf("window = %v, want none without tickets", w)
		}
		theirs := must(mihir.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = at(time.Hour) }))
		must(mihir.ResolveTicket)(t, resolve(theirs.GetName(), solved, 3*time.Hour))
		want := &typev1.Window{StartTime: at(time.Hour), EndTime: at(3*time.Hour + time.Microsecond)}
		basis := must(own.QueryServiceMetrics)(t, query).GetBasis()
		equal(t, "window", basis.GetWindow(), want)
		if basis.GetIncluded() != 1 {
			t.Errorf("basis = %v, want the partner's ticket", basis)
		}
		equal(t, "window of the brand", must(all.QueryServiceMetrics)(t, query).GetBasis().GetWindow(),
			&typev1.Window{StartTime: at(0), EndTime: at(1000*time.Hour + time.Microsecond)})
	})
}
