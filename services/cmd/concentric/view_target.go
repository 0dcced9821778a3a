package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A targetCmd says what figures of the views are wanted to be.
type targetCmd struct {
	Set    setTargetCmd    `cmd:"" help:"Want a metric to be at least, or at most, something. Views say whether it is."`
	List   listTargetsCmd  `cmd:"" help:"List what is wanted."`
	Delete deleteTargetCmd `cmd:"" help:"Want it no more."`
}

type setTargetCmd struct {
	desk

	Metric      string   `arg:"" help:"The metric, such as nps, csat or first_response_time_p90."`
	ID          string   `help:"Its id. Chosen by the service if not given." placeholder:"ID"`
	AtLeast     *float64 `help:"A high figure is good, from here on." placeholder:"X" xor:"side"`
	AtMost      *float64 `help:"A low figure is good, up to here. Times are in seconds, shares from 0 to 1." placeholder:"X" xor:"side"`
	Alarm       *float64 `help:"Beyond this, on the bad side, it is alarming." placeholder:"X"`
	Subject     string   `help:"Of answers about this only: service, experience or product." placeholder:"NAME"`
	Description string   `help:"What it is for."`
}

// Run implements the command.
func (c *setTargetCmd) Run(ctx context.Context) error {
	metric, known := typev1.Metric_value["METRIC_"+strings.ToUpper(c.Metric)]
	if !known || metric == 0 {
		return fmt.Errorf("there is no metric %q", c.Metric)
	}
	t := &gatewayv1.Target{
		Metric: typev1.Metric(metric), Direction: gatewayv1.Target_DIRECTION_AT_LEAST, GoalValue: c.AtLeast, AlarmValue: c.Alarm, Description: c.Description,
	}
	switch {
	case c.AtMost != nil:
		t.Direction, t.GoalValue = gatewayv1.Target_DIRECTION_AT_MOST, c.AtMost
	case c.AtLeast == nil:
		return errors.New("say what is wanted: --at-least X or --at-most X")
	}
	if c.Subject != "" {
		subject, known := typev1.Subject_value["SUBJECT_"+strings.ToUpper(c.Subject)]
		if !known || subject == 0 {
			return fmt.Errorf("there is no subject %q", c.Subject)
		}
		t.Subject = typev1.Subject(subject)
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		made, err := gatewayv1.NewTargetServiceClient(conn).CreateTarget(ctx, &gatewayv1.CreateTargetRequest{
			Parent: "brands/" + c.Brand, Target: t, TargetId: c.ID, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(made, func() { fmt.Println(short(made.GetName()) + "  " + wanted(made)) })
	})
}

type listTargetsCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'metric = NPS'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *listTargetsCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewTargetServiceClient(conn).ListTargets(ctx, &gatewayv1.ListTargetsRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, t := range page.GetTargets() {
				fmt.Println(pad(short(t.GetName()), 28) + pad(wanted(t), 48) + t.GetDescription())
			}
			more(page.GetNextPageToken())
		})
	})
}

type deleteTargetCmd struct {
	desk

	Target string `arg:"" help:"The target's id."`
}

// Run implements the command.
func (c *deleteTargetCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		_, err := gatewayv1.NewTargetServiceClient(conn).DeleteTarget(ctx, &gatewayv1.DeleteTargetRequest{
			Name: c.name("targets", c.Target), RequestId: uuid.NewString(),
		})
		return err
	})
}

// wanted says what a target wants.
func wanted(t *gatewayv1.Target) string {
	text := fmt.Sprintf("%s %s %g", tidy(t.GetMetric().String(), "METRIC_"), tidy(t.GetDirection().String(), "DIRECTION_"), t.GetGoalValue())
	if t.GetSubject() != typev1.Subject_SUBJECT_UNSPECIFIED {
		text += " (" + tidy(t.GetSubject().String(), "SUBJECT_") + ")"
	}
	if t.AlarmValue != nil {
		text += fmt.Sprintf(", alarm at %g", t.GetAlarmValue())
	}
	return text
}

// writeTargets says which targets figures have reached.
func writeTargets(w io.Writer, all []*gatewayv1.TargetResult) {
	if len(all) > 0 {
		fmt.Fprintln(w, "\ntargets")
	}
	for _, r := range all {
		state := tidy(r.GetState().String(), "STATE_")
		if r.GetAlarm() {
			state += ", ALARM"
		}
		value := ""
		if r.GetEstimate() != nil {
			value = line(&typev1.Measure{Metric: r.GetTarget().GetMetric(), Subject: r.GetSubject(), Estimate: r.GetEstimate()})
		}
		fmt.Fprintln(w, strings.TrimRight("  "+pad(wanted(r.GetTarget()), 48)+pad(state, 22)+value, " "))
	}
}
