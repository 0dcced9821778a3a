package main

import (
	"context"
	"fmt"
	"io"
	"os"
	"strings"

	"google.golang.org/grpc"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// lastShown is how many interactions of a ticket are shown.
const lastShown = 5

// A showTicketCmd shows one ticket.
type showTicketCmd struct {
	one
}

// Run implements the command.
func (c *showTicketCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		t, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, &ticketv1.GetTicketRequest{Name: c.ticket()})
		if err != nil {
			return err
		}
		if c.Output == "json" {
			return printJSON(os.Stdout, t)
		}
		clock, err := ticketv1.NewSlaServiceClient(conn).GetSlaClock(ctx, &ticketv1.GetSlaClockRequest{Name: c.ticket()})
		if err != nil {
			return err
		}
		said, err := lastSaid(ctx, conn, c.ticket())
		if err != nil {
			return err
		}
		writeTicket(os.Stdout, t, clock, said)
		return nil
	})
}

// lastSaid returns the last interactions of a ticket.
func lastSaid(ctx context.Context, conn grpc.ClientConnInterface, ticket string) (last []*ticketv1.Interaction, err error) {
	req := &ticketv1.ListInteractionsRequest{Parent: ticket, PageSize: 200}
	for {
		res, err := ticketv1.NewInteractionServiceClient(conn).ListInteractions(ctx, req)
		if err != nil {
			return nil, err
		}
		last = append(last, res.GetInteractions()...)
		last = last[max(0, len(last)-lastShown):]
		if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
			return last, nil
		}
	}
}

func writeTicket(w io.Writer, t *ticketv1.Ticket, clock *ticketv1.SlaClock, said []*ticketv1.Interaction) {
	fmt.Fprintf(w, "%s\n", t.GetSubject())
	for _, line := range []struct{ label, text string }{
		{"ticket", short(t.GetName())},
		{"state", shown(t.GetState().String(), "STATE_")},
		{"outcome", none(shown(t.GetOutcome().String(), "OUTCOME_"))},
		{"priority", shown(t.GetPriority().String(), "PRIORITY_")},
		{"channel", shown(t.GetChannel().String(), "CHANNEL_")},
		{"issue", none(shown(t.GetIssueKind().String(), "ISSUE_KIND_"))},
		{"customer", short(t.GetCustomer())},
		{"agent", short(t.GetAgent())},
		{"team", short(t.GetTeam())},
		{"partner", short(t.GetPartner())},
		{"opened", at(t.GetOpenTime())},
		{"answered", at(t.GetFirstResponseTime())},
		{"resolved", at(t.GetResolveTime())},
		{"closed", at(t.GetCloseTime())},
		{"merged into", short(t.GetMergedInto())},
		{"external id", t.GetExternalId()},
	} {
		if line.text != "" {
			fmt.Fprintf(w, "  %s %s\n", pad(line.label, 12), line.text)
		}
	}
	for _, i := range clock.GetInstances() {
		fmt.Fprintf(w, "  %s\n", clockLine(i))
	}
	for _, i := range said {
		fmt.Fprintf(w, "  %s\n", saidLine(i))
	}
}

// none is text, or nothing for an enum that was not set.
func none(text string) string {
	if text == "unspecified" {
		return ""
	}
	return text
}

// saidLine is an interaction on one line.
func saidLine(i *ticketv1.Interaction) string {
	who := shown(i.GetActor().String(), "ACTOR_")
	if i.GetAgent() != "" {
		who = short(i.GetAgent())
	}
	text := strings.Join(strings.Fields(i.GetText()), " ")
	if r := []rune(text); len(r) > 100 {
		text = string(r[:99]) + "…"
	}
	if i.GetRedactTime() != nil {
		text = "(redacted)"
	}
	return strings.TrimRight(fmt.Sprintf("%s  %s %s %s  %s", at(i.GetStartTime()), pad(who, 12),
		pad(shown(i.GetDirection().String(), "DIRECTION_"), 8), pad(shown(i.GetKind().String(), "KIND_"), 7), text), " ")
}

// A listTicketsCmd lists tickets.
type listTicketsCmd struct {
	desk

	Filter   string   `help:"Only those that match, such as 'priority = URGENT AND team = \"brands/acme/teams/night\"'." placeholder:"FILTER"`
	Order    string   `help:"Order, such as 'update_time desc'. The newest first if not given." placeholder:"FIELDS"`
	State    []string `help:"Only those in these states: new, open, pending, on-hold, resolved, closed, merged." placeholder:"STATE"`
	Customer string   `help:"Only this customer's." placeholder:"ID"`
	Limit    int      `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *listTicketsCmd) Run(ctx context.Context) error {
	req := &ticketv1.ListTicketsRequest{
		Parent: "brands/" + c.Brand, Customer: c.name("customers", c.Customer), Filter: c.Filter, OrderBy: c.Order,
	}
	for _, text := range c.State {
		state, err := choice[ticketv1.Ticket_State]("--state", text, "STATE_", ticketv1.Ticket_State_value)
		if err != nil {
			return err
		}
		req.States = append(req.States, state)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		all, err := c.list(ctx, conn, req)
		if err != nil {
			return err
		}
		return c.say(all, func() {
			for _, t := range all.GetTickets() {
				fmt.Println(ticketLine(t))
			}
			if all.GetNextPageToken() != "" {
				fmt.Printf("… and more; --limit shows them\n")
			}
		})
	})
}

// list reads pages until there are as many tickets as asked for.
func (c *listTicketsCmd) list(ctx context.Context, conn grpc.ClientConnInterface, req *ticketv1.ListTicketsRequest) (*ticketv1.ListTicketsResponse, error) {
	all := &ticketv1.ListTicketsResponse{}
	for {
		req.PageSize = int32(min(max(c.Limit-len(all.GetTickets()), 1), 200))
		res, err := ticketv1.NewTicketServiceClient(conn).ListTickets(ctx, req)
		if err != nil {
			return nil, err
		}
		all.Tickets = append(all.Tickets, res.GetTickets()...)
		req.PageToken, all.NextPageToken = res.GetNextPageToken(), res.GetNextPageToken()
		if req.GetPageToken() == "" || len(all.GetTickets()) >= c.Limit {
			return all, nil
		}
	}
}
