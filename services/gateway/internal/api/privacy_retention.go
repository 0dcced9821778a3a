package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

const (
	tellEvery   = time.Hour        // again, in case a service has lost what it was told
	tellPoll    = 10 * time.Second // another replica may have taken a change in
	forgetEvery = time.Hour        // exports
)

// GetRetentionPolicy implements PrivacyService.
func (p *Privacy) GetRetentionPolicy(ctx context.Context, req *gatewayv1.GetRetentionPolicyRequest) (*gatewayv1.RetentionPolicy, error) {
	r, err := p.Store.Retention(ctx, name.Brand(req.GetName()))
	if err != nil {
		return nil, err
	}
	return toRetentionPolicy(r), nil
}

// UpdateRetentionPolicy implements PrivacyService.
func (p *Privacy) UpdateRetentionPolicy(ctx context.Context, req *gatewayv1.UpdateRetentionPolicyRequest) (*gatewayv1.RetentionPolicy, error) {
	patch := req.GetRetentionPolicy()
	n := patch.GetName()
	return once.Do(ctx, p.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.RetentionPolicy, error) {
		old, err := store.LockRetention(tx, name.Brand(n))
		if err != nil {
			return nil, err
		}
		merged := toRetentionPolicy(old)
		if patch.GetEtag() != "" && patch.GetEtag() != merged.GetEtag() {
			return nil, fault.Stale(n)
		}
		if err := mask.Apply(merged, patch, req.GetUpdateMask()); err != nil {
			return nil, err
		}
		if err := p.Validator.Message(merged); err != nil {
			return nil, resource.Within("retention_policy", err)
		}
		next := store.Retention{
			Brand: old.Brand, UpdateTime: resource.Now(), Version: old.Version + 1,
			Touchpoints: merged.GetTouchpoints().AsDuration(), FreeText: merged.GetFreeText().AsDuration(),
			Answers: merged.GetIdempotencyAnswers().AsDuration(), Deliveries: merged.GetWebhookDeliveries().AsDuration(),
		}
		store.SetRetention(tx, next)
		tx.AfterCommit(func() { p.told.Set(time.Now()) })
		return toRetentionPolicy(next), nil
	})
}

func toRetentionPolicy(r store.Retention) *gatewayv1.RetentionPolicy {
	m := &gatewayv1.RetentionPolicy{
		Name: name.Join("brands", r.Brand, "retentionPolicy"), Etag: resource.Etag(r.Version),
		Touchpoints: span(r.Touchpoints), FreeText: span(r.FreeText), IdempotencyAnswers: span(r.Answers),
		WebhookDeliveries: span(r.Deliveries),
	}
	if r.Version > 0 {
		m.UpdateTime = timestamppb.New(r.UpdateTime)
	}
	return m
}

func span(d time.Duration) *durationpb.Duration {
	if d == 0 {
		return nil
	}
	return durationpb.New(d)
}

// tell tells the services how long brands want what kept, and forgets old exports, until
// ctx ends.
func (p *Privacy) tell(ctx context.Context) {
	var forgotten time.Time
	for again := (worker.Retry{}); ctx.Err() == nil; {
		p.told.Clear()
		now := time.Now()
		r, found, err := p.Store.DueRetention(ctx, now, now.Add(tellEvery))
		if found && err == nil {
			err = p.tellAll(ctx, r)
		}
		if err == nil && now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			err = p.DB.Write(ctx, func(tx *sqldb.Tx) error { _, err := store.ForgetExports(tx, now); return err })
		}
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "services hear of a policy later", "err", err)
		}
		if again.Wait(ctx, err); !found && err == nil {
			p.told.Wait(ctx, time.Time{}, tellPoll)
		}
	}
}

// tellAll tells every service what a brand wants, and has it told again soon where that
// fails.
func (p *Privacy) tellAll(ctx context.Context, r store.Retention) error {
	req := &typev1.SetRetentionRequest{
		Parent: name.Join("brands", r.Brand), Version: r.Version,
		Records: span(r.Touchpoints), FreeText: span(r.FreeText), Answers: span(r.Answers),
	}
	call, cancel := context.WithTimeout(acting(ctx, r.Brand, "retention:run"), callFor)
	defer cancel()
	var failed []error
	for _, s := range p.Services {
		_, err := s.Client.SetRetention(call, req)
		failed = append(failed, err)
	}
	mine := &typev1.SetRetentionRequest{Parent: req.GetParent(), Version: r.Version, Records: span(r.Deliveries), Answers: span(r.Answers)}
	_, err := p.Own.SetRetention(call, mine)
	if err = errors.Join(append(failed, err)...); err == nil {
		return nil
	}
	return errors.Join(err, p.DB.Write(ctx, func(tx *sqldb.Tx) error {
		store.DelayRetention(tx, r, time.Now().Add(retryAfter))
		return nil
	}))
}
