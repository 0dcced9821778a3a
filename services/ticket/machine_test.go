package ticket_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"pgregory.net/rapid"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// legal is the state machine of the contract: where each verb leads from each state.
// What is not there is refused.
var legal = map[string]map[ticketv1.Ticket_State]ticketv1.Ticket_State{
	"assign":   {1: 2, 2: 2, 3: 3, 4: 4, 5: 5},
	"escalate": {1: 1, 2: 2, 3: 3, 4: 4},
	"pend":     {2: 3, 3: 3},
	"hold":     {2: 4, 4: 4},
	"resume":   {2: 2, 3: 2, 4: 2},
	"resolve":  {1: 5, 2: 5, 3: 5, 4: 5, 5: 5},
	"reopen":   {5: 2},
	"close":    {5: 6},
	"respond":  {1: 2, 2: 2, 3: 3, 4: 4, 5: 5},
	"ask":      {1: 1, 2: 2, 3: 2, 4: 4, 5: 2},
	"note":     {1: 1, 2: 2, 3: 3, 4: 4, 5: 5},
}

// allowed are the states each state may lead to, as a refusal lists them.
var allowed = map[ticketv1.Ticket_State]string{
	1: "STATE_OPEN, STATE_RESOLVED, STATE_MERGED", 2: "STATE_PENDING, STATE_ON_HOLD, STATE_RESOLVED, STATE_MERGED",
	3: "STATE_OPEN, STATE_RESOLVED, STATE_MERGED", 4: "STATE_OPEN, STATE_RESOLVED, STATE_MERGED", 5: "STATE_OPEN, STATE_CLOSED", 6: "",
}

// A machine is a ticket and what it should be.
type machine struct {
	desk
	ticket                       string
	now                          time.Duration // after noon
	state                        ticketv1.Ticket_State
	contacts, reopened, handoffs int32
	escalations                  int32
	agent                        string
	outcome                      ticketv1.Ticket_Outcome
	entries                      int
}

// do calls a verb and follows it in the model.
func (m *machine) do(ctx context.Context, t *rapid.T, verb string) {
	m.now += time.Duration(rapid.IntRange(0, 100).Draw(t, "minutes")) * time.Minute
	agent := rapid.SampledFrom([]string{"bo", "cy", "eve"}).Draw(t, "agent")
	outcome := rapid.SampledFrom([]ticketv1.Ticket_Outcome{solved, partial}).Draw(t, "outcome")
	err := m.call(ctx, verb, agent, outcome)
	next, ok := legal[verb][m.state]
	if verb == "resolve" && m.state == ticketv1.Ticket_STATE_RESOLVED && outcome == m.outcome {
		ok = false
	}
	if !ok && verb == "ask" { // a new ticket follows up
		if err != nil {
			t.Fatalf("a message on a closed ticket = %v, want it taken", err)
		}
		return
	}
	if !ok {
		m.refused(t, verb, err)
		return
	}
	if err != nil {
		t.Fatalf("%s in %v = %v, want it done", verb, m.state, err)
	}
	m.follow(verb, agent, outcome, next)
}

// follow changes the model.
func (m *machine) follow(verb, agent string, outcome ticketv1.Ticket_Outcome, next ticketv1.Ticket_State) {
	changed := next != m.state
	switch verb {
	case "assign":
		changed = changed || agent != m.agent
		if m.agent != "" && m.agent != agent {
			m.handoffs++
		}
		m.agent = agent
	case "escalate":
		m.escalations++
		changed = true
	case "resolve":
		m.outcome, changed = outcome, true
	case "respond", "ask":
		m.contacts++
		changed = true
	case "note":
		changed = true
	}
	if m.state == ticketv1.Ticket_STATE_RESOLVED && next == ticketv1.Ticket_STATE_OPEN {
		m.reopened++
		m.outcome = 0
	}
	if changed {
		m.entries++
	}
	m.state = next
}

// refused checks that a verb was refused with the legal moves.
func (m *machine) refused(t *rapid.T, verb string, err error) {
	want := "allowed=" + allowed[m.state]
	if status.Code(err) != codes.FailedPrecondition || !slices.ContainsFunc(status.Convert(err).Details(), func(d any) bool {
		info, ok := d.(interface{ GetMetadata() map[string]string })
		return ok && "allowed="+info.GetMetadata()["allowed"] == want
	}) {
		t.Fatalf("%s in %v = %v, want it refused with %s", verb, m.state, err, want)
	}
}

func (m *machine) call(ctx context.Context, verb, agent string, outcome ticketv1.Ticket_Outcome) (err error) {
	n, when := m.ticket, at(m.now)
	switch verb {
	case "assign":
		_, err = m.AssignTicket(ctx, &ticketv1.AssignTicketRequest{Name: n, Agent: acme + "/agents/" + agent, EventTime: when})
	case "escalate":
		_, err = m.EscalateTicket(ctx, &ticketv1.EscalateTicketRequest{Name: n, EventTime: when})
	case "pend":
		_, err = m.PendTicket(ctx, &ticketv1.PendTicketRequest{Name: n, EventTime: when})
	case "hold":
		_, err = m.HoldTicket(ctx, &ticketv1.HoldTicketRequest{Name: n, EventTime: when})
	case "resume":
		_, err = m.ResumeTicket(ctx, &ticketv1.ResumeTicketRequest{Name: n, EventTime: when})
	case "resolve":
		req := resolve(n, outcome, m.now)
		if m.state == ticketv1.Ticket_STATE_RESOLVED {
			req.ResolveTime = nil
		}
		_, err = m.ResolveTicket(ctx, req)
	case "reopen":
		_, err = m.ReopenTicket(ctx, &ticketv1.ReopenTicketRequest{Name: n, EventTime: when})
	case "close":
		_, err = m.CloseTicket(ctx, &ticketv1.CloseTicketRequest{Name: n, EventTime: when})
	default:
		direction := map[string]ticketv1.Interaction_Direction{"respond": outbound, "ask": inbound, "note": ticketv1.Interaction_DIRECTION_INTERNAL}[verb]
		_, err = m.CreateInteraction(ctx, say(n, direction, m.now))
	}
	return err
}

// check compares the ticket and its log with the model.
func (m *machine) check(t *rapid.T, ctx context.Context) {
	tk, err := m.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: m.ticket})
	if err != nil {
		t.Fatal(err)
	}
	got := fmt.Sprint(tk.GetState(), tk.GetContactCount(), tk.GetReopenCount(), tk.GetHandoffCount(), tk.GetEscalationLevel(), tk.GetOutcome(), tk.GetAgent())
	agent := ""
	if m.agent != "" {
		agent = acme + "/agents/" + m.agent
	}
	if want := fmt.Sprint(m.state, m.contacts, m.reopened, m.handoffs, m.escalations, m.outcome, agent); got != want {
		t.Fatalf("ticket = %s, want %s", got, want)
	}
	log, err := m.ListTicketEvents(ctx, &ticketv1.ListTicketEventsRequest{Parent: m.ticket, PageSize: 200})
	if err != nil {
		t.Fatal(err)
	}
	state, names := ticketv1.Ticket_State(0), map[string]bool{}
	for _, e := range log.GetEvents() {
		if e.GetFromState() != state {
			t.Fatalf("log = %v, where an entry does not begin as the one before it ends", log)
		}
		state, names[e.GetName()] = e.GetToState(), true
	}
	if state != m.state || len(log.GetEvents()) != 1+m.entries || len(names) != 1+m.entries {
		t.Fatalf("log of %d entries ends in %v, want 1 + %d and %v", len(log.GetEvents()), state, m.entries, m.state)
	}
}

func TestRandomMovesFollowTheStateMachine(t *testing.T) {
	d := newDesk(t, sqldbtest.Open(t, migrated.SQLite(t)), rpc.Config{})
	d.staff(t)
	verbs := make([]string, 0, len(legal))
	for v := range legal {
		verbs = append(verbs, v)
	}
	slices.SortFunc(verbs, strings.Compare)
	rapid.Check(t, func(r *rapid.T) {
		tk, err := d.CreateTicket(t.Context(), open())
		if err != nil {
			r.Fatal(err)
		}
		m := machine{desk: d, ticket: tk.GetName(), state: ticketv1.Ticket_STATE_NEW}
		for range rapid.IntRange(1, 25).Draw(r, "moves") {
			m.do(t.Context(), r, rapid.SampledFrom(verbs).Draw(r, "verb"))
			m.check(r, t.Context())
		}
	})
}
