package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A journeyCmd does what people do with journeys every day.
type journeyCmd struct {
	Show        showJourneyCmd       `cmd:"" help:"Show a customer's journey, stage by stage."`
	Record      recordTouchpointCmd  `cmd:"" help:"Record a touchpoint of a customer."`
	Retract     retractTouchpointCmd `cmd:"" help:"Take a touchpoint back."`
	Score       scoreCmd             `cmd:"" help:"Show a customer's score, now or as of an instant."`
	Explain     explainCmd           `cmd:"" help:"Say which touchpoints made the score."`
	Difference  differenceCmd        `cmd:"" help:"Say what changed a score between two instants."`
	Scores      scoresCmd            `cmd:"" help:"List scores, the lowest first."`
	Customers   customersCmd         `cmd:"" help:"List customers."`
	Resolve     resolveCustomerCmd   `cmd:"" help:"Find the customer with an e-mail address, a number or another identity."`
	Merge       mergeCmd             `cmd:"" help:"Make one customer part of another."`
	Split       splitCmd             `cmd:"" help:"Take a merge back."`
	Map         mapCmd               `cmd:"" help:"Show what a journey map plans."`
	Coverage    coverageCmd          `cmd:"" help:"Compare what is planned with what happened."`
	Profile     profileCmd           `cmd:"" help:"Show an industry profile, or apply it."`
	Model       modelCmd             `cmd:"" help:"Show the scoring models, or create one from a file."`
	Backtest    backtestCmd          `cmd:"" help:"Compare the scores of a model with what customers did later."`
	Activate    activateCmd          `cmd:"" help:"Let the scores come from a model that was back-tested."`
	Recompute   recomputeCmd         `cmd:"" help:"Compute all stored scores anew."`
	Metrics     experienceCmd        `cmd:"" help:"Show what the touchpoints say."`
	Drivers     driversCmd           `cmd:"" help:"Say which touchpoints go with an outcome, service and rest apart."`
	Recovery    recoveryCmd          `cmd:"" help:"Say whether customers whom something failed came back to buy, by what was done about it."`
	Rule        ruleCmd              `cmd:"" help:"Create a rule that opens signals, or try it on the past."`
	Signals     signalsCmd           `cmd:"" help:"List signals, the newest first."`
	Acknowledge acknowledgeCmd       `cmd:"" help:"Note that somebody looks into a signal."`
	Act         actCmd               `cmd:"" help:"Note what was done about a signal."`
	Close       closeSignalCmd       `cmd:"" help:"Resolve a signal that was acted on, or dismiss it."`
	Watch       watchJourneysCmd     `cmd:"" help:"Show signals or scores as they change, until ^C."`
}

// aCustomer are the arguments of a verb about one customer.
type aCustomer struct {
	desk

	Customer string `arg:"" help:"The customer's id."`
}

func (c aCustomer) customer() string { return c.name("customers", c.Customer) }

// A showJourneyCmd shows a journey.
type showJourneyCmd struct {
	aCustomer

	Limit int32 `default:"50" help:"At most this many touchpoints."`
}

// Run implements the command.
func (c *showJourneyCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := journeyv1.NewJourneyMapServiceClient(conn).GetJourney(ctx, &journeyv1.GetJourneyRequest{
			Name: c.customer() + "/journey", PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { printJourney(res) })
	})
}

func printJourney(res *journeyv1.GetJourneyResponse) {
	s := res.GetSummary()
	fmt.Printf("%s is in %s: %s touchpoints, %s of them service, %s switches of the channel\n", short(res.GetCustomer()),
		tidy(s.GetStage().String(), "STAGE_"), count(s.GetTouchpointCount()), count(s.GetServiceTouchpointCount()), count(s.GetChannelSwitchCount()))
	for _, stage := range s.GetStages() {
		e := stage.GetExpectations()
		fmt.Printf("  %s %s touchpoints   unmet %d, met %d, exceeded %d\n", pad(tidy(stage.GetStage().String(), "STAGE_"), 13),
			padLeft(count(stage.GetTouchpointCount()), 7), e.GetUnmet(), e.GetMet(), e.GetExceeded())
	}
	fmt.Println()
	for _, t := range res.GetTouchpoints() {
		fmt.Println(touchpointLine(t))
	}
	more(res.GetNextPageToken())
}

// touchpointLine is a touchpoint on one line.
func touchpointLine(t *journeyv1.Touchpoint) string {
	circle := " "
	if t.GetIsService() {
		circle = "•"
	}
	said := none(tidy(t.GetExpectation().String(), "EXPECTATION_"))
	if m := t.GetMeasurement(); m != nil {
		said = fmt.Sprintf("%d of %d to %d", m.GetRating(), m.GetMin(), m.GetMax())
	}
	return strings.TrimRight(fmt.Sprintf("%s %s %s %s %s %s", at(t.GetEventTime()), circle, pad(tidy(t.GetStage().String(), "STAGE_"), 13),
		pad(short(t.GetDefinition()), 24), pad(none(tidy(t.GetChannel().String(), "CHANNEL_")), 11), said), " ")
}

// A recordTouchpointCmd records a touchpoint.
type recordTouchpointCmd struct {
	aCustomer

	Definition  string            `arg:"" help:"The touchpoint definition's id, such as store-visit."`
	At          string            `help:"When it happened. Now if not given." placeholder:"TIME"`
	Channel     string            `help:"Where: phone, email, web and so on. The definition's if not given." placeholder:"CHANNEL"`
	Expectation string            `help:"unmet, met or exceeded." placeholder:"WORD"`
	Rating      int32             `help:"What the customer gave it, on the scale of --scale." placeholder:"N"`
	Scale       int32             `default:"5" help:"The highest rating; the lowest is 1." placeholder:"N"`
	Attribute   map[string]string `help:"Something to group by later." placeholder:"KEY=VALUE"`
}

// Run implements the command.
func (c *recordTouchpointCmd) Run(ctx context.Context) error {
	t := &journeyv1.Touchpoint{
		Definition: c.name("touchpointDefinitions", c.Definition), EventTime: timestamppb.Now(), Attributes: c.Attribute,
	}
	var err error
	if c.At != "" {
		if t.EventTime, err = moment("--at", c.At); err != nil {
			return err
		}
	}
	if t.Channel, err = choice[typev1.Channel]("--channel", c.Channel, "CHANNEL_", typev1.Channel_value); err != nil {
		return err
	}
	if t.Expectation, err = choice[typev1.Expectation]("--expectation", c.Expectation, "EXPECTATION_", typev1.Expectation_value); err != nil {
		return err
	}
	if c.Rating != 0 {
		t.Measurement = &journeyv1.Measurement{Rating: c.Rating, Min: 1, Max: c.Scale}
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		made, err := journeyv1.NewTouchpointServiceClient(conn).RecordTouchpoint(ctx, &journeyv1.RecordTouchpointRequest{
			Parent: c.customer(), Touchpoint: t, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(made, func() { fmt.Println(short(made.GetName()) + "  " + touchpointLine(made)) })
	})
}

// moment reads the time that a flag says.
func moment(flag, text string) (*timestamppb.Timestamp, error) {
	if text == "" {
		return nil, nil
	}
	t, err := instant(text)
	if err != nil {
		return nil, fmt.Errorf("%s %q: want YYYY-MM-DD or a time as in 2026-01-02T15:04:05Z", flag, text)
	}
	return timestamppb.New(t), nil
}

// A retractTouchpointCmd takes a touchpoint back.
type retractTouchpointCmd struct {
	aCustomer

	Touchpoint string `arg:"" help:"The touchpoint's id."`
	Reason     string `help:"Why, in a few words." placeholder:"TEXT"`
}

// Run implements the command.
func (c *retractTouchpointCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		t, err := journeyv1.NewTouchpointServiceClient(conn).RetractTouchpoint(ctx, &journeyv1.RetractTouchpointRequest{
			Name: c.customer() + "/touchpoints/" + c.Touchpoint, Reason: c.Reason, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(t, func() { fmt.Println("taken back: " + touchpointLine(t)) })
	})
}

// A watchJourneysCmd shows signals or scores as they change.
type watchJourneysCmd struct {
	desk

	What string `arg:"" enum:"signals,scores" help:"signals or scores."`
}

// Run implements the command. It ends with ctx, which is no error.
func (c *watchJourneysCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		token := ""
		return again(ctx, func() (string, error) {
			var err error
			if c.What == "signals" {
				err = c.signals(ctx, conn, &token)
			} else {
				err = c.scores(ctx, conn, &token)
			}
			return token, err
		})
	})
}

func (c *watchJourneysCmd) signals(ctx context.Context, conn grpc.ClientConnInterface, token *string) error {
	stream, err := journeyv1.NewSignalServiceClient(conn).WatchSignals(ctx, &journeyv1.WatchSignalsRequest{
		Parent: "brands/" + c.Brand, ResumeToken: *token,
	})
	for err == nil {
		var res *journeyv1.WatchSignalsResponse
		if res, err = stream.Recv(); err != nil {
			break
		}
		*token = res.GetResumeToken()
		if res.GetSignal() != nil {
			err = c.say(res, func() { fmt.Println(signalLine(res.GetSignal())) })
		}
	}
	return err
}

func (c *watchJourneysCmd) scores(ctx context.Context, conn grpc.ClientConnInterface, token *string) error {
	stream, err := journeyv1.NewScoringServiceClient(conn).WatchScores(ctx, &journeyv1.WatchScoresRequest{
		Parent: "brands/" + c.Brand, ResumeToken: *token,
	})
	for err == nil {
		var res *journeyv1.WatchScoresResponse
		if res, err = stream.Recv(); err != nil {
			break
		}
		*token = res.GetResumeToken()
		if res.GetScore() != nil {
			err = c.say(res, func() { fmt.Println(scoreLine(res.GetScore())) })
		}
	}
	return err
}

// awaited waits for an operation, whose answer it reads, and returns it as it ended.
func awaited(ctx context.Context, conn grpc.ClientConnInterface, o *longrunningpb.Operation, answer proto.Message) (*longrunningpb.Operation, error) {
	name := o.GetName()
	for !o.GetDone() {
		var err error
		o, err = journeyv1.NewOperationServiceClient(conn).WaitOperation(ctx, &journeyv1.WaitOperationRequest{
			Name: name, Timeout: durationpb.New(20 * time.Second),
		})
		if ctx.Err() != nil {
			return nil, fmt.Errorf("%s goes on; read it with OperationService", name)
		}
		if err != nil {
			return nil, err
		}
	}
	return o, ended(o, answer)
}
