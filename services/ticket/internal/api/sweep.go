package api

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// quiet is how long nobody has written a ticket before the sweep closes it: a history
// that is still being told, event by event, is not cut short.
const quiet = time.Hour

// Sweep closes tickets whose reopen window has ended and removes deleted ones for
// good, as of now. Several replicas may sweep at a time.
func (s *Server) Sweep(ctx context.Context, now time.Time) error {
	return errors.Join(s.closeDue(ctx, now), s.purge(ctx, now))
}

// closeDue closes tickets, a few at a time so that others can write in between. One
// that cannot be closed does not keep the others open.
func (s *Server) closeDue(ctx context.Context, now time.Time) error {
	for stuck := 0; ; {
		due, err := s.Store.Due(ctx, now.Add(-lifecycle.ReopenWindow), now.Add(-quiet), stuck)
		if err != nil || len(due) == 0 {
			return err
		}
		if s.expireAll(ctx, now, due...) == nil {
			continue
		}
		for _, key := range due {
			err := s.expireAll(ctx, now, key)
			if err == nil {
				continue
			}
			if ctx.Err() != nil || !damaged(err) {
				return err
			}
			stuck++
			slog.ErrorContext(ctx, "a ticket cannot be closed",
				slog.String("ticket", ticketName(key.Brand, key.ID)), slog.String("error", err.Error()))
		}
	}
}

// damaged reports whether an error is about the ticket that was read rather than about
// the database.
func damaged(err error) bool {
	code := status.Code(err)
	return code == codes.Unknown || code == codes.InvalidArgument
}

// expireAll closes tickets in one transaction.
func (s *Server) expireAll(ctx context.Context, now time.Time, due ...store.Key) error {
	return s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		for _, key := range due {
			if err := s.expire(tx, key, now); err != nil {
				return err
			}
		}
		return nil
	})
}

// expire closes a ticket, unless somebody else has moved it. What was imported is
// closed without a word, unless something has happened to it here: the others have not
// heard of it.
func (s *Server) expire(tx *sqldb.Tx, key store.Key, now time.Time) error {
	before, err := store.ReadTicket(tx, key.Brand, key.ID)
	if err != nil || before.Status.State != lifecycle.Resolved {
		if errors.Is(err, store.ErrNotFound) {
			return nil
		}
		return err
	}
	after := before
	if after.Status, err = before.Status.Close(now); err != nil {
		return err
	}
	m := move{brand: key.Brand, id: key.ID, at: after.Status.CloseTime, now: now}
	after.Version, after.UpdateTime = before.Version+1, now
	written, err := store.Move(tx, before, after, m.at)
	if err != nil || !written {
		return err
	}
	m.record(tx, before, after, []store.Event{{Kind: store.Closed}})
	if !imported(before) {
		s.Outbox.Emit(tx, stateChanged(before, after, m.at))
	}
	return s.moved(tx, before, after)
}

// purge removes tickets that were deleted long enough ago.
func (s *Server) purge(ctx context.Context, now time.Time) error {
	for {
		gone := false
		err := s.DB.Write(ctx, func(tx *sqldb.Tx) (err error) {
			gone, err = store.Purge(tx, now.Add(-store.Keep))
			return err
		})
		if err != nil || !gone {
			return err
		}
	}
}
