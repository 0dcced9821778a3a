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

// A clockTicketCmd shows the clocks of a ticket.
type clockTicketCmd struct {
	one

	AsOf string `help:"Read them at this time. Now if not given." placeholder:"TIME"`
}

// Run implements the command.
func (c *clockTicketCmd) Run(ctx context.Context) error {
	asOf, err := when{c.AsOf}.stamp()
	if err != nil {
		return fmt.Errorf("--as-of %q: want YYYY-MM-DD or a time as in 2026-01-02T15:04:05Z", c.AsOf)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		clock, err := ticketv1.NewSlaServiceClient(conn).GetSlaClock(ctx, &ticketv1.GetSlaClockRequest{Name: c.ticket(), AsOfTime: asOf})
		if err != nil {
			return err
		}
		return c.say(clock, func() { writeClock(os.Stdout, clock) })
	})
}

// writeClock prints each clock and the segments that its time is made of.
func writeClock(w io.Writer, clock *ticketv1.SlaClock) {
	if len(clock.GetInstances()) == 0 {
		fmt.Fprintf(w, "%s follows no policy: nothing is measured\n", short(clock.GetTicket()))
	}
	for _, i := range clock.GetInstances() {
		fmt.Fprintln(w, clockLine(i))
		for _, s := range i.GetSegments() {
			took := s.GetEndTime().AsTime().Sub(s.GetStartTime().AsTime())
			fmt.Fprintln(w, strings.TrimRight(fmt.Sprintf("  %s  %s  %s  %s %s", at(s.GetStartTime()), at(s.GetEndTime()),
				padLeft(took.String(), 14), pad(shown(s.GetState().String(), "STATE_"), 9),
				strings.Join(nonEmpty(none(shown(s.GetReason(), "STATE_")), short(s.GetSchedule())), ", ")), " "))
		}
	}
}

// clockLine is a clock on one line.
func clockLine(i *ticketv1.SlaInstance) string {
	line := fmt.Sprintf("%s %s %s of %s", pad(shown(i.GetMetric().String(), "SLA_METRIC_"), 16), pad(shown(i.GetState().String(), "STATE_"), 9),
		i.GetElapsed().AsDuration(), i.GetTarget().AsDuration())
	switch {
	case i.GetBreachTime() != nil:
		line += ", breached " + at(i.GetBreachTime())
	case i.GetDueTime() != nil:
		line += ", due " + at(i.GetDueTime())
	}
	return line
}

// nonEmpty returns the texts that say something.
func nonEmpty(texts ...string) (all []string) {
	for _, t := range texts {
		if t != "" {
			all = append(all, t)
		}
	}
	return all
}
