package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

// How long the figures of a signal are good for: a hundredth of its window, within
// these; and once the window is over for a day, the longest.
const (
	briefly = time.Minute
	longest = time.Hour
)

// refresh is when the figures of a signal are due, in a column that is NULL once it
// is closed. It follows from the other fields, and reads as nothing.
type refresh struct{ of *Signal }

// Scan implements [database/sql.Scanner].
func (refresh) Scan(any) error { return nil }

// Value implements [driver.Valuer].
func (r refresh) Value() (driver.Value, error) {
	v := r.of
	if v.State.Closed() {
		return nil, nil
	}
	after := min(max(v.Window.End.Sub(v.Window.Start)/100, briefly), longest)
	if v.Figures.At.After(v.Window.End.Add(24 * time.Hour)) {
		after = longest
	}
	return sqldb.Micros(v.Figures.At.Add(after)), nil
}

// Conditions on a touchpoint t.
const (
	present = ` AND t.retract_time IS NULL`
	unmet   = ` AND t.expectation = 1`
	failed  = ` AND (t.expectation = 1 OR t.expectation = 0 AND ` + worse + `)`

	// worse is a rating in the worse half of its scale.
	worse = `t.rating IS NOT NULL AND
	  2 * (CASE WHEN t.lower_is_better = 1 THEN t.scale_max - t.rating ELSE t.rating - t.scale_min END) < t.scale_max - t.scale_min`
)

// affected adds the query for the customers that v happened to, and when it first did.
func affected(q *sqldb.Query, v *Signal) {
	const links = ` LEFT JOIN customer_link l ON l.brand = t.brand AND l.member = t.customer WHERE t.brand = ?`
	q.Add(`SELECT COALESCE(l.root, t.customer) AS customer, MIN(t.event_time) AS began FROM `)
	if !v.Kind.Counts() {
		q.Add(`signal_customer t`+links+` AND t.signal = ?`, v.Brand, v.ID)
	} else {
		q.Add(`touchpoint t`+links+` AND t.event_time >= ? AND t.event_time < ? AND t.definition = ?`+present,
			v.Brand, sqldb.Micros(v.Window.Start), sqldb.Micros(v.Window.End), v.Definition)
		if v.Kind == signal.Broken {
			q.Add(failed)
		} else {
			q.Add(unmet)
		}
	}
	q.Add(` GROUP BY 1`)
}

// since adds a condition on the customer a of affected: there is a touchpoint of a kind
// that more picks.
func since(q *sqldb.Query, v *Signal, more string, args ...any) {
	q.Add(`(EXISTS (SELECT 1 FROM touchpoint t WHERE t.brand = ? AND t.customer = a.customer AND t.event_time > a.began`+present, v.Brand)
	q.Add(more, args...)
	// CROSS, as else SQLite looks for the time first and reads all that came after.
	q.Add(`) OR EXISTS (SELECT 1 FROM customer_link l CROSS JOIN touchpoint t
	  WHERE l.brand = ? AND l.root = a.customer AND t.brand = l.brand AND t.customer = l.member AND t.event_time > a.began`+present, v.Brand)
	q.Add(more, args...)
	q.Add(`))`)
}

// contacted picks the touchpoints by which customers tell.
const contacted = ` AND t.is_service = 1`

// Figures counts the customers of v, and those who have been silent for as long as
// patience.
func (s *Store) Figures(ctx context.Context, v *Signal, now time.Time, patience time.Duration) (SignalFigures, int64, error) {
	return s.figures(ctx, v, now, patience, func(q *sqldb.Query) { affected(q, v) })
}

// Fallen is [Store.Figures] of a signal that is still to be opened, of the customers whose
// score fell with the time since when.
func (s *Store) Fallen(ctx context.Context, v *Signal, now time.Time, fell map[string]time.Time) (SignalFigures, error) {
	if len(fell) == 0 {
		return SignalFigures{At: now}, nil
	}
	f, _, err := s.figures(ctx, v, now, 0, func(q *sqldb.Query) {
		q.WriteString(`SELECT column1 AS customer, column2 AS began FROM (VALUES `)
		for i, customer := range slices.Sorted(maps.Keys(fell)) {
			if i > 0 {
				q.WriteString(`, `)
			}
			q.Add(`(CAST(? AS TEXT), CAST(? AS BIGINT))`, customer, sqldb.Micros(fell[customer]))
		}
		q.WriteString(`) AS fell`)
	})
	return f, err
}

func (s *Store) figures(ctx context.Context, v *Signal, now time.Time, patience time.Duration, of func(*sqldb.Query)) (f SignalFigures, long int64, err error) {
	var q sqldb.Query
	q.Add(`SELECT COUNT(*), COALESCE(SUM(1 - told), 0), COALESCE(SUM(reached), 0),
	    COALESCE(SUM(CASE WHEN told = 0 AND began <= ? THEN 1 ELSE 0 END), 0) FROM (
	  SELECT a.began AS began, CASE WHEN `, sqldb.Micros(now.Add(-patience)))
	since(&q, v, contacted)
	q.Add(` THEN 1 ELSE 0 END AS told, CASE WHEN `)
	if v.Action.Definition == "" {
		q.Add(`1 = 0`)
	} else {
		since(&q, v, ` AND t.event_time >= ? AND t.definition = ?`, sqldb.Micros(v.Acted), v.Action.Definition)
	}
	q.Add(` THEN 1 ELSE 0 END AS reached FROM (`)
	of(&q)
	q.Add(`) AS a) AS counted`)
	f.At = now
	err = s.db.Read().QueryRowContext(ctx, q.String(), q.Args...).Scan(&f.Affected, &f.Silent, &f.Reached, &long)
	if err != nil {
		return f, 0, fmt.Errorf("count customers of a signal: %w", sqldb.Fault(err))
	}
	return f, long, nil
}

// SilentFor counts the customers of v who said nothing for as long as patience.
func (s *Store) SilentFor(ctx context.Context, v *Signal, patience time.Duration) (n int64, err error) {
	var q sqldb.Query
	q.Add(`SELECT COUNT(*) FROM (`)
	affected(&q, v)
	q.Add(`) AS a WHERE NOT `)
	since(&q, v, contacted+` AND t.event_time <= a.began + ?`, patience.Microseconds())
	if err = s.db.Read().QueryRowContext(ctx, q.String(), q.Args...).Scan(&n); err != nil {
		return 0, fmt.Errorf("count customers of a signal: %w", sqldb.Fault(err))
	}
	return n, nil
}

// SetFigures keeps the figures of v, which is no change that anybody waits for.
func SetFigures(tx *sqldb.Tx, v Signal) {
	tx.Defer(`UPDATE signal SET affected_count = $1, silent_count = $2, reached_count = $3, evaluate_time = $4, refresh_time = $5
		WHERE brand = $6 AND id = $7 AND version = $8`, v.Figures.Affected, v.Figures.Silent, v.Figures.Reached,
		table.Micros{Of: &v.Figures.At}, refresh{&v}, v.Brand, v.ID, v.Version)
}

// An Affected is a customer that a signal happened to.
type Affected struct {
	Customer string
	First    time.Time
	Silent   bool
}

// AffectedBy returns up to limit customers of v after one, by id.
func (s *Store) AffectedBy(ctx context.Context, v *Signal, silentOnly bool, after string, limit int) ([]Affected, error) {
	var q sqldb.Query
	q.Add(`SELECT customer, began, told FROM (SELECT a.customer AS customer, a.began AS began, CASE WHEN `)
	since(&q, v, contacted)
	q.Add(` THEN 1 ELSE 0 END AS told FROM (`)
	affected(&q, v)
	q.Add(`) AS a WHERE a.customer > ?) AS b`, after)
	if silentOnly {
		q.Add(` WHERE told = 0`)
	}
	q.Add(` ORDER BY customer LIMIT ?`, limit)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("list customers of a signal: %w", sqldb.Fault(err))
	}
	all, err := table.All(rows, func(scan func(...any) error) (a Affected, err error) {
		told := false
		err = scan(&a.Customer, table.Micros{Of: &a.First}, table.Flag{Of: &told})
		a.Silent = !told
		return a, err
	})
	return all, sqldb.Fault(err)
}

// DueSignals returns up to limit signals whose figures are due.
func (s *Store) DueSignals(ctx context.Context, now time.Time, limit int) ([]Signal, error) {
	return s.signals(s.db.Read().QueryContext(ctx, `SELECT `+Signals.Read()+` FROM signal
		WHERE refresh_time IS NOT NULL AND refresh_time <= $1 ORDER BY refresh_time LIMIT $2`, sqldb.Micros(now), limit))
}

// LockExpired returns up to limit signals on which nobody acted in time. Nobody else
// has them until the transaction ends.
func (s *Store) LockExpired(tx *sqldb.Tx, now time.Time, limit int) ([]Signal, error) {
	return s.signals(tx.Query(`SELECT `+Signals.Read()+` FROM signal
		WHERE state IN (1, 2) AND expire_time <= $1 ORDER BY expire_time LIMIT $2`+s.db.SkipLocked(), sqldb.Micros(now), limit))
}

func (s *Store) signals(rows *sql.Rows, err error) ([]Signal, error) {
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, Signals.Scan)
	return all, sqldb.Fault(err)
}

// Signal returns one signal, or [table.ErrNotFound].
func (s *Store) Signal(ctx context.Context, brand, id string) (Signal, error) {
	v, err := Signals.Scan(s.db.Read().QueryRowContext(ctx,
		`SELECT `+Signals.Read()+` FROM signal WHERE brand = $1 AND id = $2`, brand, id).Scan)
	return v, sqldb.Fault(err)
}
