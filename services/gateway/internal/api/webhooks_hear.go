package api

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/oklog/ulid/v2"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// AwaitLook waits until it is known which endpoints there are, or ctx ends.
func (w *Webhooks) AwaitLook(ctx context.Context) {
	select {
	case <-w.looked:
	case <-ctx.Done():
	}
}

// Await waits until there is an endpoint somewhere, or ctx ends: without one, listening
// to most events would be for nothing.
func (w *Webhooks) Await(ctx context.Context) {
	select {
	case <-w.some:
	case <-ctx.Done():
	}
}

// Wants reports whether an endpoint is to hear of e, as far as is known for a few seconds,
// or a customer may come back by it.
func (w *Webhooks) Wants(e *eventv1.Event) bool {
	return len(w.listeners(e)) > 0 || w.ofErased(e.GetConsentChanged())
}

// Hear writes, for each endpoint that is to hear of e, the delivery of it, and lets customers
// come back who consent anew after they were erased. Until then nobody hears of them. It
// bears repeats and any order.
func (w *Webhooks) Hear(tx *sqldb.Tx, e *eventv1.Event) error {
	back := w.lift(tx, e)
	listeners := w.listeners(e)
	if len(listeners) == 0 || !back && w.ofErased(e) {
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

// lift lets a customer come back who consents anew after an erasure, and reports whether
// it did.
func (w *Webhooks) lift(tx *sqldb.Tx, e *eventv1.Event) bool {
	p, brand := e.GetConsentChanged(), name.Brand(e.GetBrand())
	return p.GetGranted() && p.GetChangeTime() != nil && name.Brand(p.GetCustomer()) == brand &&
		w.Tombstones.Lift(tx, brand, name.ID(p.GetCustomer()), p.GetChangeTime().AsTime())
}

// ofErased reports whether m names a customer who was erased, or something that is theirs.
func (w *Webhooks) ofErased(m proto.Message) (gone bool) {
	err := protorange.Range(m.ProtoReflect(), func(p protopath.Values) error {
		text, ok := p.Index(-1).Value.Interface().(string)
		if !ok {
			return nil
		}
		brand, rest, ok := strings.Cut(text, "/customers/")
		id, _, _ := strings.Cut(rest, "/")
		if ok && w.Tombstones.Buried(name.Brand(brand), id) {
			gone = true
			return protorange.Terminate
		}
		return nil
	})
	return gone || err != nil
}

// clockGrace is how far the clock of a service may be behind that of the gateway: an endpoint
// may hear of what happened so long before there was one.
const clockGrace = 5 * time.Minute

// listeners returns the endpoints that are to hear of e: those that want its type and
// were there when it was told, as far as clocks can tell.
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
		if (len(l.EventTypes) == 0 || slices.Contains(l.EventTypes, what)) && !id.Timestamp().Before(l.CreateTime.Add(-clockGrace)) {
			some = append(some, l)
		}
	}
	return some
}
