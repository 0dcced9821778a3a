package bus

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"runtime/debug"
	"strings"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An applier applies events to the database of one service.
type applier struct {
	db        *sqldb.DB
	handle    func(*sqldb.Tx, *eventv1.Event) error
	handleAll func(*sqldb.Tx, []*eventv1.Event) error
}

// handled finds a row if the event $1 is in the inbox, or the key $3 of the brand $2 is
// stopped.
const handled = `SELECT 1 FROM inbox WHERE id = $1 UNION ALL SELECT 1 FROM stopped_key WHERE brand = $2 AND key = $3`

// once applies e unless that was done, or parks it where its key is stopped. It reports
// whether there was nothing to do.
func (a *applier) once(ctx context.Context, e *eventv1.Event, payload []byte) (known bool, err error) {
	ask := sqldb.Ask{Query: handled, Key: []string{e.GetId(), brandOf(e), e.GetKey()}, Look: true}
	attempt := func(tx *sqldb.Tx) (err error) {
		known = false
		err = tx.Asked().Scan(new(int))
		switch {
		case errors.Is(err, sql.ErrNoRows):
			tx.Finally(`INSERT INTO inbox (id, create_time) VALUES ($1, $2)`, e.GetId(), sqldb.Micros(time.Now()))
			return a.call(tx, e)
		case err != nil:
			return err
		}
		known, err = a.park(tx, e, payload)
		return err
	}
	err = a.db.WriteAsking(ctx, ask, attempt)
	if sqldb.Unique(err) { // another delivery was applied in the meantime
		err = a.db.WriteAsking(ctx, ask, attempt)
	}
	return known && err == nil, err
}

// park puts e in the line of its stopped key, or finds that it is known, or that
// the line has ended in the meantime.
func (a *applier) park(tx *sqldb.Tx, e *eventv1.Event, payload []byte) (known bool, err error) {
	var position int64
	// Waits until nobody else changes the line, and keeps it so.
	err = tx.QueryRow(`UPDATE stopped_key SET arrivals = arrivals + 1 WHERE brand = $1 AND key = $2 RETURNING arrivals`,
		brandOf(e), e.GetKey()).Scan(&position)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, err
	}
	stopped := err == nil
	known, err = a.know(tx, e)
	switch {
	case err != nil || known:
		return known, err
	case stopped:
		insertLetter(tx, e, letter{position: position, payload: payload})
		return false, nil
	}
	return false, a.call(tx, e)
}

// putAside makes e a dead letter, unless it was dealt with.
func (a *applier) putAside(ctx context.Context, e *eventv1.Event, payload []byte, reason string, attempts int) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		var position int64
		err := tx.QueryRow(`
			INSERT INTO stopped_key (brand, key, arrivals) VALUES ($1, $2, 1)
			ON CONFLICT (brand, key) DO UPDATE SET arrivals = stopped_key.arrivals + 1
			RETURNING arrivals`, brandOf(e), e.GetKey()).Scan(&position)
		if err != nil {
			return err
		}
		known, err := a.know(tx, e)
		if err != nil {
			return err
		}
		if known {
			return release(tx, brandOf(e), e.GetKey())
		}
		insertLetter(tx, e, letter{position: position, payload: payload, reason: reason, attempts: attempts})
		return nil
	})
}

// know puts e in the inbox and reports whether it was there.
func (a *applier) know(tx *sqldb.Tx, e *eventv1.Event) (bool, error) {
	n, err := tx.Exec(`INSERT INTO inbox (id, create_time) VALUES ($1, $2) ON CONFLICT (id) DO NOTHING`,
		e.GetId(), sqldb.Micros(time.Now()))
	return n == 0, err
}

// call runs the handler and turns its panic into an error that does not pass.
func (a *applier) call(tx *sqldb.Tx, e *eventv1.Event) (err error) {
	defer func() {
		if p := recover(); p != nil {
			err = &fault.Error{
				Code: codes.Internal, Reason: "PANIC", Message: "the handler of the event panicked",
				Cause: fmt.Errorf("%v\n%s", p, debug.Stack()),
			}
		}
	}()
	return a.handle(tx, e)
}

// probe returns an error while the database takes no writes.
func (a *applier) probe(ctx context.Context) error {
	return a.db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE stopped_key SET arrivals = arrivals WHERE brand = '' AND key = '' AND arrivals < 0`)
		return err
	})
}

// forget removes the events that cannot come again from the inbox.
func (a *applier) forget(ctx context.Context, now time.Time) error {
	return batches(ctx, a.db, `
		DELETE FROM inbox WHERE id IN (
		  SELECT id FROM inbox WHERE create_time < $1 ORDER BY create_time LIMIT 1000)`,
		sqldb.Micros(now.Add(-remember)))
}

// unreachable reports whether err says that the database takes no writes.
func unreachable(err error) bool {
	reason := fault.Reason(err)
	return strings.HasPrefix(reason, "STORAGE_") && reason != "STORAGE_TIMEOUT"
}

// passing reports whether the same event may be applied later.
func passing(err error) bool {
	if errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || sqldb.Unique(err) {
		return true
	}
	switch status.Code(err) {
	case codes.Unavailable, codes.Aborted, codes.ResourceExhausted, codes.DeadlineExceeded, codes.Canceled:
		return true
	}
	return unreachable(err)
}

// reasonOf returns the stable reason of a failure.
func reasonOf(err error, damaged bool) string {
	if damaged {
		return "UNDECODABLE"
	}
	if reason := fault.Reason(err); reason != "" {
		return reason
	}
	return "INTERNAL"
}

// loggable returns what a log may say of err: the message of a fault may name a
// customer, its cause does not.
func loggable(err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f.Cause
	}
	return err
}
