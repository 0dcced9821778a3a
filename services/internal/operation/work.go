package operation

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

const (
	leaseTime   = 30 * time.Second // of an operation or a part; who takes longer may lose it to another
	pollEvery   = 5 * time.Second  // another replica may have died
	forgetEvery = time.Hour        // old operations
)

// Run works on operations, one at a time, until ctx ends. Replicas may run it at the
// same time: one of them works on an operation, another goes on with it where that
// one fell silent.
func (d *Desk) Run(ctx context.Context) {
	d.observe(ctx)
	if !d.DB.Postgres() { // nobody else works, so what is held was held before the restart
		if err := d.DB.Write(ctx, func(tx *sqldb.Tx) error { release(tx); return nil }); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "operations wait for their leases", slog.String("error", err.Error()))
		}
	}
	var forgotten time.Time // when it last forgot old ones
	for again := (worker.Retry{}); ctx.Err() == nil; {
		d.Alarm.Clear()
		if now := resource.Now(); now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			d.forgetOld(ctx, now)
		}
		next, worked, err := d.work(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "an operation is delayed", slog.String("error", err.Error()))
		}
		if again.Wait(ctx, err); !worked && err == nil {
			d.Alarm.Wait(ctx, next, pollEvery)
		}
	}
}

// forgetOld removes old operations.
func (d *Desk) forgetOld(ctx context.Context, now time.Time) {
	err := d.DB.Write(ctx, func(tx *sqldb.Tx) error { forget(tx, now); dropLost(tx); return nil })
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "old operations are kept for longer", slog.String("error", err.Error()))
	}
}

// work claims one operation and works on it until it is finished, left to others or
// somebody else's. It reports whether there was one; where there is none it writes
// nothing, and returns when there will be one, if that is known.
func (d *Desk) work(ctx context.Context) (next time.Time, worked bool, err error) {
	next, err = free(ctx, d.DB)
	if err != nil || next.IsZero() {
		return next, false, err
	}
	if !next.Before(d.clock.now(ctx, d.DB)) {
		return time.Now().Add(d.clock.until(next)), false, nil
	}
	var (
		o     Operation
		found bool
	)
	now := d.clock.now(ctx, d.DB)
	err = d.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		o, found, err = claim(tx, d.DB, now, now.Add(leaseTime))
		return err
	})
	if err != nil || !found {
		return time.Time{}, false, err
	}
	for err == nil && o.EndTime.IsZero() {
		var mine bool
		if o, mine, err = d.step(ctx, o); err == nil && !mine {
			return time.Time{}, true, nil
		}
	}
	return time.Time{}, true, err
}

// step goes one step on with an operation, and reports whether it still is ours.
func (d *Desk) step(ctx context.Context, held Operation) (Operation, bool, error) {
	next, err := d.advance(ctx, held)
	left := false
	switch {
	case ctx.Err() != nil: // let another one have it at once
		next, left = held, true
		next.Lease = time.UnixMicro(0)
	case err != nil && fault.Reason(err) == "": // it would fail again
		next = held
		next.Code, next.EndTime = int32(d.codeOf(ctx, held, err)), resource.Now() //nolint:gosec // one of ours
	case err != nil:
		return held, true, err
	case !next.Lease.Equal(held.Lease):
		next.Lease, left = d.clock.there(next.Lease), true
	default:
		next.Lease = d.clock.now(ctx, d.DB).Add(leaseTime)
	}
	mine := false
	err = d.DB.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) (err error) {
		if mine, err = advance(tx, held, next); mine && next.Result != nil { // nobody has a part of it
			dropParts(tx, next.Brand, next.ID)
		}
		return err
	})
	if err == nil && mine && !next.EndTime.IsZero() {
		d.count(ctx, codes.Code(next.Code)) //nolint:gosec // one of ours
	}
	return next, mine && !left, err
}

// advance does one step of an operation.
func (d *Desk) advance(ctx context.Context, held Operation) (Operation, error) {
	s, err := d.split(held)
	switch {
	case err != nil:
		return held, err
	case s != nil:
		return d.goOn(ctx, held, s)
	}
	return d.Step(ctx, held)
}

// split returns how an operation is done in parts, or nil.
func (d *Desk) split(o Operation) (*Split, error) {
	if d.Split == nil {
		return nil, nil //nolint:nilnil // as the field has it
	}
	return d.Split(o)
}
