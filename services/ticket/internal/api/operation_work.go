package api

import (
	"context"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	leaseTime     = 30 * time.Second // of an operation; a step takes much less
	operationPoll = 5 * time.Second  // another replica may have died
	forgetEvery   = time.Hour        // old operations
)

// RunOperations works on operations, one at a time, until ctx ends. Replicas may run
// it at the same time: one of them works on an operation, another goes on with it
// where that one fell silent.
func (s *Server) RunOperations(ctx context.Context) {
	if !s.DB.Postgres() { // nobody else works, so what is held was held before the restart
		if err := s.DB.Write(ctx, func(tx *sqldb.Tx) error { store.ReleaseOperations(tx); return nil }); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "operations wait for their leases", slog.String("error", err.Error()))
		}
	}
	var forgotten time.Time // when it last forgot old ones
	for again := (retry{}); ctx.Err() == nil; {
		s.sla.operations.clear()
		if now := resource.Now(); now.Sub(forgotten) >= forgetEvery {
			forgotten = now
			s.forgetOperations(ctx, now)
		}
		worked, err := s.work(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "an operation is delayed", slog.String("error", err.Error()))
		}
		if again.wait(ctx, err); !worked && err == nil {
			s.sla.operations.wait(ctx, time.Time{}, operationPoll)
		}
	}
}

// forgetOperations removes old operations.
func (s *Server) forgetOperations(ctx context.Context, now time.Time) {
	err := s.DB.Write(ctx, func(tx *sqldb.Tx) error { store.ForgetOperations(tx, now); return nil })
	if err != nil && ctx.Err() == nil {
		slog.WarnContext(ctx, "old operations are kept for longer", slog.String("error", err.Error()))
	}
}

// work claims one operation and works on it until it is finished or somebody else's.
// It reports whether there was one. Where there is none it writes nothing.
func (s *Server) work(ctx context.Context) (bool, error) {
	waiting, err := s.Store.OperationWaits(ctx, resource.Now())
	if err != nil || !waiting {
		return false, err
	}
	var o store.Operation
	err = s.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
		now := resource.Now()
		o, waiting, err = s.Store.ClaimOperation(tx, now, now.Add(leaseTime))
		return err
	})
	if err != nil || !waiting {
		return false, err
	}
	for err == nil && o.EndTime.IsZero() {
		var mine bool
		if o, mine, err = s.step(ctx, o); err == nil && !mine {
			return true, nil
		}
	}
	return true, err
}

// step goes one step on with an operation, and reports whether it still is ours.
func (s *Server) step(ctx context.Context, held store.Operation) (store.Operation, bool, error) {
	next, err := s.simulate(ctx, held)
	switch {
	case ctx.Err() != nil: // let another one have it at once
		next = held
		next.Lease = time.UnixMicro(0)
	case err != nil && fault.Reason(err) == "": // it would fail again
		slog.ErrorContext(ctx, "an operation has failed", slog.String("operation", operationName(held)), slog.String("error", err.Error()))
		next = held
		next.Code, next.EndTime = int32(codes.Internal), resource.Now()
	case err != nil:
		return held, true, err
	default:
		next.Lease = resource.Now().Add(leaseTime)
	}
	mine := false
	err = s.DB.Write(context.WithoutCancel(ctx), func(tx *sqldb.Tx) (err error) {
		mine, err = store.Advance(tx, held, next)
		return err
	})
	return next, mine && next.Lease.UnixMicro() != 0, err
}
