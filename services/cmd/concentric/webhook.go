package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// A webhookCmd looks after the web addresses that hear of what happens in a brand.
type webhookCmd struct {
	Create     createWebhookCmd    `cmd:"" help:"Have an address told, and print the secret that messages to it are signed with."`
	List       listWebhooksCmd     `cmd:"" help:"List the endpoints of a brand."`
	Delete     webhookNameCmd      `cmd:"" help:"Tell an endpoint no more."`
	Ping       pingWebhookCmd      `cmd:"" help:"Send an endpoint a message, once, and say what it answered."`
	Rotate     rotateWebhookCmd    `cmd:"" help:"Give an endpoint another secret, and print it."`
	Deliveries deliveriesCmd       `cmd:"" help:"List what was sent, newest first."`
	Redeliver  redeliverWebhookCmd `cmd:"" help:"Send again what failed."`
}

type createWebhookCmd struct {
	desk

	URL         string   `arg:"" help:"Where to, https://…"`
	ID          string   `help:"Its id. Chosen by the service if not given." placeholder:"ID"`
	Events      []string `help:"What it hears of, such as ticket.resolved,signal.changed. All if not given." placeholder:"TYPE"`
	Description string   `help:"What it is for."`
}

// Run implements the command.
func (c *createWebhookCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		e, err := gatewayv1.NewWebhookServiceClient(conn).CreateWebhookEndpoint(ctx, &gatewayv1.CreateWebhookEndpointRequest{
			Parent: "brands/" + c.Brand, WebhookEndpointId: c.ID, RequestId: uuid.NewString(),
			WebhookEndpoint: &gatewayv1.WebhookEndpoint{Url: c.URL, EventTypes: c.Events, Description: c.Description},
		})
		if err != nil {
			return err
		}
		return c.say(e, func() { fmt.Println(short(e.GetName()) + "  " + e.GetSecret()) })
	})
}

type listWebhooksCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'disabled = true'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *listWebhooksCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewWebhookServiceClient(conn).ListWebhookEndpoints(ctx, &gatewayv1.ListWebhookEndpointsRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, e := range page.GetWebhookEndpoints() {
				fmt.Println(pad(short(e.GetName()), 28) + pad(webhookHealth(e), 22) + e.GetUrl() + "  " + strings.Join(e.GetEventTypes(), " "))
			}
			more(page.GetNextPageToken())
		})
	})
}

// webhookHealth says in a word or two how an endpoint fares.
func webhookHealth(e *gatewayv1.WebhookEndpoint) string {
	switch {
	case e.GetDisabled():
		return "disabled, " + tidy(e.GetDisabledReason().String(), "DISABLED_REASON_")
	case e.GetFailingSinceTime() != nil:
		return "failing " + span(time.Since(e.GetFailingSinceTime().AsTime()))
	default:
		return "well"
	}
}

type webhookNameCmd struct {
	desk

	Endpoint string `arg:"" help:"The endpoint."`
}

// Run implements the command.
func (c *webhookNameCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		_, err := gatewayv1.NewWebhookServiceClient(conn).DeleteWebhookEndpoint(ctx, &gatewayv1.DeleteWebhookEndpointRequest{
			Name: c.name("webhookEndpoints", c.Endpoint), RequestId: uuid.NewString(),
		})
		return err
	})
}

type pingWebhookCmd struct {
	desk

	Endpoint string `arg:"" help:"The endpoint."`
}

// Run implements the command.
func (c *pingWebhookCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewWebhookServiceClient(conn).PingWebhookEndpoint(ctx, &gatewayv1.PingWebhookEndpointRequest{
			Name: c.name("webhookEndpoints", c.Endpoint),
		})
		if err != nil {
			return err
		}
		return c.say(res, func() { fmt.Println(webhookAttempt(res.GetAttempt())) })
	})
}

type rotateWebhookCmd struct {
	desk

	Endpoint string        `arg:"" help:"The endpoint."`
	Overlap  time.Duration `default:"24h" help:"How long the old secret is good as well, at most a week."`
}

// Run implements the command.
func (c *rotateWebhookCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		e, err := gatewayv1.NewWebhookServiceClient(conn).RotateWebhookSecret(ctx, &gatewayv1.RotateWebhookSecretRequest{
			Name: c.name("webhookEndpoints", c.Endpoint), Overlap: durationpb.New(c.Overlap), RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(e, func() { fmt.Println(short(e.GetName()) + "  " + e.GetSecret()) })
	})
}

type deliveriesCmd struct {
	desk

	Endpoint string `arg:"" help:"The endpoint."`
	State    string `enum:",pending,delivered,failed" default:"" help:"Only those that are pending, delivered or failed."`
	Limit    int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *deliveriesCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := gatewayv1.NewWebhookServiceClient(conn).ListWebhookDeliveries(ctx, &gatewayv1.ListWebhookDeliveriesRequest{
			Parent: c.name("webhookEndpoints", c.Endpoint), PageSize: c.Limit,
			State: gatewayv1.WebhookDelivery_State(gatewayv1.WebhookDelivery_State_value["STATE_"+strings.ToUpper(c.State)]),
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, d := range page.GetDeliveries() {
				last := "not tried yet"
				if n := len(d.GetAttempts()); n > 0 {
					last = webhookAttempt(d.GetAttempts()[n-1])
				}
				fmt.Println(short(d.GetName()) + "  " + pad(d.GetEventType(), 26) + pad(tidy(d.GetState().String(), "STATE_"), 11) + last)
			}
			more(page.GetNextPageToken())
		})
	})
}

// webhookAttempt says when an attempt was made and how it ended.
func webhookAttempt(a *gatewayv1.WebhookAttempt) string {
	how := tidy(a.GetOutcome().String(), "OUTCOME_")
	if a.GetStatusCode() != 0 {
		how += fmt.Sprint(" ", a.GetStatusCode())
	}
	return day(a.GetStartTime().AsTime()) + "  " + how + " after " + a.GetLatency().AsDuration().Round(time.Millisecond).String()
}

type redeliverWebhookCmd struct {
	desk

	Endpoint   string        `arg:"" help:"The endpoint."`
	Deliveries []string      `arg:"" optional:"" help:"These deliveries, whatever became of them. Those that failed if none is named."`
	Since      time.Duration `default:"120h" help:"Of those that failed, the ones of this last while."`
}

// Run implements the command.
func (c *redeliverWebhookCmd) Run(ctx context.Context) error {
	endpoint := c.name("webhookEndpoints", c.Endpoint)
	req := &gatewayv1.RedeliverWebhooksRequest{Parent: endpoint, RequestId: uuid.NewString()}
	for _, d := range c.Deliveries {
		req.Deliveries = append(req.Deliveries, endpoint+"/deliveries/"+d)
	}
	if len(c.Deliveries) == 0 {
		req.FailedSinceTime = timestamppb.New(time.Now().Add(-c.Since))
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		res, err := gatewayv1.NewWebhookServiceClient(conn).RedeliverWebhooks(ctx, req)
		if err != nil {
			return err
		}
		return c.say(res, func() { fmt.Println(count(int64(res.GetDeliveryCount())) + " are sent again") })
	})
}
