package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
)

// toWebhookEndpoint returns the message of an endpoint, without its secret.
func toWebhookEndpoint(row store.WebhookEndpoint) *gatewayv1.WebhookEndpoint {
	return &gatewayv1.WebhookEndpoint{
		Name: endpointName(row.Brand, row.ID), Url: row.URL, Description: row.Description, EventTypes: row.EventTypes,
		Disabled: row.Disabled, DisabledReason: gatewayv1.WebhookEndpoint_DisabledReason(row.DisabledReason),
		PreviousSecretExpireTime: moment(row.PreviousExpire), FailingSinceTime: moment(row.FailingSince),
		CreateTime: timestamppb.New(row.CreateTime), UpdateTime: timestamppb.New(row.UpdateTime), Etag: resource.Etag(row.Version),
	}
}

func toWebhookDelivery(d store.WebhookDelivery) *gatewayv1.WebhookDelivery {
	p := &gatewayv1.WebhookDelivery{
		Name: name.Join(endpointName(d.Brand, d.Endpoint), "deliveries", d.ID), EventType: d.EventType,
		State: gatewayv1.WebhookDelivery_State(d.State), AttemptCount: int32(d.AttemptCount), //nolint:gosec // ten at most
		NextAttemptTime: moment(d.NextTime), CreateTime: timestamppb.New(d.CreateTime),
	}
	for _, a := range d.Attempts {
		p.Attempts = append(p.Attempts, toWebhookAttempt(a))
	}
	return p
}

func toWebhookAttempt(a store.WebhookAttempt) *gatewayv1.WebhookAttempt {
	return &gatewayv1.WebhookAttempt{
		StartTime: timestamppb.New(a.Start), Outcome: gatewayv1.WebhookAttempt_Outcome(a.Outcome), StatusCode: a.Status, Latency: durationpb.New(a.Latency),
	}
}

// attemptOf returns what is remembered of an attempt.
func attemptOf(start time.Time, r webhook.Result) store.WebhookAttempt {
	return store.WebhookAttempt{
		Start: start.UTC().Truncate(time.Microsecond), Outcome: int32(r.Outcome), Status: int32(r.Status), //nolint:gosec // three digits
		Latency: r.Latency.Truncate(time.Microsecond),
	}
}

// moment returns t, or nothing for the zero time.
func moment(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}
