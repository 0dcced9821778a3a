package main

import (
	"context"
	"fmt"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
)

// A deadLettersCmd looks after the events that a service could not apply.
type deadLettersCmd struct {
	List  listDeadCmd  `cmd:"" help:"List dead letters and the events that wait behind them."`
	Retry retryDeadCmd `cmd:"" help:"Apply one again, and those behind it."`
	Drop  dropDeadCmd  `cmd:"" help:"Give one up and apply those behind it."`
}

type listDeadCmd struct {
	remote

	Service string `arg:"" optional:"" default:"journey" help:"The service that could not apply them."`
}

// Run implements the command.
func (c *listDeadCmd) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	req := &eventv1.ListDeadLettersRequest{Parent: "services/" + c.Service}
	n := 0
	for {
		res, err := eventv1.NewDeadLetterServiceClient(conn).ListDeadLetters(ctx, req)
		if err != nil {
			return c.explain(err)
		}
		for _, d := range res.GetDeadLetters() {
			why := d.GetReason()
			if why == "" {
				why = "waits"
			}
			fmt.Printf("%s  %s  %s  attempts %d\n", d.GetName(), d.GetCreateTime().AsTime().Format("2006-01-02 15:04:05"), why, d.GetAttempts())
			n++
		}
		if req.PageToken = res.GetNextPageToken(); req.GetPageToken() == "" {
			fmt.Printf("%d in all\n", n)
			return nil
		}
	}
}

type retryDeadCmd struct {
	remote

	Name string `arg:"" help:"The dead letter, services/SERVICE/deadLetters/ID."`
}

// Run implements the command.
func (c *retryDeadCmd) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	res, err := eventv1.NewDeadLetterServiceClient(conn).RetryDeadLetter(ctx, &eventv1.RetryDeadLetterRequest{Name: c.Name})
	if err != nil {
		return c.explain(err)
	}
	fmt.Printf("applied %d\n", res.GetAppliedCount())
	return nil
}

type dropDeadCmd struct {
	remote

	Name string `arg:"" help:"The dead letter, services/SERVICE/deadLetters/ID."`
}

// Run implements the command.
func (c *dropDeadCmd) Run(ctx context.Context) error {
	conn, err := c.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	res, err := eventv1.NewDeadLetterServiceClient(conn).DropDeadLetter(ctx, &eventv1.DropDeadLetterRequest{Name: c.Name})
	if err != nil {
		return c.explain(err)
	}
	fmt.Printf("dropped; applied %d that waited\n", res.GetAppliedCount())
	return nil
}
