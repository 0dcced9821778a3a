package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// A ruleCmd creates a rule, or tries it.
type ruleCmd struct {
	desk
	windowFlags

	File string `arg:"" help:"The rule as YAML or JSON, with the fields of the contract; - reads standard input." placeholder:"FILE"`
	ID   string `help:"Its id. Chosen by the service if not given." placeholder:"ID"`
	Test bool   `help:"Only say which signals it would have opened in the window."`
}

// Run implements the command.
func (c *ruleCmd) Run(ctx context.Context) error {
	rule := &journeyv1.SignalRule{}
	if err := readMessage(c.File, rule); err != nil {
		return err
	}
	window, err := c.window()
	if err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		client := journeyv1.NewSignalServiceClient(conn)
		if !c.Test {
			made, err := client.CreateSignalRule(ctx, &journeyv1.CreateSignalRuleRequest{
				Parent: "brands/" + c.Brand, SignalRule: rule, SignalRuleId: c.ID, RequestId: uuid.NewString(),
			})
			if err != nil {
				return err
			}
			return c.say(made, func() { fmt.Println(short(made.GetName()) + "  " + made.GetDisplayName()) })
		}
		res, err := client.TestSignalRule(ctx, &journeyv1.TestSignalRuleRequest{Parent: "brands/" + c.Brand, SignalRule: rule, Window: window})
		if err != nil {
			return err
		}
		return c.say(res, func() {
			for _, s := range res.GetSignals() {
				fmt.Println(signalLine(s))
			}
			fmt.Println(count(int64(res.GetTotalCount())) + " signals")
		})
	})
}

// A signalsCmd lists signals.
type signalsCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'state = OPEN AND function_owner = LOGISTICS'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *signalsCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := journeyv1.NewSignalServiceClient(conn).ListSignals(ctx, &journeyv1.ListSignalsRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, s := range page.GetSignals() {
				fmt.Println(signalLine(s))
			}
			more(page.GetNextPageToken())
		})
	})
}

// signalLine is a signal on one line.
func signalLine(s *journeyv1.Signal) string {
	subject := s.GetSegment()
	if subject == "" {
		subject = short(s.GetTouchpointDefinition() + s.GetCustomer())
	}
	return fmt.Sprintf("%s %s %s %s for %s: %s, limit %.3g; %s affected, %s silent", pad(short(s.GetName()), 26),
		pad(shown(s.GetState().String(), "STATE_"), 12), pad(tidy(s.GetKind().String(), "KIND_"), 17), subject,
		tidy(s.GetFunctionOwner().String(), "FUNCTION_"), strings.TrimSpace(interval(s.GetObserved())), s.GetLimit(), count(s.GetAffectedCount()), count(s.GetSilentCount()))
}

// aSignal are the arguments of a verb about one signal.
type aSignal struct {
	desk

	Signal string `arg:"" help:"The signal's id."`
}

func (s aSignal) signal() string { return s.name("signals", s.Signal) }

// move calls the service about one signal and prints what became of it.
func (s aSignal) move(do func(journeyv1.SignalServiceClient) (*journeyv1.Signal, error)) error {
	return s.call(func(conn grpc.ClientConnInterface) error {
		v, err := do(journeyv1.NewSignalServiceClient(conn))
		if err != nil {
			return err
		}
		return s.say(v, func() { fmt.Println(signalLine(v)) })
	})
}

// An acknowledgeCmd acknowledges a signal.
type acknowledgeCmd struct{ aSignal }

// Run implements the command.
func (c *acknowledgeCmd) Run(ctx context.Context) error {
	return c.move(func(client journeyv1.SignalServiceClient) (*journeyv1.Signal, error) {
		return client.AcknowledgeSignal(ctx, &journeyv1.AcknowledgeSignalRequest{Name: c.signal(), RequestId: uuid.NewString()})
	})
}

// An actCmd notes an action.
type actCmd struct {
	aSignal

	Kind       string `default:"fix" help:"proactive-message, fix, compensation or other."`
	Note       string `help:"What was done, in a few words." placeholder:"TEXT"`
	Definition string `help:"The touchpoint definition by which customers get to know." placeholder:"ID"`
}

// Run implements the command.
func (c *actCmd) Run(ctx context.Context) error {
	kind, err := choice[journeyv1.SignalAction_Kind]("--kind", c.Kind, "KIND_", journeyv1.SignalAction_Kind_value)
	if err != nil {
		return err
	}
	return c.move(func(client journeyv1.SignalServiceClient) (*journeyv1.Signal, error) {
		return client.ActOnSignal(ctx, &journeyv1.ActOnSignalRequest{
			Name: c.signal(), Kind: kind, Note: c.Note, TouchpointDefinition: c.name("touchpointDefinitions", c.Definition),
			RequestId: uuid.NewString(),
		})
	})
}

// A closeSignalCmd closes a signal.
type closeSignalCmd struct {
	aSignal

	Dismiss bool   `help:"There was nothing to it."`
	Note    string `help:"Why, in a few words." placeholder:"TEXT"`
}

// Run implements the command.
func (c *closeSignalCmd) Run(ctx context.Context) error {
	return c.move(func(client journeyv1.SignalServiceClient) (*journeyv1.Signal, error) {
		if c.Dismiss {
			return client.DismissSignal(ctx, &journeyv1.DismissSignalRequest{Name: c.signal(), Note: c.Note, RequestId: uuid.NewString()})
		}
		return client.ResolveSignal(ctx, &journeyv1.ResolveSignalRequest{Name: c.signal(), Note: c.Note, RequestId: uuid.NewString()})
	})
}
