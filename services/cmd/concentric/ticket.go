package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// A ticketCmd does what people do with tickets every day.
type ticketCmd struct {
	Create   createTicketCmd   `cmd:"" help:"Open a ticket."`
	Show     showTicketCmd     `cmd:"" help:"Show a ticket, its clocks and what was said last."`
	List     listTicketsCmd    `cmd:"" help:"List tickets, the newest first."`
	Reply    replyTicketCmd    `cmd:"" help:"Answer the customer, or record what the customer said."`
	Note     noteTicketCmd     `cmd:"" help:"Leave a note among colleagues."`
	Assign   assignTicketCmd   `cmd:"" help:"Give it to an agent, a team or a partner."`
	Escalate escalateTicketCmd `cmd:"" help:"Raise it by one level."`
	Pend     pendTicketCmd     `cmd:"" help:"Wait for the customer."`
	Hold     holdTicketCmd     `cmd:"" help:"Wait for a third party."`
	Resume   resumeTicketCmd   `cmd:"" help:"Wait no longer."`
	Resolve  resolveTicketCmd  `cmd:"" help:"Mark it as settled."`
	Reopen   reopenTicketCmd   `cmd:"" help:"Take a resolved ticket up again."`
	Close    closeTicketCmd    `cmd:"" help:"Close a resolved ticket for good."`
	Merge    mergeTicketsCmd   `cmd:"" help:"Fold other tickets of the customer into it."`
	Clock    clockTicketCmd    `cmd:"" help:"Show its clocks, segment by segment."`
	Watch    watchTicketsCmd   `cmd:"" help:"Show tickets as they change, until ^C."`
}

// desk are the flags of every verb.
type desk struct {
	remote

	Brand  string `required:"" help:"The brand." placeholder:"ID"`
	Output string `short:"o" enum:"table,json" default:"table" help:"table or json."`
}

// name returns the resource name of what a person calls by its id.
func (d desk) name(collection, id string) string {
	if id == "" || strings.HasPrefix(id, "brands/") {
		return id
	}
	return "brands/" + d.Brand + "/" + collection + "/" + id
}

// call connects, does what do says and explains what went wrong.
func (d desk) call(do func(grpc.ClientConnInterface) error) error {
	conn, err := d.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	return d.explain(do(conn))
}

// explain says which fields of a call were wrong, where the service does.
func (d desk) explain(err error) error {
	if err == nil {
		return nil
	}
	var fields []string
	for _, f := range fault.Fields(err) {
		fields = append(fields, f.Path+": "+f.Description)
	}
	if len(fields) > 0 {
		return errors.New(strings.Join(fields, "\n  "))
	}
	return d.remote.explain(err)
}

// say prints an answer as JSON if that was asked for, and else as print does.
func (d desk) say(answer proto.Message, print func()) error {
	if d.Output == "json" {
		return printJSON(os.Stdout, answer)
	}
	print()
	return nil
}

// told prints what became of a ticket.
func (d desk) told(t *ticketv1.Ticket) error {
	return d.say(t, func() { fmt.Println(ticketLine(t)) })
}

// one are the arguments of a verb about one ticket.
type one struct {
	desk

	Ticket string `arg:"" help:"The ticket's id."`
}

func (o one) ticket() string { return o.name("tickets", o.Ticket) }

// act calls the service about one ticket and prints what became of it.
func (o one) act(do func(ticketv1.TicketServiceClient) (*ticketv1.Ticket, error)) error {
	return o.call(func(conn grpc.ClientConnInterface) error {
		t, err := do(ticketv1.NewTicketServiceClient(conn))
		if err != nil {
			return err
		}
		return o.told(t)
	})
}

// when are the flags of a verb that may be told later than it happened.
type when struct {
	At string `help:"When it happened. Now if not given." placeholder:"TIME"`
}

// stamp reads the time; nil for now.
func (w when) stamp() (*timestamppb.Timestamp, error) {
	if w.At == "" {
		return nil, nil
	}
	t, err := instant(w.At)
	if err != nil {
		return nil, fmt.Errorf("--at %q: want YYYY-MM-DD or a time as in 2026-01-02T15:04:05Z", w.At)
	}
	return timestamppb.New(t), nil
}

// choice finds an enum value by its name, in lower case and without its prefix: in-store
// for CHANNEL_IN_STORE. Nothing is the zero value.
func choice[E ~int32](flag, text, prefix string, values map[string]int32) (E, error) {
	if text == "" {
		return 0, nil
	}
	if v, ok := values[prefix+strings.ToUpper(strings.ReplaceAll(text, "-", "_"))]; ok && v != 0 {
		return E(v), nil
	}
	var known []string
	for name, v := range values {
		if v != 0 {
			known = append(known, shown(name, prefix))
		}
	}
	slices.Sort(known)
	return 0, fmt.Errorf("%s %q: want one of %s", flag, text, strings.Join(known, ", "))
}

// shown is an enum value as people write it.
func shown(name, prefix string) string {
	return strings.ToLower(strings.ReplaceAll(strings.TrimPrefix(name, prefix), "_", "-"))
}

// short is the last segment of a resource name.
func short(name string) string { return name[strings.LastIndex(name, "/")+1:] }

// at writes a time, and nothing for none.
func at(t *timestamppb.Timestamp) string {
	if t == nil {
		return ""
	}
	return t.AsTime().Format(time.DateTime)
}

// ticketLine is a ticket on one line.
func ticketLine(t *ticketv1.Ticket) string {
	parts := []string{
		pad(short(t.GetName()), 26), pad(shown(t.GetState().String(), "STATE_"), 8), pad(shown(t.GetPriority().String(), "PRIORITY_"), 6),
		pad(shown(t.GetChannel().String(), "CHANNEL_"), 10), at(t.GetOpenTime()), pad(owner(t), 12), t.GetSubject(),
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// owner is who has a ticket.
func owner(t *ticketv1.Ticket) string {
	for _, name := range []string{t.GetAgent(), t.GetTeam(), t.GetPartner()} {
		if name != "" {
			return short(name)
		}
	}
	return "-"
}
