package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Await waits until there is an endpoint somewhere, or ctx ends: without one, listening
// to events would be for nothing.
func (w *Webhooks) Await(ctx context.Context) {
	select {
	case <-w.some:
	case <-ctx.Done():
	}
}

// Wants reports whether an endpoint is to hear of e, as far as is known for a few seconds.
func (w *Webhooks) Wants(e *eventv1.Event) bool { return len(w.listeners(e)) > 0 }

// Hear writes, for each endpoint that is to hear of e, the delivery of it. It bears
// repeats and any order.
func (w *Webhooks) Hear(tx *sqldb.Tx, e *eventv1.Event) error {
	listeners := w.listeners(e)
	if len(listeners) == 0 {
		return nil
	}
	body, err := webhook.Body(e)
	if err != nil {
		return err
	}
	now := time.Now()
	for _, l := range listeners {
		w.Store.AddWebhookDelivery(tx, store.WebhookDelivery{
			Brand: l.Brand, Endpoint: l.ID, ID: strings.ToLower(e.GetId()), EventType: webhook.Type(e), About: e.GetKey(), Body: string(body), CreateTime: now,
		})
	}
	tx.AfterCommit(func() {
		for _, l := range listeners {
			w.ring(l.Brand, l.ID)
		}
	})
	return nil
}

// listeners returns the endpoints that are to hear of e: those that want its type and
// were there when it was told.
func (w *Webhooks) listeners(e *eventv1.Event) (some []store.WebhookEndpoint) {
	all := (*w.live.Load())[name.ID(e.GetBrand())]
	if len(all) == 0 {
		return nil
	}
	what := webhook.Type(e)
	id, err := ulid.Parse(e.GetId())
	if what == "" || err != nil {
		return nil
	}
	for _, l := range all {
		if (len(l.EventTypes) == 0 || slices.Contains(l.EventTypes, what)) && !id.Timestamp().Before(l.CreateTime.Truncate(time.Millisecond)) {
			some = append(some, l)
		}
	}
	return some
}
