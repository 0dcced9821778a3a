package api

import (
	"cmp"
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/seal"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

const (
	maxEndpoints  = 50 // of a brand
	secretOverlap = 24 * time.Hour
)

// Webhooks implements WebhookService and delivers what endpoints are to hear. Its
// exported fields are set once, before serving.
type Webhooks struct {
	gatewayv1.UnimplementedWebhookServiceServer

	DB        *sqldb.DB
	Store     *store.Store
	Validator *rpc.Validator
	Box       *seal.Box // of the secrets
	Guard     webhook.Guard
	Sender    *webhook.Sender

	Tombstones *privacy.Tombstones // of DB

	live   atomic.Pointer[map[string][]store.WebhookEndpoint] // by brand, as of a few seconds ago
	look   worker.Alarm                                       // endpoints have changed
	looked chan struct{}                                      // closed once live is known
	some   chan struct{}                                      // closed once there is an endpoint
	mu     sync.Mutex
	lanes  map[laneKey]*lane
}

// Init makes w ready. It is called once, before all else.
func (w *Webhooks) Init() {
	w.looked, w.some, w.lanes = make(chan struct{}), make(chan struct{}), map[laneKey]*lane{}
	w.live.Store(&map[string][]store.WebhookEndpoint{})
}

// endpoints are the endpoints of a gateway.
func (w *Webhooks) endpoints() *resource.Resource[*gatewayv1.WebhookEndpoint, store.WebhookEndpoint] {
	return &resource.Resource[*gatewayv1.WebhookEndpoint, store.WebhookEndpoint]{
		DB: w.DB, Validator: w.Validator, Table: store.WebhookEndpoints, Collection: "webhookEndpoints", Field: "webhook_endpoint",
		Filters: filter.Fields{
			{Name: "url"},
			{Name: "description"},
			{Name: "disabled", Kind: filter.Bool},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
		},
		Message: toWebhookEndpoint,
		Row:     w.newEndpoint,
		Check:   w.checkEndpoint,
	}
}

// newEndpoint returns the row of an endpoint that the contract and the guard allow.
func (w *Webhooks) newEndpoint(p *gatewayv1.WebhookEndpoint, r table.Record) (store.WebhookEndpoint, error) {
	row := store.WebhookEndpoint{Record: r, Description: p.GetDescription(), EventTypes: p.GetEventTypes(), Disabled: p.GetDisabled()}
	u, err := w.Guard.Parse(p.GetUrl())
	if err != nil {
		return row, badURL("webhook_endpoint.url", err)
	}
	row.URL = u.String()
	known := webhook.Types()
	for i, t := range row.EventTypes {
		if !slices.Contains(known, t) {
			return row, fault.Invalid(fault.Field{
				Path: "webhook_endpoint.event_types[" + strconv.Itoa(i) + "]", Reason: "EVENT_TYPE", Description: "must be a type of event that endpoints can hear of",
			})
		}
	}
	row.Secret, err = w.sealed(r.Brand, r.ID, "webhook_endpoint.secret", p.GetSecret())
	return row, err
}

// sealed returns a secret, or a new one for "", as a row keeps it.
func (w *Webhooks) sealed(brand, id, field, text string) (string, error) {
	secret := webhook.NewSecret()
	if text != "" {
		var err error
		if secret, err = webhook.ParseSecret(text); err != nil {
			return "", fault.Invalid(fault.Field{Path: field, Reason: "SECRET", Description: err.Error()})
		}
	}
	return w.Box.Seal(endpointName(brand, id), secret), nil
}

// checkEndpoint completes a row: what callers do not set stays as it was.
func (w *Webhooks) checkEndpoint(tx *sqldb.Tx, old store.WebhookEndpoint, row *store.WebhookEndpoint) error {
	tx.AfterCommit(func() { w.look.Set(time.Now()) })
	if old.ID == "" {
		n, err := w.Store.CountWebhookEndpoints(tx, row.Brand)
		if err == nil && n >= maxEndpoints {
			err = &fault.Error{Code: codes.ResourceExhausted, Reason: "TOO_MANY", Message: "the brand has " + strconv.Itoa(maxEndpoints) + " endpoints already"}
		}
		if err != nil {
			return err
		}
	} else {
		row.Secret, row.PreviousSecret, row.PreviousExpire = old.Secret, old.PreviousSecret, old.PreviousExpire
		row.FailingSince, row.DisabledReason = old.FailingSince, old.DisabledReason
	}
	switch {
	case !row.Disabled:
		row.DisabledReason = 0
		if old.Disabled { // a new start
			row.FailingSince = time.Time{}
		}
	case !old.Disabled:
		row.DisabledReason = int32(gatewayv1.WebhookEndpoint_DISABLED_REASON_CALLER)
	}
	return nil
}

// CreateWebhookEndpoint implements WebhookService.
func (w *Webhooks) CreateWebhookEndpoint(ctx context.Context, req *gatewayv1.CreateWebhookEndpointRequest) (*gatewayv1.WebhookEndpoint, error) {
	if err := w.checkHost(ctx, req.GetWebhookEndpoint().GetUrl()); err != nil {
		return nil, err
	}
	p, err := w.endpoints().Create(ctx, req, req.GetWebhookEndpoint())
	if err != nil || req.GetValidateOnly() {
		return p, err
	}
	return w.reveal(ctx, p)
}

// GetWebhookEndpoint implements WebhookService.
func (w *Webhooks) GetWebhookEndpoint(ctx context.Context, req *gatewayv1.GetWebhookEndpointRequest) (*gatewayv1.WebhookEndpoint, error) {
	return w.endpoints().Get(ctx, req.GetName())
}

// ListWebhookEndpoints implements WebhookService.
func (w *Webhooks) ListWebhookEndpoints(ctx context.Context, req *gatewayv1.ListWebhookEndpointsRequest) (*gatewayv1.ListWebhookEndpointsResponse, error) {
	all, next, err := w.endpoints().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &gatewayv1.ListWebhookEndpointsResponse{WebhookEndpoints: all, NextPageToken: next}, nil
}

// UpdateWebhookEndpoint implements WebhookService.
func (w *Webhooks) UpdateWebhookEndpoint(ctx context.Context, req *gatewayv1.UpdateWebhookEndpointRequest) (*gatewayv1.WebhookEndpoint, error) {
	if u := req.GetWebhookEndpoint().GetUrl(); u != "" {
		if err := w.checkHost(ctx, u); err != nil {
			return nil, err
		}
	}
	return w.endpoints().Update(ctx, req, req.GetWebhookEndpoint())
}

// DeleteWebhookEndpoint implements WebhookService.
func (w *Webhooks) DeleteWebhookEndpoint(ctx context.Context, req *gatewayv1.DeleteWebhookEndpointRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, w.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		row, err := w.endpoints().Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		w.Store.DeleteWebhookDeliveries(tx, row.Brand, row.ID)
		store.WebhookEndpoints.Delete(tx, row.Brand, row.ID)
		tx.AfterCommit(func() { w.look.Set(time.Now()) })
		return &emptypb.Empty{}, nil
	})
}

// RotateWebhookSecret implements WebhookService.
func (w *Webhooks) RotateWebhookSecret(ctx context.Context, req *gatewayv1.RotateWebhookSecretRequest) (*gatewayv1.WebhookEndpoint, error) {
	n := req.GetName()
	secret, err := w.sealed(name.Brand(n), name.ID(n), "secret", req.GetSecret())
	if err != nil {
		return nil, err
	}
	overlap := secretOverlap
	if req.GetOverlap() != nil {
		overlap = req.GetOverlap().AsDuration()
	}
	p, err := once.Do(ctx, w.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.WebhookEndpoint, error) {
		row, err := w.endpoints().Lock(tx, n, "")
		if err != nil {
			return nil, err
		}
		row.UpdateTime = resource.Now()
		row.PreviousSecret, row.PreviousExpire = row.Secret, row.UpdateTime.Add(overlap)
		if overlap <= 0 {
			row.PreviousSecret, row.PreviousExpire = "", time.Time{}
		}
		row.Secret = secret
		if row, err = store.WebhookEndpoints.Update(tx, row); err != nil {
			return nil, resource.Explain(n, err)
		}
		return toWebhookEndpoint(row), nil
	})
	if err != nil || req.GetValidateOnly() {
		return p, err
	}
	return w.reveal(ctx, p)
}

// reveal puts the secret into an answer. It is not in the one that is kept for repeats.
func (w *Webhooks) reveal(ctx context.Context, p *gatewayv1.WebhookEndpoint) (*gatewayv1.WebhookEndpoint, error) {
	row, err := w.Store.WebhookEndpoint(ctx, name.Brand(p.GetName()), name.ID(p.GetName()))
	if errors.Is(err, table.ErrNotFound) {
		return p, nil // it was deleted since
	}
	if err != nil {
		return nil, err
	}
	secret, err := w.Box.Open(p.GetName(), row.Secret)
	if err != nil {
		return nil, err
	}
	p.Secret = webhook.Secret(secret).Text()
	return p, nil
}

// PingWebhookEndpoint implements WebhookService.
func (w *Webhooks) PingWebhookEndpoint(ctx context.Context, req *gatewayv1.PingWebhookEndpointRequest) (*gatewayv1.PingWebhookEndpointResponse, error) {
	n := req.GetName()
	row, err := w.Store.WebhookEndpoint(ctx, name.Brand(n), name.ID(n))
	if err != nil {
		return nil, resource.Explain(n, err)
	}
	if err := w.checkHost(ctx, row.URL); err != nil {
		return nil, err
	}
	now := time.Now()
	secrets, err := w.secrets(row, now)
	if err != nil {
		return nil, err
	}
	r := w.Sender.Send(ctx, row.URL, name.NewID(), webhook.Ping(n, now.UTC()), secrets)
	return &gatewayv1.PingWebhookEndpointResponse{Attempt: toWebhookAttempt(attemptOf(now, r))}, nil
}

// ListWebhookDeliveries implements WebhookService.
func (w *Webhooks) ListWebhookDeliveries(ctx context.Context, req *gatewayv1.ListWebhookDeliveriesRequest) (*gatewayv1.ListWebhookDeliveriesResponse, error) {
	n := req.GetParent()
	if _, err := w.Store.WebhookEndpoint(ctx, name.Brand(n), name.ID(n)); err != nil {
		return nil, resource.Explain(n, err)
	}
	after := ""
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	size := page.Size(req)
	rows, err := w.Store.WebhookDeliveries(ctx, name.Brand(n), name.ID(n), int32(req.GetState()), after, size+1)
	if err != nil {
		return nil, err
	}
	res := &gatewayv1.ListWebhookDeliveriesResponse{}
	if len(rows) > size {
		rows = rows[:size]
		if res.NextPageToken, err = page.Encode(req, rows[size-1].ID); err != nil {
			return nil, err
		}
	}
	for _, d := range rows {
		res.Deliveries = append(res.Deliveries, toWebhookDelivery(d))
	}
	return res, nil
}

// RedeliverWebhooks implements WebhookService.
func (w *Webhooks) RedeliverWebhooks(ctx context.Context, req *gatewayv1.RedeliverWebhooksRequest) (*gatewayv1.RedeliverWebhooksResponse, error) {
	n := req.GetParent()
	var ids []string
	for i, d := range req.GetDeliveries() {
		if name.Parent(d) != n {
			return nil, fault.Invalid(fault.Field{
				Path: "deliveries[" + strconv.Itoa(i) + "]", Reason: "OTHER_PARENT", Description: "must be a delivery of the endpoint",
			})
		}
		ids = append(ids, name.ID(d))
	}
	return once.Do(ctx, w.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.RedeliverWebhooksResponse, error) {
		row, err := w.endpoints().Lock(tx, n, "")
		if err != nil {
			return nil, err
		}
		count, err := w.Store.RedeliverWebhooks(tx, row.Brand, row.ID, ids, req.GetFailedSinceTime().AsTime(), resource.Now())
		if errors.Is(err, store.ErrNoDelivery) {
			return nil, fault.NotFound(name.Join(n, "deliveries", ids[0]))
		}
		if err != nil {
			return nil, err
		}
		tx.AfterCommit(func() { w.ring(row.Brand, row.ID) })
		return &gatewayv1.RedeliverWebhooksResponse{DeliveryCount: int32(min(count, 1<<30))}, nil //nolint:gosec // it fits
	})
}

// checkHost looks up the host of an address that is well-formed.
func (w *Webhooks) checkHost(ctx context.Context, text string) error {
	u, err := w.Guard.Parse(text)
	if err == nil {
		err = w.lookUp(ctx, u)
	}
	if err != nil {
		return badURL("webhook_endpoint.url", err)
	}
	return nil
}

// lookUp asks the name servers, but does not wait long for them.
func (w *Webhooks) lookUp(ctx context.Context, u *url.URL) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	return w.Guard.Check(ctx, u)
}

func badURL(field string, err error) error {
	return fault.Invalid(fault.Field{Path: field, Reason: "URL", Description: err.Error()})
}

func endpointName(brand, id string) string { return name.Join("brands", brand, "webhookEndpoints", id) }
