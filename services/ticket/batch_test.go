package ticket_test

import (
	"bytes"
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

func TestTicketsAreGotInTheOrderAskedFor(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		names := []string{d.opened(t, "b"), d.opened(t, "a"), d.opened(t, "c")}
		must(d.DeleteTicket)(t, &ticketv1.DeleteTicketRequest{Name: names[2]})
		resp := must(d.BatchGetTickets)(t, &ticketv1.BatchGetTicketsRequest{Parent: acme, Names: names})
		for i, n := range names {
			equal(t, "ticket", resp.GetTickets()[i], d.read(t, n))
		}
		for _, missing := range []string{acme + "/tickets/none", "brands/other/tickets/a"} {
			_, err := d.BatchGetTickets(t.Context(), &ticketv1.BatchGetTicketsRequest{Parent: acme, Names: append(names[:1:1], missing)})
			refused(t, err, codes.NotFound)
		}
	})
}

func TestABatchOfTicketsIsStoredWholeOrNotAtAll(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		chosen := func(id string) *ticketv1.CreateTicketRequest {
			return open(func(r *ticketv1.CreateTicketRequest) { r.TicketId = id })
		}
		blank := chosen("blank")
		blank.Ticket.Subject = " "
		req := &ticketv1.BatchCreateTicketsRequest{Parent: acme, Requests: []*ticketv1.CreateTicketRequest{chosen("a"), blank}, RequestId: id1}
		_, err := d.BatchCreateTickets(t.Context(), req)
		refusedField(t, "a batch with a blank subject", err, codes.InvalidArgument, "requests[1].ticket.subject")
		req.Requests = []*ticketv1.CreateTicketRequest{chosen("a"), chosen("a")}
		_, err = d.BatchCreateTickets(t.Context(), req)
		refused(t, err, codes.AlreadyExists)
		if list := must(d.ListTickets)(t, &ticketv1.ListTicketsRequest{Parent: acme}); len(list.GetTickets()) != 0 {
			t.Errorf("tickets = %v, want none", list)
		}
		foreign, twice, dry := chosen("f"), chosen("i"), chosen("v")
		foreign.Parent, twice.RequestId, dry.ValidateOnly = "brands/other", id2, true
		foreign.Ticket.Customer = "brands/other/customers/ann"
		req.Requests = []*ticketv1.CreateTicketRequest{chosen("a"), blank, chosen("a"), foreign, twice, dry, open()}
		req.PartialSuccess = true
		resp := must(d.BatchCreateTickets)(t, req)
		for i, want := range []codes.Code{
			codes.OK, codes.InvalidArgument, codes.AlreadyExists, codes.NotFound, codes.InvalidArgument, codes.InvalidArgument, codes.OK,
		} {
			r := resp.GetResults()[i]
			if codes.Code(r.GetError().GetCode()) != want || (r.GetTicket() != nil) != (want == codes.OK) {
				t.Errorf("result %d = %v, want %v", i, r, want)
			}
			if r.GetTicket() != nil {
				equal(t, "ticket", d.read(t, r.GetTicket().GetName()), r.GetTicket())
			}
		}
		equal(t, "the repeat", must(d.BatchCreateTickets)(t, req), resp)
		if told := d.told(t); len(told) != 2 {
			t.Errorf("%d events, want one for each ticket", len(told))
		}
	})
}

func TestEachInteractionOfABatchStandsAlone(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		a, b := d.opened(t, "a"), d.opened(t, "b")
		bad := say(a, outbound, 0)
		bad.Interaction.Kind = 0
		req := &ticketv1.BatchCreateInteractionsRequest{Parent: acme, RequestId: id1, Requests: []*ticketv1.CreateInteractionRequest{
			say(a, inbound, time.Minute), say(b, outbound, time.Hour), bad, say(acme+"/tickets/none", inbound, 0), say(a, outbound, 2*time.Hour),
		}}
		req.Requests[0].Interaction.Text = "hello"
		resp := must(d.BatchCreateInteractions)(t, req)
		for i, want := range []codes.Code{codes.OK, codes.OK, codes.InvalidArgument, codes.NotFound, codes.OK} {
			if r := resp.GetResults()[i]; codes.Code(r.GetError().GetCode()) != want || (r.GetInteraction() != nil) != (want == codes.OK) {
				t.Errorf("result %d = %v, want %v", i, r, want)
			}
		}
		first := resp.GetResults()[0].GetInteraction()
		equal(t, "stored interaction", must(d.GetInteraction)(t, &ticketv1.GetInteractionRequest{Name: first.GetName()}), first)
		equal(t, "the repeat", must(d.BatchCreateInteractions)(t, req), resp)
		if d.read(t, a).GetContactCount() != 2 || d.read(t, b).GetContactCount() != 1 {
			t.Error("a repeated batch is recorded twice")
		}
		other := proto.CloneOf(req)
		other.Requests = other.Requests[:1]
		_, err := d.BatchCreateInteractions(t.Context(), other)
		fault(t, "the id with another batch", err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
		dry := &ticketv1.BatchCreateInteractionsRequest{Parent: acme, ValidateOnly: true, Requests: req.GetRequests()[:1]}
		if r := must(d.BatchCreateInteractions)(t, dry).GetResults()[0]; r.GetInteraction() == nil || d.read(t, a).GetContactCount() != 2 {
			t.Errorf("result = %v, want the interaction as it would be and nothing stored", r)
		}
	})
}

func TestRedactedWordsAreGone(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		n := d.opened(t, "a")
		req := say(n, outbound, time.Hour)
		req.RequestId, req.Interaction.Text, req.Interaction.Attributes = id1, "my card is 4111", map[string]string{"card": "4111"}
		said := must(d.CreateInteraction)(t, req)
		if said.GetText() != "my card is 4111" || said.GetAttributes()["card"] != "4111" {
			t.Errorf("answer = %v, want the words", said)
		}
		before := d.read(t, n)
		redact := &ticketv1.RedactInteractionRequest{Name: said.GetName()}
		gone := must(d.RedactInteraction)(t, redact)
		want := proto.CloneOf(said)
		want.Text, want.Attributes, want.RedactTime = "", nil, gone.GetRedactTime()
		equal(t, "redacted interaction", gone, want)
		equal(t, "redacted again", must(d.RedactInteraction)(t, redact), gone)
		equal(t, "stored interaction", must(d.GetInteraction)(t, &ticketv1.GetInteractionRequest{Name: said.GetName()}), gone)
		equal(t, "ticket", d.read(t, n), before)
		rows, err := d.db.Read().QueryContext(t.Context(), `SELECT response FROM request`)
		if err != nil {
			t.Fatal(err)
		}
		defer rows.Close()
		for rows.Next() {
			var stored []byte
			if err := rows.Scan(&stored); err != nil || bytes.Contains(stored, []byte("4111")) {
				t.Errorf("a remembered answer = %q, %v, want no words in it", stored, err)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		_, err = d.RedactInteraction(t.Context(), &ticketv1.RedactInteractionRequest{Name: n + "/interactions/none"})
		refused(t, err, codes.NotFound)
		other := d.opened(t, "b")
		_, err = d.RedactInteraction(t.Context(), &ticketv1.RedactInteractionRequest{Name: other + said.GetName()[len(n):]})
		refused(t, err, codes.NotFound) // T53
	})
}

func TestATicketTakesOnlySoManyInteractions(t *testing.T) { // T52
	eachDesk(t, func(t *testing.T, d desk) {
		n := d.opened(t, "a")
		set(t, client{db: d.db}, `UPDATE ticket SET interaction_count = 9999`)
		must(d.CreateInteraction)(t, say(n, inbound, 0))
		_, err := d.CreateInteraction(t.Context(), say(n, inbound, 0))
		fault(t, "the 10,001st interaction", err, codes.FailedPrecondition, "TOO_MANY_INTERACTIONS")
	})
}

func TestATicketCountsItsInteractions(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		d.staff(t)
		n := d.opened(t, "a")
		for i, step := range []struct {
			d     ticketv1.Interaction_Direction
			agent string
			cost  int64
		}{{inbound, "", 0}, {outbound, "bo", 250}, {inbound, "", 0}, {ticketv1.Interaction_DIRECTION_INTERNAL, "eve", 100}, {outbound, "cy", 0}} {
			req := say(n, step.d, time.Duration(i)*time.Hour)
			if req.InteractionId = fmt.Sprint(i); step.agent != "" {
				req.Interaction.Agent = acme + "/agents/" + step.agent
			}
			if step.cost > 0 {
				req.Interaction.CostMicros = &step.cost
			}
			got := must(d.CreateInteraction)(t, req)
			if step.agent == "bo" && (got.GetTeam() != acme+"/teams/night" || got.GetPartner() != acme+"/partners/mihir") {
				t.Errorf("interaction = %v, want the team and the partner of the agent", got)
			}
		}
		if tk := d.read(t, n); tk.GetContactCount() != 4 || tk.GetCostMicros() != 350 {
			t.Errorf("ticket = %v, want 4 contacts and a cost of 350", tk)
		}
		var after, other int
		var responder string
		err := d.db.Read().QueryRowContext(t.Context(), `SELECT inbound_after, responder, other_responder FROM ticket`).Scan(&after, &responder, &other)
		if err != nil || after != 1 || responder != "bo" || other != 1 {
			t.Errorf("after the first response: %d inbound, responder %s, another %d, %v, want 1, bo and 1", after, responder, other, err)
		}
		early := say(n, outbound, -time.Hour) // recorded late, it was the first response: two messages came after it
		early.Interaction.Agent = acme + "/agents/eve"
		must(d.CreateInteraction)(t, early)
		err = d.db.Read().QueryRowContext(t.Context(), `SELECT inbound_after, responder FROM ticket`).Scan(&after, &responder)
		if err != nil || after != 2 || responder != "eve" {
			t.Errorf("after an earlier response: %d inbound, responder %s, %v, want 2 and eve", after, responder, err)
		}
		var kinds []string
		for _, e := range d.log(t, n) {
			kinds = append(kinds, e.GetInteraction())
		}
		if len(kinds) != 7 || kinds[1] != "" || kinds[3] != n+"/interactions/1" {
			t.Errorf("log = %q, want the opening among the interactions", kinds)
		}
	})
}
