package api

import (
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

func TestAnEventSaysWhoServedAtThatMoment(t *testing.T) {
	noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
	ticket := store.Ticket{
		Brand: "acme", ID: "1", Customer: "ann", Channel: 2, Stage: 4, Phase: 4, Handling: 1, Agent: "eve", Team: "day", Partner: "own",
		Status: lifecycle.Status{Outcome: 1, ResolveTime: noon, ReopenCount: 2}, Version: 9,
	}
	about := &eventv1.TicketRef{
		Ticket: "brands/acme/tickets/1", Customer: "brands/acme/customers/ann", Channel: typev1.Channel_CHANNEL_EMAIL,
		Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
	}
	said := interactionCreated(ticket, store.Interaction{
		Brand: "acme", Ticket: "1", ID: "i", Agent: "bo", Team: "night", Partner: "mihir", Channel: 1, EndTime: noon.Add(time.Hour),
		Act: lifecycle.Interaction{Kind: lifecycle.Call, Direction: lifecycle.Inbound, Actor: lifecycle.Agent, Start: noon},
	}).GetInteractionCreated()
	want := &eventv1.InteractionCreated{
		Ticket: about, Interaction: "brands/acme/tickets/1/interactions/i", Kind: ticketv1.Interaction_KIND_CALL,
		Direction: ticketv1.Interaction_DIRECTION_INBOUND, Channel: typev1.Channel_CHANNEL_PHONE,
		StartTime: timestamppb.New(noon), EndTime: timestamppb.New(noon.Add(time.Hour)), Agent: "brands/acme/agents/bo",
		Team: "brands/acme/teams/night", Partner: "brands/acme/partners/mihir", Handling: typev1.Handling_HANDLING_AGENT,
	}
	if !proto.Equal(said, want) {
		t.Errorf("interaction_created = %v, want %v", said, want)
	}
	resolved := ticketResolved(ticket).GetTicketResolved()
	ended := &eventv1.TicketResolved{
		Ticket: about, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: timestamppb.New(noon), ReopenCount: 2, Version: 9,
		Agent: "brands/acme/agents/eve", Team: "brands/acme/teams/day", Partner: "brands/acme/partners/own",
	}
	if !proto.Equal(resolved, ended) {
		t.Errorf("ticket_resolved = %v, want %v", resolved, ended)
	}
}

func TestWhoServedIsWhoActed(t *testing.T) {
	for _, tt := range []struct {
		name   string
		actor  lifecycle.Actor
		agent  string
		ticket typev1.Handling
		want   typev1.Handling
	}{
		{"an agent", lifecycle.Agent, "", typev1.Handling_HANDLING_BOT, typev1.Handling_HANDLING_AGENT},
		{"a bot", lifecycle.Bot, "bo", typev1.Handling_HANDLING_AGENT, typev1.Handling_HANDLING_BOT},
		{"a system", lifecycle.System, "", typev1.Handling_HANDLING_AGENT, typev1.Handling_HANDLING_SYSTEM},
		{"the customer, with an agent", lifecycle.Customer, "bo", typev1.Handling_HANDLING_BOT, typev1.Handling_HANDLING_AGENT},
		{"the customer alone", lifecycle.Customer, "", typev1.Handling_HANDLING_SELF_SERVICE, typev1.Handling_HANDLING_SELF_SERVICE},
	} {
		i := store.Interaction{Agent: tt.agent, Act: lifecycle.Interaction{Actor: tt.actor}}
		if got := served(store.Ticket{Handling: int32(tt.ticket)}, i); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
}
