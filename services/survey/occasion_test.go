package survey_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// hears runs the service on a bus and returns a function by which another service tells
// it something.
func (c client) hears(t *testing.T, other string) (tell func(...*eventv1.Event)) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{Dir: t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	if err := bus.Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	out := bus.NewOutbox(db)
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	for _, run := range []func() error{
		func() error { return c.service.Run(ctx, b) }, func() error { return b.Relay(ctx, other, out) },
	} {
		wg.Go(func() {
			if err := run(); err != nil {
				t.Error(err)
			}
		})
	}
	t.Cleanup(func() {
		cancel()
		wg.Wait()
		b.Close()
	})
	return func(events ...*eventv1.Event) {
		t.Helper()
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			for _, e := range events {
				out.Emit(tx, e)
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
}

// follow has customers asked by a survey.
func (c client) follow(t *testing.T, survey string, change func(*surveyv1.TriggerRule)) *surveyv1.TriggerRule {
	t.Helper()
	r := &surveyv1.TriggerRule{DisplayName: "Ask", Survey: survey}
	change(r)
	got, err := c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: r})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// eventually waits until ok holds.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("after a minute: not %s", what)
		}
	}
}

// aCall says that an agent's call with ann has ended just now.
func aCall(id string) *eventv1.Event {
	return &eventv1.Event{Brand: acme, Key: ann, EventTime: timestamppb.Now(), Payload: &eventv1.Event_InteractionCreated{
		InteractionCreated: &eventv1.InteractionCreated{
			Ticket: &eventv1.TicketRef{
				Ticket: acme + "/tickets/1", Customer: ann, Channel: chat, Stage: typev1.Stage_STAGE_RETENTION,
				Phase: typev1.Phase_PHASE_POST_PURCHASE,
			},
			Interaction: acme + "/tickets/1/interactions/" + id, Kind: ticketv1.Interaction_KIND_CALL,
			Direction: ticketv1.Interaction_DIRECTION_INBOUND, Channel: phone, EndTime: timestamppb.Now(),
			Agent: acme + "/agents/bo", Handling: typev1.Handling_HANDLING_AGENT,
		},
	}}
}

func TestARuleAsksAfterEachCallOfAnAgent(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		r := c.follow(t, name, func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{}}
		})
		tell := c.hears(t, "ticket")
		first := aCall("i1")
		tell(first)
		first.Id = ""
		tell(first) // another event about the same, S60
		tell(aCall("i2"))
		var got []*surveyv1.Invitation
		eventually(t, "two invitations", func() bool { got = c.pending(t, phone); return len(got) == 2 })
		all, err := c.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: name})
		if err != nil || len(all.GetInvitations()) != 2 {
			t.Errorf("decisions = %v, %v, want two", all, err)
		}
		for i, v := range got {
			about := &surveyv1.Attribution{
				Ticket: acme + "/tickets/1", Interaction: acme + "/tickets/1/interactions/" + []string{"i1", "i2"}[i], Agent: acme + "/agents/bo",
				Channel: phone, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
			}
			same(t, "attribution", v.GetAttribution(), about)
			if v.GetTriggerRule() != r.GetName() || v.GetOrigin() != surveyv1.Invitation_ORIGIN_RULE || len(v.GetToken()) != 43 {
				t.Errorf("invitation = %v, want one of the rule, with a token", v)
			}
		}
	})
}

func TestARuleAsksAfterAPurchase(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		c.follow(t, name, func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Touchpoint{Touchpoint: &surveyv1.TriggerRule_TouchpointTrigger{
				TouchpointDefinitions: []string{acme + "/touchpointDefinitions/purchase"},
			}}
			r.Delay = durationpb.New(time.Hour)
		})
		tell := c.hears(t, "journey")
		tell(&eventv1.Event{Brand: acme, Key: ann, EventTime: timestamppb.Now(), Payload: &eventv1.Event_TouchpointsRecorded{
			TouchpointsRecorded: &eventv1.TouchpointsRecorded{Touchpoints: []*eventv1.TouchpointRef{{
				Touchpoint: ann + "/touchpoints/1", Customer: ann, TouchpointDefinition: acme + "/touchpointDefinitions/purchase",
				Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION, Channel: phone, EventTime: timestamppb.Now(),
			}}},
		}})
		var all []*surveyv1.Invitation
		eventually(t, "an invitation", func() bool {
			got, err := c.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: name})
			if err != nil {
				t.Fatal(err)
			}
			all = got.GetInvitations()
			return len(all) == 1
		})
		if v := all[0]; v.GetAttribution().GetTouchpoint() != ann+"/touchpoints/1" || v.GetAvailableTime().AsTime().Sub(v.GetDecideTime().AsTime()) != time.Hour {
			t.Errorf("invitation = %v, want one about the purchase, an hour later", v)
		}
		if got := c.pending(t, 0); len(got) != 0 {
			t.Errorf("pending = %v, want nothing for an hour", got)
		}
	})
}

// TestPurchasesToldInOneGoAreAskedAboutOneByOne tells of as many as are applied together.
func TestPurchasesToldInOneGoAreAskedAboutOneByOne(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		c.follow(t, name, func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Touchpoint{Touchpoint: &surveyv1.TriggerRule_TouchpointTrigger{
				TouchpointDefinitions: []string{acme + "/touchpointDefinitions/purchase"},
			}}
		})
		tell := c.hears(t, "journey")
		var events []*eventv1.Event
		for i := range 80 {
			customer := fmt.Sprintf("%s/customers/c%d", acme, i%40) // each buys twice
			events = append(events, &eventv1.Event{Brand: acme, Key: customer, EventTime: timestamppb.Now(), Payload: &eventv1.Event_TouchpointsRecorded{
				TouchpointsRecorded: &eventv1.TouchpointsRecorded{Touchpoints: []*eventv1.TouchpointRef{{
					Touchpoint: fmt.Sprintf("%s/touchpoints/t%d", customer, i), Customer: customer,
					TouchpointDefinition: acme + "/touchpointDefinitions/purchase",
					Kind:                 typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION, Channel: phone, EventTime: timestamppb.Now(),
				}}},
			}})
		}
		tell(events...)
		var all []*surveyv1.Invitation
		eventually(t, "80 decisions", func() bool {
			got, err := c.ListInvitations(t.Context(), &surveyv1.ListInvitationsRequest{Parent: name, PageSize: 200})
			if err != nil {
				t.Fatal(err)
			}
			all = got.GetInvitations()
			return len(all) >= 80
		})
		about := map[string]bool{}
		for _, v := range all {
			if of := v.GetAttribution().GetTouchpoint(); !strings.HasPrefix(of, v.GetCustomer()+"/") || about[of] {
				t.Errorf("%s is asked about %s", v.GetCustomer(), of)
			} else {
				about[of] = true
			}
		}
		if len(all) != 80 {
			t.Errorf("there are %d decisions, want 80", len(all))
		}
	})
}

func TestAWaveAsksWhoeverHasBeenHeardOf(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		c.decide(t, occasion(c.create(t, "other", ask(nps)), 0))
		c.follow(t, name, func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Schedule{Schedule: &surveyv1.TriggerRule_ScheduleTrigger{
				StartTime: timestamppb.New(time.Now().Add(300 * time.Millisecond)), Channel: chat,
			}}
		})
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		defer wg.Wait()
		defer cancel()
		for range 2 { // as replicas do
			wg.Go(func() { c.service.Work(ctx) })
		}
		eventually(t, "an invitation", func() bool { return len(c.pending(t, chat)) == 1 })
	})
}

// TestOthersHearOfInvitations follows one on its way.
func TestOthersHearOfInvitations(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		heard := c.listen(t)
		made := c.prompt(t, prompt(name, "a"))
		hear(t, "decided", heard, &eventv1.Event{Brand: acme, Key: ann, EventTime: made.GetDecideTime(), Payload: &eventv1.Event_InvitationDecided{
			InvitationDecided: &eventv1.InvitationDecided{
				Invitation: made.GetName(), Survey: name, Customer: ann, Channel: phone, AvailableTime: made.GetAvailableTime(),
				ExpireTime: made.GetExpireTime(),
			},
		}})
		for i, event := range []surveyv1.InvitationEvent{1, 1, 3, 2, 5} { // the second, the fourth and the last change no state
			at := i
			if i == 0 {
				at = -60 // by a slow clock, before the invitation
			}
			if _, err := c.record(t, made.GetName(), event, at); err != nil {
				t.Fatal(err)
			}
		}
		cancelled, err := c.cancel(t, made.GetName(), "")
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []struct {
			state surveyv1.Invitation_State
			at    *timestamppb.Timestamp
		}{
			{surveyv1.Invitation_STATE_SENT, made.GetDecideTime()},
			{surveyv1.Invitation_STATE_DISPLAYED, ahead(2)},
			{surveyv1.Invitation_STATE_CANCELLED, cancelled.GetEndTime()},
		} {
			hear(t, want.state.String(), heard, &eventv1.Event{Brand: acme, Key: ann, EventTime: want.at, Payload: &eventv1.Event_InvitationStateChanged{
				InvitationStateChanged: &eventv1.InvitationStateChanged{Invitation: made.GetName(), Survey: name, Customer: ann, State: want.state},
			}})
		}
	})
}
