package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	timerBatch  = 32               // tickets a transaction
	tellBatch   = 500              // tickets a transaction
	timerPoll   = 10 * time.Second // other replicas set timers too
	timerRepair = time.Minute      // a ticket that cannot be computed waits for somebody to repair it
)

// RunTimers warns and reports breaches as they come, until ctx ends. A late one says
// the same as one in time, as the instants are computed. Replicas may run it at the
// same time.
func (s *Server) RunTimers(ctx context.Context) {
	for again := (worker.Retry{}); ctx.Err() == nil; {
		s.sla.timers.Clear()
		next, err := s.ring(ctx)
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "sla timers are late", slog.String("error", err.Error()))
		}
		if again.Wait(ctx, err); err == nil {
			s.sla.timers.Wait(ctx, next, timerPoll)
		}
	}
}

// ring does all that is due and returns when there is more to do.
func (s *Server) ring(ctx context.Context) (time.Time, error) {
	for more := true; more; {
		err := s.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
			more, err = s.Store.TellChange(tx, time.Now(), tellBatch)
			return err
		})
		if err != nil {
			return time.Time{}, err
		}
	}
	for limit, n := timerBatch, timerBatch; n == limit; {
		var err error
		if n, err = s.wake(ctx, limit); err == nil {
			continue
		}
		if limit == 1 {
			return time.Time{}, err
		}
		limit, n = 1, 1 // so that one does not keep the others from being told
	}
	return s.Store.NextTimer(ctx)
}

// wake settles the clocks of up to limit tickets whose timers are due and returns how
// many there were. One alone that cannot be settled is put off.
func (s *Server) wake(ctx context.Context, limit int) (n int, err error) {
	var at store.Timer
	err = s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		due, err := s.Store.DueTimers(tx, time.Now(), limit)
		if err != nil {
			return err
		}
		n = len(due)
		for _, at = range due {
			if err := s.ripe(tx, at); err != nil {
				return err
			}
		}
		return nil
	})
	if err == nil || limit > 1 || at.Ticket == "" || ctx.Err() != nil || !damaged(err) {
		return n, err
	}
	slog.ErrorContext(ctx, "the clocks of a ticket cannot be computed",
		slog.String("ticket", ticketName(at.Brand, at.Ticket)), slog.String("error", err.Error()))
	at.Wake = time.Now().Add(timerRepair)
	return 1, s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		store.SetTimer(tx, at)
		return nil
	})
}

// ripe settles the clocks of a ticket whose timer is due.
func (s *Server) ripe(tx *sqldb.Tx, at store.Timer) error {
	t, err := store.ReadTicket(tx, at.Brand, at.Ticket)
	if errors.Is(err, store.ErrNotFound) {
		store.SetTimer(tx, store.Timer{Brand: at.Brand, Ticket: at.Ticket})
		return nil
	}
	if err != nil {
		return err
	}
	changed, err := s.recount(tx, t)
	if changed {
		stale(tx, t, t)
	}
	return err
}
