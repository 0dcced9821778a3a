package ticket_test

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// at returns the time d after noon.
func at(d time.Duration) *timestamppb.Timestamp { return timestamppb.New(noon.Add(d)) }

// log returns what the log of a ticket says, in pages of two.
func (d desk) log(t *testing.T, ticket string) (all []*ticketv1.TicketEvent) {
	t.Helper()
	req := &ticketv1.ListTicketEventsRequest{Parent: ticket, PageSize: 2}
	for range 100 {
		resp := must(d.ListTicketEvents)(t, req)
		all = append(all, resp.GetEvents()...)
		if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
			return all
		}
	}
	t.Fatal("the log does not end")
	return nil
}

// told returns the events of the service.
func (d desk) told(t *testing.T) []*eventv1.Event {
	t.Helper()
	return client{db: d.db}.events(t)
}

// staff fills the directory: bo and cy of the partner mihir's night team, eve of the
// brand's own day team, and zoe, who has left.
func (d desk) staff(t *testing.T) {
	t.Helper()
	mihir := d.partner(t, "mihir").GetName()
	night, day := d.team(t, "night", mihir).GetName(), d.team(t, "day", "").GetName()
	d.agent(t, "bo", &ticketv1.Agent{Team: night})
	d.agent(t, "cy", &ticketv1.Agent{Team: night})
	d.agent(t, "eve", &ticketv1.Agent{Team: day})
	d.agent(t, "zoe", &ticketv1.Agent{Inactive: true})
}

func TestATicketGoesThroughEveryState(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		d.staff(t)
		tk := must(d.CreateTicket)(t, open())
		n := tk.GetName()
		step := func(what string, got *ticketv1.Ticket, want ticketv1.Ticket_State) {
			t.Helper()
			if got.GetState() != want || got.GetEtag() == tk.GetEtag() {
				t.Errorf("%s = %v, want %v and another etag", what, got, want)
			}
			tk = got
			equal(t, "stored ticket", must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: n}), tk)
		}
		step("assigned", must(d.AssignTicket)(t, &ticketv1.AssignTicketRequest{Name: n, Agent: acme + "/agents/bo", EventTime: at(1), Reason: "knows French"}), ticketv1.Ticket_STATE_OPEN)
		if tk.GetTeam() != acme+"/teams/night" || tk.GetPartner() != acme+"/partners/mihir" || tk.GetHandoffCount() != 0 {
			t.Errorf("assigned ticket = %v, want the team and the partner of the agent, and no handoff", tk)
		}
		step("pended", must(d.PendTicket)(t, &ticketv1.PendTicketRequest{Name: n, EventTime: at(2 * time.Hour)}), ticketv1.Ticket_STATE_PENDING)
		step("resumed", must(d.ResumeTicket)(t, &ticketv1.ResumeTicketRequest{Name: n, EventTime: at(3 * time.Hour)}), ticketv1.Ticket_STATE_OPEN)
		step("held", must(d.HoldTicket)(t, &ticketv1.HoldTicketRequest{Name: n, EventTime: at(4 * time.Hour)}), ticketv1.Ticket_STATE_ON_HOLD)
		step("escalated", must(d.EscalateTicket)(t, &ticketv1.EscalateTicketRequest{
			Name: n, Team: acme + "/teams/day", Priority: ticketv1.Ticket_PRIORITY_URGENT, EventTime: at(5 * time.Hour),
		}), ticketv1.Ticket_STATE_ON_HOLD)
		if tk.GetAgent() != "" || tk.GetTeam() != acme+"/teams/day" || tk.GetPartner() != "" || tk.GetHandoffCount() != 1 ||
			tk.GetEscalationLevel() != 1 || tk.GetPriority() != ticketv1.Ticket_PRIORITY_URGENT {
			t.Errorf("escalated ticket = %v, want it urgent with the day team, after one handoff", tk)
		}
		step("resolved", must(d.ResolveTicket)(t, resolve(n, solved, 6*time.Hour)), ticketv1.Ticket_STATE_RESOLVED)
		confirm := resolve(n, solved, 6*time.Hour)
		confirm.Confirmed = true
		if step("confirmed", must(d.ResolveTicket)(t, confirm), ticketv1.Ticket_STATE_RESOLVED); !tk.GetOutcomeConfirmed() {
			t.Error("the outcome is not confirmed")
		}
		step("reopened", must(d.ReopenTicket)(t, &ticketv1.ReopenTicketRequest{Name: n, EventTime: at(7 * time.Hour)}), ticketv1.Ticket_STATE_OPEN)
		if tk.GetReopenCount() != 1 || tk.GetOutcome() != 0 || tk.ResolveTime != nil || tk.GetOutcomeConfirmed() {
			t.Errorf("reopened ticket = %v, want it without resolution", tk)
		}
		step("resolved again", must(d.ResolveTicket)(t, resolve(n, partial, 8*time.Hour)), ticketv1.Ticket_STATE_RESOLVED)
		step("corrected", must(d.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: n, Outcome: solved}), ticketv1.Ticket_STATE_RESOLVED)
		step("closed", must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: n, EventTime: at(9 * time.Hour)}), ticketv1.Ticket_STATE_CLOSED)
		if !tk.GetCloseTime().AsTime().Equal(noon.Add(9 * time.Hour)) {
			t.Errorf("closed ticket = %v, want it closed at nine", tk)
		}
		checkLog(t, d, n)
	})
}

// checkLog checks the log and the events of the story above.
func checkLog(t *testing.T, d desk, ticket string) {
	t.Helper()
	want := []string{
		"OPENED 0 1", "ASSIGNED 1 2 agent bo", "PENDED 2 3", "RESUMED 3 2", "HELD 2 4", "ESCALATED 4 4 team day URGENT",
		"RESOLVED 4 5 SOLVED", "REOPENED 5 2", "RESOLVED 2 5 PARTIAL", "OUTCOME_CORRECTED 5 5 SOLVED", "CLOSED 5 6",
	}
	log := d.log(t, ticket)
	if len(log) != len(want) {
		t.Fatalf("log = %v, want %d entries", log, len(want))
	}
	seen := map[string]bool{}
	for i, e := range log {
		got := fmt.Sprint(e.GetKind().String()[len("KIND_"):], " ", int32(e.GetFromState()), " ", int32(e.GetToState()))
		switch {
		case e.GetAgent() != "":
			got += " agent " + e.GetAgent()[len(acme+"/agents/"):]
		case e.GetTeam() != "":
			got += " team " + e.GetTeam()[len(acme+"/teams/"):]
		}
		if e.GetPriority() != 0 {
			got += " " + e.GetPriority().String()[len("PRIORITY_"):]
		}
		if e.GetOutcome() != 0 {
			got += " " + e.GetOutcome().String()[len("OUTCOME_"):]
		}
		if got != want[i] || e.GetRecordTime() == nil || seen[e.GetName()] {
			t.Errorf("entry %d = %v, want %s, a name of its own and a record time", i, e, want[i])
		}
		seen[e.GetName()] = true
	}
	if log[1].GetReason() != "knows French" {
		t.Errorf("reason = %q, want the one given", log[1].GetReason())
	}
	kinds := ""
	for _, e := range d.told(t) {
		m := e.ProtoReflect()
		kinds += string(m.WhichOneof(m.Descriptor().Oneofs().ByName("payload")).Name())[len("ticket_"):] + " "
	}
	if want := "created assigned state_changed state_changed state_changed assigned resolved updated reopened resolved resolved state_changed "; kinds != want {
		t.Errorf("events = %s, want %s", kinds, want)
	}
}

func TestAMoveThatChangesNothingLeavesTheTicketAlone(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		d.staff(t)
		n := must(d.CreateTicket)(t, open()).GetName()
		assign := &ticketv1.AssignTicketRequest{Name: n, Agent: acme + "/agents/bo"}
		once := must(d.AssignTicket)(t, assign)
		equal(t, "assigned again", must(d.AssignTicket)(t, assign), once)
		equal(t, "resumed while open", must(d.ResumeTicket)(t, &ticketv1.ResumeTicketRequest{Name: n}), once)
		pended := must(d.PendTicket)(t, &ticketv1.PendTicketRequest{Name: n})
		equal(t, "pended again", must(d.PendTicket)(t, &ticketv1.PendTicketRequest{Name: n}), pended)
		if log, told := d.log(t, n), d.told(t); len(log) != 3 || len(told) != 3 {
			t.Errorf("%d entries and %d events, want 3 of each", len(log), len(told))
		}
	})
}

func TestMovesTheStateForbidsAreRefused(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		n := must(d.CreateTicket)(t, open()).GetName()
		for what, call := range map[string]func() error{
			"pending": func() error { _, err := d.PendTicket(t.Context(), &ticketv1.PendTicketRequest{Name: n}); return err },
			"closing": func() error { _, err := d.CloseTicket(t.Context(), &ticketv1.CloseTicketRequest{Name: n}); return err },
			"reopening": func() error {
				_, err := d.ReopenTicket(t.Context(), &ticketv1.ReopenTicketRequest{Name: n})
				return err
			},
		} {
			info := refused(t, call(), codes.FailedPrecondition)
			if info.GetReason() != "ILLEGAL_TRANSITION" || info.GetMetadata()["allowed"] != "STATE_OPEN, STATE_RESOLVED, STATE_MERGED" {
				t.Errorf("%s a new ticket: %v, want ILLEGAL_TRANSITION with the legal moves", what, info)
			}
		}
		must(d.ResolveTicket)(t, resolve(n, solved, time.Hour))
		_, err := d.ReopenTicket(t.Context(), &ticketv1.ReopenTicketRequest{Name: n, EventTime: at(0)})
		refusedField(t, "a reopening before the resolution", err, codes.InvalidArgument, "event_time")
		_, err = d.CloseTicket(t.Context(), &ticketv1.CloseTicketRequest{Name: n, EventTime: tomorrow()})
		refusedField(t, "a closing tomorrow", err, codes.InvalidArgument, "event_time")
		for _, late := range []*timestamppb.Timestamp{at(74 * time.Hour), nil} { // nil is now, years later
			_, err = d.ReopenTicket(t.Context(), &ticketv1.ReopenTicketRequest{Name: n, EventTime: late})
			if info := refused(t, err, codes.FailedPrecondition); info.GetMetadata()["state"] != "STATE_CLOSED" || info.GetMetadata()["allowed"] != "" {
				t.Errorf("a late reopening: %v, want the refusal of a closed ticket", info)
			}
		}
		closed := must(d.CloseTicket)(t, &ticketv1.CloseTicketRequest{Name: n})
		if !closed.GetCloseTime().AsTime().Equal(noon.Add(73 * time.Hour)) {
			t.Errorf("closed ticket = %v, want it closed 72 hours after its resolution", closed)
		}
		_, err = d.ReopenTicket(t.Context(), &ticketv1.ReopenTicketRequest{Name: n, EventTime: at(time.Hour)})
		fault(t, "reopening a closed ticket", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION") // T38
	})
}

func TestATicketGoesOnlyToWhoIsThere(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		d.staff(t)
		n := must(d.CreateTicket)(t, open()).GetName()
		must(d.UpdatePartner)(t, &ticketv1.UpdatePartnerRequest{
			Partner: &ticketv1.Partner{Name: acme + "/partners/mihir", Inactive: true}, UpdateMask: fields("inactive"),
		})
		for _, tt := range []struct {
			req    *ticketv1.AssignTicketRequest
			code   codes.Code
			reason string
		}{
			{&ticketv1.AssignTicketRequest{Agent: acme + "/agents/none"}, codes.NotFound, "NOT_FOUND"},
			{&ticketv1.AssignTicketRequest{Team: acme + "/teams/none"}, codes.NotFound, "NOT_FOUND"},
			{&ticketv1.AssignTicketRequest{Partner: acme + "/partners/none"}, codes.NotFound, "NOT_FOUND"},
			{&ticketv1.AssignTicketRequest{Agent: "brands/other/agents/bo"}, codes.NotFound, "NOT_FOUND"},            // T47
			{&ticketv1.AssignTicketRequest{Agent: acme + "/agents/zoe"}, codes.FailedPrecondition, "INACTIVE"},       // T48
			{&ticketv1.AssignTicketRequest{Agent: acme + "/agents/bo"}, codes.FailedPrecondition, "INACTIVE"},        // of an inactive partner
			{&ticketv1.AssignTicketRequest{Team: acme + "/teams/night"}, codes.FailedPrecondition, "INACTIVE"},       // likewise
			{&ticketv1.AssignTicketRequest{Partner: acme + "/partners/mihir"}, codes.FailedPrecondition, "INACTIVE"}, //
			{&ticketv1.AssignTicketRequest{Agent: acme + "/agents/eve", Etag: "junk"}, codes.Aborted, "STALE"},       //
			{&ticketv1.AssignTicketRequest{Name: acme + "/tickets/none", Team: acme + "/teams/day"}, codes.NotFound, "NOT_FOUND"},
		} {
			if tt.req.Name == "" {
				tt.req.Name = n
			}
			_, err := d.AssignTicket(t.Context(), tt.req)
			fault(t, tt.req.String(), err, tt.code, tt.reason)
		}
		if len(d.log(t, n)) != 1 {
			t.Error("a refused assignment is in the log")
		}
	})
}

func TestOfTwoMoversWithOneEtagOneWins(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tk := must(d.CreateTicket)(t, open())
		must(d.CreateInteraction)(t, say(tk.GetName(), outbound, time.Hour))
		etag := must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tk.GetName()}).GetEtag()
		errs := make([]error, 8)
		var wg sync.WaitGroup
		for i := range errs {
			wg.Go(func() {
				if i%2 == 0 {
					_, errs[i] = d.PendTicket(t.Context(), &ticketv1.PendTicketRequest{Name: tk.GetName(), Etag: etag})
				} else {
					_, errs[i] = d.HoldTicket(t.Context(), &ticketv1.HoldTicketRequest{Name: tk.GetName(), Etag: etag})
				}
			})
		}
		wg.Wait()
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if status.Code(err) != codes.Aborted {
				t.Error(err)
			}
		}
		if won != 1 || len(d.log(t, tk.GetName())) != 3 {
			t.Errorf("%d won, want one", won)
		}
	})
}

func TestARepeatedMoveHappensOnce(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		tk := must(d.CreateTicket)(t, open())
		req := &ticketv1.EscalateTicketRequest{Name: tk.GetName(), RequestId: id1}
		first := must(d.EscalateTicket)(t, req)
		equal(t, "the repeat", must(d.EscalateTicket)(t, req), first)
		if got := must(d.GetTicket)(t, &ticketv1.GetTicketRequest{Name: tk.GetName()}); got.GetEscalationLevel() != 1 || got.GetState() != ticketv1.Ticket_STATE_NEW {
			t.Errorf("ticket = %v, want it escalated once and still new", got)
		}
		dry := &ticketv1.EscalateTicketRequest{Name: tk.GetName(), ValidateOnly: true}
		if got := must(d.EscalateTicket)(t, dry); got.GetEscalationLevel() != 2 || len(d.log(t, tk.GetName())) != 2 {
			t.Errorf("answer = %v, want the ticket as it would be and nothing in the log", got)
		}
	})
}
