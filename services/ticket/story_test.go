package ticket_test

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func TestATicketIsAnsweredResolvedAndReopened(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		create, act, settle := must(c.CreateTicket), must(c.CreateInteraction), must(c.ResolveTicket)
		tk := create(t, open())
		if tk.GetState() != ticketv1.Ticket_STATE_NEW || tk.FirstResponseTime != nil || tk.ResolveTime != nil {
			t.Errorf("new ticket = %v, want it NEW and unanswered", tk)
		}
		act(t, say(tk.GetName(), inbound, time.Minute))
		if got := c.get(t, tk.GetName()); got.GetState() != ticketv1.Ticket_STATE_NEW || got.GetContactCount() != 1 {
			t.Errorf("after a message of the customer = %v, want it NEW, with a contact", got)
		}
		first := act(t, say(tk.GetName(), outbound, time.Hour))
		if !first.GetCountsAsResponse() || first.GetChannel() != typev1.Channel_CHANNEL_EMAIL ||
			!proto.Equal(first.GetEndTime(), first.GetStartTime()) {
			t.Errorf("response = %v, want one that counts, on the ticket's channel, without length", first)
		}
		act(t, say(tk.GetName(), outbound, 2*time.Hour))
		got := c.get(t, tk.GetName())
		if got.GetState() != ticketv1.Ticket_STATE_OPEN || got.GetEtag() == tk.GetEtag() ||
			!got.GetFirstResponseTime().AsTime().Equal(noon.Add(time.Hour)) {
			t.Errorf("after responses = %v, want it OPEN, answered at one o'clock, with another etag", got)
		}
		resolved := settle(t, resolve(tk.GetName(), solved, 3*time.Hour))
		equal(t, "resolved ticket", c.get(t, tk.GetName()), resolved)
		if resolved.GetState() != ticketv1.Ticket_STATE_RESOLVED || resolved.GetOutcome() != solved ||
			!resolved.GetResolveTime().AsTime().Equal(noon.Add(3*time.Hour)) {
			t.Errorf("resolved ticket = %v", resolved)
		}
		act(t, say(tk.GetName(), inbound, 4*time.Hour))
		reopened := c.get(t, tk.GetName())
		if reopened.GetState() != ticketv1.Ticket_STATE_OPEN || reopened.GetReopenCount() != 1 ||
			reopened.ResolveTime != nil || reopened.GetOutcome() != 0 {
			t.Errorf("reopened ticket = %v, want it OPEN without outcome", reopened)
		}
		settle(t, resolve(tk.GetName(), partial, 5*time.Hour))
		late := act(t, say(tk.GetName(), inbound, 78*time.Hour))
		if next := c.get(t, name.Parent(late.GetName())); next.GetFollowUpOf() != tk.GetName() || next.GetCustomer() != ann || next.GetContactCount() != 1 {
			t.Errorf("late message = %v on %v, want a ticket that follows up", late, next)
		}
		list := must(c.ListInteractions)(t, &ticketv1.ListInteractionsRequest{Parent: tk.GetName()})
		if n := len(list.GetInteractions()); n != 4 || list.GetNextPageToken() != "" {
			t.Errorf("%d interactions, want the 4 that were not too late", n)
		}
		equal(t, "second interaction", list.GetInteractions()[1], first)
		equal(t, "GetInteraction", must(c.GetInteraction)(t, &ticketv1.GetInteractionRequest{Name: first.GetName()}), first)
		checkStory(t, c.events(t), tk, first)
	})
}

// checkStory checks the events of the story above.
func checkStory(t *testing.T, events []*eventv1.Event, tk *ticketv1.Ticket, first *ticketv1.Interaction) {
	t.Helper()
	ref := &eventv1.TicketRef{Ticket: tk.GetName(), Customer: ann, Channel: tk.GetChannel(), Stage: tk.GetStage(), Phase: tk.GetPhase()}
	want := []struct {
		kind  string
		after time.Duration
	}{
		{"ticket_created", 0},
		{"interaction_created", time.Minute},
		{"interaction_created", time.Hour},
		{"interaction_created", 2 * time.Hour},
		{"ticket_resolved", 3 * time.Hour},
		{"interaction_created", 4 * time.Hour},
		{"ticket_reopened", 4 * time.Hour},
		{"ticket_resolved", 5 * time.Hour},
		{"ticket_created", 78 * time.Hour},
		{"interaction_created", 78 * time.Hour},
	}
	if len(events) != len(want) {
		t.Fatalf("%d events, want %d: %v", len(events), len(want), events)
	}
	for i, e := range events {
		m := e.ProtoReflect()
		field := m.WhichOneof(m.Descriptor().Oneofs().ByName("payload"))
		if string(field.Name()) != want[i].kind || !e.GetEventTime().AsTime().Equal(noon.Add(want[i].after)) || e.GetBrand() != acme || e.GetKey() != ann {
			t.Errorf("event %d = %v, want %s of ann %v after noon", i, e, want[i].kind, want[i].after)
		}
	}
	equal(t, "ticket_created", events[0].GetTicketCreated(), &eventv1.TicketCreated{Ticket: ref})
	equal(t, "interaction_created", events[2].GetInteractionCreated(), &eventv1.InteractionCreated{
		Ticket: ref, Interaction: first.GetName(), Kind: first.GetKind(), Direction: first.GetDirection(),
		Channel: first.GetChannel(), StartTime: first.GetStartTime(), EndTime: first.GetEndTime(),
		Handling: typev1.Handling_HANDLING_AGENT,
	})
	equal(t, "ticket_resolved", events[7].GetTicketResolved(), &eventv1.TicketResolved{
		Ticket: ref, Outcome: partial, ResolveTime: timestamppb.New(noon.Add(5 * time.Hour)), ReopenCount: 1,
		Version: events[7].GetTicketResolved().GetVersion(),
	})
	equal(t, "ticket_reopened", events[6].GetTicketReopened(), &eventv1.TicketReopened{Ticket: ref, ReopenCount: 1})
}

func TestEveryFieldIsKept(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		in := &ticketv1.Ticket{
			Customer: ann, Subject: strings.Repeat("🧨", 256), Priority: ticketv1.Ticket_PRIORITY_URGENT,
			IssueKind: ticketv1.Ticket_ISSUE_KIND_GRIEVANCE, Stage: typev1.Stage_STAGE_CONSIDERATION,
			Phase: typev1.Phase_PHASE_PRE_PURCHASE, Channel: typev1.Channel_CHANNEL_IN_PRODUCT, Handling: typev1.Handling_HANDLING_BOT,
			Origin: typev1.Origin_ORIGIN_PROACTIVE, Partner: acme + "/partners/mihir", Team: acme + "/teams/night", Agent: acme + "/agents/bo",
			OpenTime: timestamppb.New(noon.Add(1999)), Attributes: map[string]string{"name": "Zoe\u0308", "tenure": "31-60"},
		}
		got := must(c.CreateTicket)(t, &ticketv1.CreateTicketRequest{Parent: acme, Ticket: in, TicketId: "t_1"})
		want := proto.Clone(in).(*ticketv1.Ticket)
		want.Name, want.State, want.Etag = acme+"/tickets/t_1", ticketv1.Ticket_STATE_NEW, got.GetEtag()
		want.OpenTime = timestamppb.New(noon.Add(1000)) // whole microseconds
		want.Attributes["name"] = "Zo\u00eb"
		want.CreateTime, want.UpdateTime = got.GetCreateTime(), got.GetCreateTime()
		equal(t, "created ticket", got, want)
		equal(t, "stored ticket", c.get(t, got.GetName()), want)
		if age := time.Since(got.GetCreateTime().AsTime()); age < 0 || age > time.Minute || got.GetEtag() == "" {
			t.Errorf("ticket = %v, want it created now, with an etag", got)
		}

		said := &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_VISIT, Direction: outbound, Actor: ticketv1.Interaction_ACTOR_AGENT,
			Agent: acme + "/agents/bo", Team: acme + "/teams/night", Partner: acme + "/partners/mihir",
			Channel: typev1.Channel_CHANNEL_IN_STORE, StartTime: timestamppb.New(noon), EndTime: timestamppb.New(noon.Add(time.Hour)),
			Text: "=cmd <script>", Expectation: typev1.Expectation_EXPECTATION_EXCEEDED, Attributes: map[string]string{"a": "b"},
		}
		i := must(c.CreateInteraction)(t, &ticketv1.CreateInteractionRequest{Parent: got.GetName(), Interaction: said, InteractionId: "i-1"})
		kept := proto.Clone(said).(*ticketv1.Interaction)
		kept.Name, kept.CountsAsResponse, kept.CreateTime = got.GetName()+"/interactions/i-1", true, i.GetCreateTime()
		equal(t, "created interaction", i, kept)
		equal(t, "stored interaction", must(c.GetInteraction)(t, &ticketv1.GetInteractionRequest{Name: i.GetName()}), kept)
		for _, e := range c.events(t) {
			if s := e.String(); strings.Contains(s, "🧨") || strings.Contains(s, "script") || strings.Contains(s, "tenure") {
				t.Errorf("event %v carries words somebody wrote", e)
			}
		}
	})
}

func TestWhatIsNotGivenHasADefault(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		got := must(c.CreateTicket)(t, open(func(r *ticketv1.CreateTicketRequest) { r.Ticket.OpenTime = nil }))
		want := &ticketv1.Ticket{
			Name: got.GetName(), Customer: ann, Subject: "Where is my order?", State: ticketv1.Ticket_STATE_NEW,
			Priority: ticketv1.Ticket_PRIORITY_NORMAL, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
			Channel: typev1.Channel_CHANNEL_EMAIL, Handling: typev1.Handling_HANDLING_AGENT, Origin: typev1.Origin_ORIGIN_INBOUND,
			OpenTime: got.GetCreateTime(), CreateTime: got.GetCreateTime(), UpdateTime: got.GetCreateTime(), Etag: got.GetEtag(),
		}
		equal(t, "ticket", got, want)
		req := say(got.GetName(), outbound, 0)
		req.Interaction.StartTime = nil
		i := must(c.CreateInteraction)(t, req)
		if !proto.Equal(i.GetStartTime(), i.GetCreateTime()) || !proto.Equal(i.GetEndTime(), i.GetCreateTime()) {
			t.Errorf("interaction = %v, want it to begin and end now", i)
		}
		resolved := must(c.ResolveTicket)(t, &ticketv1.ResolveTicketRequest{Name: got.GetName(), Outcome: solved})
		if !proto.Equal(resolved.GetResolveTime(), resolved.GetUpdateTime()) {
			t.Errorf("ticket = %v, want it resolved now", resolved)
		}
	})
}

func TestResolvingAgain(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		settle := must(c.ResolveTicket)
		tk := must(c.CreateTicket)(t, open())
		stale := resolve(tk.GetName(), solved, time.Hour)
		stale.Etag = "junk"
		_, err := c.ResolveTicket(t.Context(), stale)
		if info := refused(t, err, codes.Aborted); info.GetReason() != "STALE" {
			t.Errorf("with a foreign etag: %v, want STALE", info)
		}
		current := resolve(tk.GetName(), solved, time.Hour)
		current.Etag = tk.GetEtag()
		first := settle(t, current)
		_, err = c.ResolveTicket(t.Context(), current)
		if info := refused(t, err, codes.Aborted); info.GetReason() != "STALE" {
			t.Errorf("with the old etag: %v, want STALE", info)
		}
		equal(t, "resolved again", settle(t, resolve(tk.GetName(), solved, time.Hour)), first)
		for _, again := range []*ticketv1.ResolveTicketRequest{
			resolve(tk.GetName(), solved, 2*time.Hour), {Name: tk.GetName(), Outcome: solved},
		} {
			_, err = c.ResolveTicket(t.Context(), again)
			if info := refused(t, err, codes.FailedPrecondition); info.GetMetadata()["allowed"] != "STATE_OPEN, STATE_CLOSED" {
				t.Errorf("resolved again: %v, want ILLEGAL_TRANSITION with the legal moves", info)
			}
		}
		if n := len(c.events(t)); n != 2 {
			t.Errorf("%d events, want one for the ticket and one for its resolution", n)
		}
		corrected := settle(t, &ticketv1.ResolveTicketRequest{Name: tk.GetName(), Outcome: partial, Etag: first.GetEtag()})
		if corrected.GetOutcome() != partial || !proto.Equal(corrected.GetResolveTime(), first.GetResolveTime()) || corrected.GetEtag() == first.GetEtag() {
			t.Errorf("corrected ticket = %v, want the new outcome at the old time", corrected)
		}
		moved := settle(t, resolve(tk.GetName(), solved, -time.Hour))
		if !moved.GetResolveTime().AsTime().Equal(noon.Add(-time.Hour)) || moved.GetReopenCount() != 0 {
			t.Errorf("corrected ticket = %v, want it resolved at the time given", moved)
		}
		if n := len(c.events(t)); n != 4 {
			t.Errorf("%d events, want two more", n)
		}
	})
}

func TestAFinalTicketTakesNothing(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for _, state := range []ticketv1.Ticket_State{ticketv1.Ticket_STATE_CLOSED, ticketv1.Ticket_STATE_MERGED} {
			tk := must(c.CreateTicket)(t, open())
			set(t, c, `UPDATE ticket SET state = $1 WHERE id = $2`, int32(state), tk.GetName()[len(acme+"/tickets/"):])
			before := len(c.events(t))
			_, err := c.CreateInteraction(t.Context(), say(tk.GetName(), outbound, time.Hour))
			info := refused(t, err, codes.FailedPrecondition)
			if info.GetReason() != "ILLEGAL_TRANSITION" || info.GetMetadata()["state"] != state.String() || info.GetMetadata()["allowed"] != "" {
				t.Errorf("interaction in %v: %v", state, info)
			}
			_, err = c.ResolveTicket(t.Context(), resolve(tk.GetName(), solved, time.Hour))
			if info := refused(t, err, codes.FailedPrecondition); info.GetReason() != "ILLEGAL_TRANSITION" {
				t.Errorf("resolution in %v: %v", state, info)
			}
			if got := c.get(t, tk.GetName()); got.GetEtag() != tk.GetEtag() || len(c.events(t)) != before {
				t.Errorf("ticket = %v, want it untouched and nothing told", got)
			}
		}
	})
}

// set changes the database beneath the service.
func set(t *testing.T, c client, query string, args ...any) {
	t.Helper()
	err := c.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(query, args...)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
