package main

import (
	"context"

	"github.com/google/uuid"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// move are the flags of a verb that moves a ticket.
type move struct {
	one
	when

	Etag string `help:"Move only the version with this etag." placeholder:"ETAG"`
}

// A ticketClient has the moves of tickets.
type ticketClient = ticketv1.TicketServiceClient

// do reads the time and makes the move.
func (m move) do(call func(c ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error)) error {
	at, err := m.stamp()
	if err != nil {
		return err
	}
	return m.act(func(c ticketClient) (*ticketv1.Ticket, error) { return call(c, at) })
}

// because is the flag of a verb that may have a reason.
type because struct {
	Reason string `help:"Why, in a few words." placeholder:"TEXT"`
}

// An assignTicketCmd gives a ticket to somebody.
type assignTicketCmd struct {
	move
	because

	Agent   string `help:"The agent." placeholder:"ID"`
	Team    string `help:"The team." placeholder:"ID"`
	Partner string `help:"The partner." placeholder:"ID"`
}

// Run implements the command.
func (c *assignTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.AssignTicket(ctx, &ticketv1.AssignTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
			Agent: c.name("agents", c.Agent), Team: c.name("teams", c.Team), Partner: c.name("partners", c.Partner),
		})
	})
}

// An escalateTicketCmd raises a ticket.
type escalateTicketCmd struct {
	move
	because

	Agent    string `help:"The agent it goes to." placeholder:"ID"`
	Team     string `help:"The team it goes to." placeholder:"ID"`
	Priority string `help:"Its new priority: low, normal, high or urgent." placeholder:"PRIORITY"`
}

// Run implements the command.
func (c *escalateTicketCmd) Run(ctx context.Context) error {
	priority, err := choice[ticketv1.Ticket_Priority]("--priority", c.Priority, "PRIORITY_", ticketv1.Ticket_Priority_value)
	if err != nil {
		return err
	}
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.EscalateTicket(ctx, &ticketv1.EscalateTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
			Agent: c.name("agents", c.Agent), Team: c.name("teams", c.Team), Priority: priority,
		})
	})
}

// A pendTicketCmd waits for the customer.
type pendTicketCmd struct {
	move
	because
}

// Run implements the command.
func (c *pendTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.PendTicket(ctx, &ticketv1.PendTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A holdTicketCmd waits for a third party.
type holdTicketCmd struct {
	move
	because
}

// Run implements the command.
func (c *holdTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.HoldTicket(ctx, &ticketv1.HoldTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A resumeTicketCmd waits no longer.
type resumeTicketCmd struct {
	move
	because
}

// Run implements the command.
func (c *resumeTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.ResumeTicket(ctx, &ticketv1.ResumeTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A resolveTicketCmd settles a ticket.
type resolveTicketCmd struct {
	move

	Outcome string `default:"solved" help:"How it ended: solved, partial, unsolved, no-response, duplicate or spam."`
}

// Run implements the command.
func (c *resolveTicketCmd) Run(ctx context.Context) error {
	outcome, err := choice[ticketv1.Ticket_Outcome]("--outcome", c.Outcome, "OUTCOME_", ticketv1.Ticket_Outcome_value)
	if err != nil {
		return err
	}
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.ResolveTicket(ctx, &ticketv1.ResolveTicketRequest{
			Name: c.ticket(), Outcome: outcome, ResolveTime: at, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A reopenTicketCmd takes a ticket up again.
type reopenTicketCmd struct {
	move
	because
}

// Run implements the command.
func (c *reopenTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.ReopenTicket(ctx, &ticketv1.ReopenTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A closeTicketCmd closes a ticket.
type closeTicketCmd struct {
	move
	because
}

// Run implements the command.
func (c *closeTicketCmd) Run(ctx context.Context) error {
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		return s.CloseTicket(ctx, &ticketv1.CloseTicketRequest{
			Name: c.ticket(), EventTime: at, Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString(),
		})
	})
}

// A mergeTicketsCmd folds tickets into one.
type mergeTicketsCmd struct {
	move
	because

	Sources []string `arg:"" help:"The tickets to fold into it."`
}

// Run implements the command.
func (c *mergeTicketsCmd) Run(ctx context.Context) error {
	req := &ticketv1.MergeTicketsRequest{Name: c.ticket(), Reason: c.Reason, Etag: c.Etag, RequestId: uuid.NewString()}
	for _, s := range c.Sources {
		req.Sources = append(req.Sources, c.name("tickets", s))
	}
	return c.do(func(s ticketClient, at *timestamppb.Timestamp) (*ticketv1.Ticket, error) {
		req.EventTime = at
		return s.MergeTickets(ctx, req)
	})
}
