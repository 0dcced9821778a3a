package api

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/gateway/internal/webhook"
	"github.com/concentric-cx/concentric/services/internal/meter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

const (
	laneWidth  = 4                // attempts at one endpoint at the same time
	laneLook   = 15 * time.Second // other replicas may have ended with work undone
	liveLook   = 5 * time.Second  // other replicas may have changed endpoints
	attemptFor = time.Minute      // an attempt that was begun and not ended is made again after it
	kept       = 30 * 24 * time.Hour
	pruneEvery = time.Hour
)

type laneKey struct{ brand, endpoint string }

// A lane delivers to one endpoint, so that a slow one delays no other.
type lane struct {
	alarm worker.Alarm
	stop  context.CancelFunc
}

// Deliver delivers what endpoints are to hear, until ctx ends. Replicas may do so at the
// same time: each attempt is made by one of them.
func (w *Webhooks) Deliver(ctx context.Context) {
	var (
		wg    sync.WaitGroup
		prune time.Time
		tell  = known{looked: sync.OnceFunc(func() { close(w.looked) }), some: sync.OnceFunc(func() { close(w.some) })}
	)
	defer wg.Wait()
	for ctx.Err() == nil {
		w.look.Clear()
		if err := w.refresh(ctx, &wg, tell); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "webhook endpoints could not be read", "err", err)
		}
		if now := time.Now(); now.Sub(prune) > pruneEvery {
			prune = now
			w.prune(ctx, now)
		}
		w.look.Wait(ctx, time.Time{}, liveLook)
	}
}

// A known says what is known now to those who wait for it.
type known struct{ looked, some func() }

// refresh learns which endpoints there are, and begins and ends their lanes.
func (w *Webhooks) refresh(ctx context.Context, wg *sync.WaitGroup, tell known) error {
	all, err := w.Store.LiveWebhookEndpoints(ctx)
	if err != nil {
		return err
	}
	live, wanted := map[string][]store.WebhookEndpoint{}, map[laneKey]bool{}
	for _, e := range all {
		live[e.Brand] = append(live[e.Brand], e)
		wanted[laneKey{e.Brand, e.ID}] = true
	}
	w.live.Store(&live)
	if len(all) > 0 {
		tell.some()
	}
	tell.looked()
	w.mu.Lock()
	defer w.mu.Unlock()
	for k, l := range w.lanes {
		if !wanted[k] {
			l.stop()
			delete(w.lanes, k)
		}
	}
	for k := range wanted {
		if w.lanes[k] == nil {
			ctx, stop := context.WithCancel(ctx)
			l := &lane{stop: stop}
			w.lanes[k] = l
			wg.Go(func() { w.follow(ctx, k, l) })
		}
	}
	return nil
}

// ring says that there is something to deliver to an endpoint.
func (w *Webhooks) ring(brand, endpoint string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if l := w.lanes[laneKey{brand, endpoint}]; l != nil {
		l.alarm.Set(time.Now())
	}
}

// follow delivers to one endpoint until ctx ends.
func (w *Webhooks) follow(ctx context.Context, k laneKey, l *lane) {
	var retry worker.Retry
	for ctx.Err() == nil {
		l.alarm.Clear()
		next, err := w.round(ctx, k)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "webhook deliveries are delayed", "err", err)
		}
		retry.Wait(ctx, err)
		if err == nil {
			l.alarm.Wait(ctx, next, laneLook)
		}
	}
}

// round makes the attempts that are due, a few at a time, and returns when the next one
// is: zero if none is known of.
func (w *Webhooks) round(ctx context.Context, k laneKey) (time.Time, error) {
	due, next, err := w.Store.DueWebhookDeliveries(ctx, k.brand, k.endpoint, time.Now(), laneWidth)
	if err != nil || len(due) == 0 {
		return next, err
	}
	endpoint, err := w.Store.WebhookEndpoint(ctx, k.brand, k.endpoint) // as it is now
	if errors.Is(err, table.ErrNotFound) || err == nil && endpoint.Disabled {
		return time.Time{}, nil // the lane is about to end
	}
	if err != nil {
		return time.Time{}, err
	}
	var wg sync.WaitGroup
	errs := make([]error, len(due))
	for i, d := range due {
		wg.Go(func() { errs[i] = w.deliver(ctx, endpoint, d) })
	}
	wg.Wait()
	return time.Now(), errors.Join(errs...)
}

// deliver makes one attempt, unless another replica does.
func (w *Webhooks) deliver(ctx context.Context, endpoint store.WebhookEndpoint, d store.WebhookDelivery) error {
	start := time.Now()
	secrets, err := w.secrets(endpoint, start)
	if err != nil {
		return err
	}
	lease, claimed := sqldb.Time(sqldb.Micros(start.Add(attemptFor))), false
	err = w.DB.Write(ctx, func(tx *sqldb.Tx) error {
		claimed, err = w.Store.ClaimWebhookDelivery(tx, d, lease)
		return err
	})
	if err != nil || !claimed {
		return err
	}
	result := w.Sender.Send(ctx, endpoint.URL, d.ID, []byte(d.Body), secrets)
	if ctx.Err() != nil && !result.Delivered() {
		return nil // the attempt was broken off, and is made again after the lease
	}
	attempts.Add(ctx, "gateway", "concentric.outcome", outcome(result))
	// What happened is written down even at the end.
	return w.DB.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) error {
		return w.settle(tx, endpoint, d, start, lease, result)
	})
}

// attempts counts attempts to deliver.
var attempts = meter.Counter{Name: "concentric.webhooks.attempts", Unit: "{attempt}", Description: "Attempts to deliver, by how they ended."}

// outcome names how an attempt ended.
func outcome(r webhook.Result) string {
	switch {
	case r.Delivered():
		return "delivered"
	case r.Gone():
		return "gone"
	}
	return "failed"
}

// settle writes what follows from an attempt.
func (w *Webhooks) settle(tx *sqldb.Tx, endpoint store.WebhookEndpoint, d store.WebhookDelivery, start, lease time.Time, r webhook.Result) error {
	end := start.Add(r.Latency)
	d = after(d, start, r)
	w.Store.EndWebhookAttempt(tx, d, lease)
	if r.Delivered() {
		if !endpoint.FailingSince.IsZero() {
			w.Store.NoteWebhookHealth(tx, d.Brand, d.Endpoint, time.Time{})
		}
		return nil
	}
	if endpoint.FailingSince.IsZero() {
		w.Store.NoteWebhookHealth(tx, d.Brand, d.Endpoint, start)
	}
	reason := gatewayv1.WebhookEndpoint_DISABLED_REASON_UNSPECIFIED
	switch {
	case r.Gone():
		reason = gatewayv1.WebhookEndpoint_DISABLED_REASON_GONE
	case !endpoint.FailingSince.IsZero() && end.Sub(endpoint.FailingSince) >= webhook.Patience:
		reason = gatewayv1.WebhookEndpoint_DISABLED_REASON_FAILING
	default:
		return nil
	}
	disabled, err := w.Store.DisableWebhookEndpoint(tx, d.Brand, d.Endpoint, int32(reason), end)
	if disabled {
		tx.AfterCommit(func() {
			slog.Warn("a webhook endpoint is disabled", "endpoint", endpointName(d.Brand, d.Endpoint), "reason", reason.String())
			w.look.Set(time.Now())
		})
	}
	return err
}

// after returns d as it is after an attempt that began at start.
func after(d store.WebhookDelivery, start time.Time, r webhook.Result) store.WebhookDelivery {
	d.AttemptCount++
	d.Attempts = append(d.Attempts, attemptOf(start, r))
	d.NextTime = time.Time{}
	if r.Delivered() {
		d.State = store.DeliveryDelivered
		return d
	}
	wait, again := webhook.Next(d.AttemptCount, r.RetryAfter)
	if !again || r.Gone() {
		d.State = store.DeliveryFailed
		return d
	}
	d.NextTime = start.Add(r.Latency + wait)
	return d
}

// secrets returns what messages to an endpoint are signed with, the new secret first.
func (w *Webhooks) secrets(e store.WebhookEndpoint, now time.Time) (all []webhook.Secret, err error) {
	sealed := []string{e.Secret}
	if e.PreviousSecret != "" && now.Before(e.PreviousExpire) {
		sealed = append(sealed, e.PreviousSecret)
	}
	for _, text := range sealed {
		secret, err := w.Box.Open(endpointName(e.Brand, e.ID), text)
		if err != nil {
			return nil, err
		}
		all = append(all, secret)
	}
	return all, nil
}

// prune forgets old deliveries.
func (w *Webhooks) prune(ctx context.Context, now time.Time) {
	for {
		n, err := w.Store.ForgetWebhookDeliveries(ctx, now.Add(-kept))
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "old webhook deliveries stay for now", "err", err)
		}
		if n < 1000 {
			return
		}
	}
}
