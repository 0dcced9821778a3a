package main

import (
	"context"
	"fmt"
	"io"
	"os"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A createTicketCmd opens a ticket.
type createTicketCmd struct {
	desk
	when

	Subject   string            `arg:"" help:"What the customer wants, in one line."`
	Customer  string            `required:"" help:"The customer." placeholder:"ID"`
	Channel   string            `default:"phone" help:"Where the customer asked."`
	ID        string            `name:"id" help:"The ticket's id. Chosen by the service if not given." placeholder:"ID"`
	Priority  string            `help:"low, normal, high or urgent." placeholder:"PRIORITY"`
	Issue     string            `help:"What it is about, such as billing." placeholder:"KIND"`
	Agent     string            `help:"The agent." placeholder:"ID"`
	Team      string            `help:"The team." placeholder:"ID"`
	Partner   string            `help:"The partner." placeholder:"ID"`
	Attribute map[string]string `help:"An attribute to group by." placeholder:"KEY=VALUE"`
}

// Run implements the command.
func (c *createTicketCmd) Run(ctx context.Context) error {
	opened, err := c.stamp()
	if err != nil {
		return err
	}
	channel, err := choice[typev1.Channel]("--channel", c.Channel, "CHANNEL_", typev1.Channel_value)
	if err != nil {
		return err
	}
	priority, err := choice[ticketv1.Ticket_Priority]("--priority", c.Priority, "PRIORITY_", ticketv1.Ticket_Priority_value)
	if err != nil {
		return err
	}
	issue, err := choice[ticketv1.Ticket_IssueKind]("--issue", c.Issue, "ISSUE_KIND_", ticketv1.Ticket_IssueKind_value)
	if err != nil {
		return err
	}
	req := &ticketv1.CreateTicketRequest{
		Parent: "brands/" + c.Brand, TicketId: c.ID, RequestId: uuid.NewString(),
		Ticket: &ticketv1.Ticket{
			Customer: c.name("customers", c.Customer), Subject: c.Subject, Channel: channel, Priority: priority, IssueKind: issue, OpenTime: opened,
			Agent: c.name("agents", c.Agent), Team: c.name("teams", c.Team), Partner: c.name("partners", c.Partner), Attributes: c.Attribute,
		},
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		t, err := ticketv1.NewTicketServiceClient(conn).CreateTicket(ctx, req)
		if err != nil {
			return err
		}
		return c.told(t)
	})
}

// words are what is said on a ticket.
type words struct {
	one
	when

	Agent string `help:"Who says it." placeholder:"ID"`
	Text  string `arg:"" help:"The text; - reads it from the standard input."`
}

// record records i with the words.
func (c words) record(ctx context.Context, i *ticketv1.Interaction) error {
	begun, err := c.stamp()
	if err != nil {
		return err
	}
	if i.StartTime, i.Text = begun, c.Text; c.Text == "-" {
		text, err := io.ReadAll(os.Stdin)
		if err != nil {
			return err
		}
		i.Text = string(text)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		i, err := ticketv1.NewInteractionServiceClient(conn).CreateInteraction(ctx, &ticketv1.CreateInteractionRequest{
			Parent: c.ticket(), Interaction: i, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(i, func() { fmt.Println(saidLine(i)) })
	})
}

// A replyTicketCmd records what was said to the customer, or by the customer.
type replyTicketCmd struct {
	words

	Kind    string `enum:"message,call,visit" default:"message" help:"message, call or visit."`
	Channel string `help:"Where. The ticket's channel if not given." placeholder:"CHANNEL"`
	Inbound bool   `help:"The customer said it."`
}

// Run implements the command.
func (c *replyTicketCmd) Run(ctx context.Context) error {
	kind, err := choice[ticketv1.Interaction_Kind]("--kind", c.Kind, "KIND_", ticketv1.Interaction_Kind_value)
	if err != nil {
		return err
	}
	channel, err := choice[typev1.Channel]("--channel", c.Channel, "CHANNEL_", typev1.Channel_value)
	if err != nil {
		return err
	}
	i := &ticketv1.Interaction{Kind: kind, Channel: channel, Agent: c.name("agents", c.Agent)}
	i.Direction, i.Actor = ticketv1.Interaction_DIRECTION_OUTBOUND, ticketv1.Interaction_ACTOR_AGENT
	if c.Inbound {
		i.Direction, i.Actor = ticketv1.Interaction_DIRECTION_INBOUND, ticketv1.Interaction_ACTOR_CUSTOMER
	}
	return c.record(ctx, i)
}

// A noteTicketCmd leaves a note.
type noteTicketCmd struct {
	words
}

// Run implements the command.
func (c *noteTicketCmd) Run(ctx context.Context) error {
	return c.record(ctx, &ticketv1.Interaction{
		Kind: ticketv1.Interaction_KIND_NOTE, Direction: ticketv1.Interaction_DIRECTION_INTERNAL, Actor: ticketv1.Interaction_ACTOR_AGENT,
		Agent: c.name("agents", c.Agent),
	})
}
