package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// about makes an event of the ticket's customer, still without its payload. No
// event carries words somebody wrote.
func about(t store.Ticket, at time.Time) *eventv1.Event {
	return &eventv1.Event{
		Brand: name.Join("brands", t.Brand), Key: ref(t.Brand, "customers", t.Customer), EventTime: timestamppb.New(at),
	}
}

func ticketRef(t store.Ticket) *eventv1.TicketRef {
	return &eventv1.TicketRef{
		Ticket:   ticketName(t.Brand, t.ID),
		Customer: ref(t.Brand, "customers", t.Customer),
		Channel:  typev1.Channel(t.Channel),
		Stage:    typev1.Stage(t.Stage),
		Phase:    typev1.Phase(t.Phase),
	}
}

func ticketCreated(t store.Ticket) *eventv1.Event {
	e := about(t, t.OpenTime)
	e.Payload = &eventv1.Event_TicketCreated{TicketCreated: &eventv1.TicketCreated{Ticket: ticketRef(t)}}
	return e
}

func ticketResolved(t store.Ticket) *eventv1.Event {
	e := about(t, t.Status.ResolveTime)
	e.Payload = &eventv1.Event_TicketResolved{TicketResolved: &eventv1.TicketResolved{
		Ticket:      ticketRef(t),
		Outcome:     ticketv1.Ticket_Outcome(t.Status.Outcome),
		ResolveTime: timestamppb.New(t.Status.ResolveTime),
		ReopenCount: t.Status.ReopenCount,
		Version:     t.Version,
		Agent:       ref(t.Brand, "agents", t.Agent),
		Team:        ref(t.Brand, "teams", t.Team),
		Partner:     ref(t.Brand, "partners", t.Partner),
	}}
	return e
}

func ticketReopened(t store.Ticket, at time.Time) *eventv1.Event {
	e := about(t, at)
	e.Payload = &eventv1.Event_TicketReopened{TicketReopened: &eventv1.TicketReopened{
		Ticket: ticketRef(t), ReopenCount: t.Status.ReopenCount,
	}}
	return e
}

func interactionCreated(t store.Ticket, i store.Interaction) *eventv1.Event {
	e := about(t, i.Act.Start)
	e.Payload = &eventv1.Event_InteractionCreated{InteractionCreated: &eventv1.InteractionCreated{
		Ticket:      ticketRef(t),
		Interaction: interactionName(i),
		Kind:        ticketv1.Interaction_Kind(i.Act.Kind),
		Direction:   ticketv1.Interaction_Direction(i.Act.Direction),
		Channel:     typev1.Channel(i.Channel),
		Expectation: typev1.Expectation(i.Expectation),
		StartTime:   timestamppb.New(i.Act.Start),
		EndTime:     timestamppb.New(i.EndTime),
		Agent:       ref(i.Brand, "agents", i.Agent),
		Team:        ref(i.Brand, "teams", i.Team),
		Partner:     ref(i.Brand, "partners", i.Partner),
		Handling:    served(t, i),
	}}
	return e
}

// served returns who or what served the customer in i: who acted, and where that is the
// customer, the agent who is named or else whoever handles the ticket.
func served(t store.Ticket, i store.Interaction) typev1.Handling {
	switch {
	case i.Act.Actor == lifecycle.Bot:
		return typev1.Handling_HANDLING_BOT
	case i.Act.Actor == lifecycle.System:
		return typev1.Handling_HANDLING_SYSTEM
	case i.Act.Actor == lifecycle.Agent, i.Agent != "":
		return typev1.Handling_HANDLING_AGENT
	}
	return typev1.Handling(t.Handling)
}

func stateChanged(before, after store.Ticket, at time.Time) *eventv1.Event {
	e := about(after, at)
	e.Payload = &eventv1.Event_TicketStateChanged{TicketStateChanged: &eventv1.TicketStateChanged{
		Ticket:     ticketRef(after),
		FromState:  ticketv1.Ticket_State(before.Status.State),
		ToState:    ticketv1.Ticket_State(after.Status.State),
		MergedInto: ref(after.Brand, "tickets", after.MergedInto),
	}}
	return e
}

func ticketAssigned(t store.Ticket, at time.Time, escalated bool) *eventv1.Event {
	e := about(t, at)
	e.Payload = &eventv1.Event_TicketAssigned{TicketAssigned: &eventv1.TicketAssigned{
		Ticket:    ticketRef(t),
		Agent:     ref(t.Brand, "agents", t.Agent),
		Team:      ref(t.Brand, "teams", t.Team),
		Partner:   ref(t.Brand, "partners", t.Partner),
		Escalated: escalated,
	}}
	return e
}

// ticketUpdated says that t has changed, at its update time.
func ticketUpdated(t store.Ticket) *eventv1.Event {
	e := about(t, t.UpdateTime)
	e.Payload = &eventv1.Event_TicketUpdated{TicketUpdated: &eventv1.TicketUpdated{
		Ticket: ticketRef(t), Deleted: !t.DeleteTime.IsZero(),
	}}
	return e
}
