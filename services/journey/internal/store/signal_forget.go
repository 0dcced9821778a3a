package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ForgetSignals removes up to limit signals that were closed before a time, with their
// customers, and returns how many.
func ForgetSignals(tx *sqldb.Tx, before time.Time, limit int) (int, error) {
	rows, err := tx.Query(`DELETE FROM signal WHERE (brand, id) IN (
		SELECT brand, id FROM signal WHERE close_time < $1 ORDER BY close_time LIMIT $2) RETURNING brand, id`, sqldb.Micros(before), limit)
	if err != nil {
		return 0, err
	}
	gone, err := table.All(rows, func(scan func(...any) error) (v Signal, err error) { return v, scan(&v.Brand, &v.ID) })
	for _, v := range gone {
		tx.Defer(`DELETE FROM signal_customer WHERE brand = $1 AND signal = $2`, v.Brand, v.ID)
	}
	return len(gone), err
}

// NextTallied returns the next brand by name that has tallies: "" after the last.
func (s *Store) NextTallied(ctx context.Context, after string) (brand string, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT brand FROM signal_day WHERE brand > $1 ORDER BY brand LIMIT 1`, after).Scan(&brand)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return brand, sqldb.Fault(err)
}

// ForgetTallies removes tallies of a brand that no rule looks at any more, the oldest first:
// of about limit definitions and hours, or days, and reports whether there are more. Without
// a rule all go. Who follows the rules must be kept away meanwhile.
func ForgetTallies(tx *sqldb.Tx, brand string, now time.Time, limit int) (more bool, err error) {
	day := int64(math.MaxInt32) // later than any
	var back time.Duration
	err = tx.QueryRow(`SELECT back FROM signal_watch WHERE brand = $1`, brand).Scan(table.Span{Of: &back})
	switch {
	case err == nil:
		day = HourOf(now.Add(-back)) / perDay
	case !errors.Is(err, sql.ErrNoRows):
		return false, err
	}
	// The days come last, as they tell that there is something left.
	if more, err = forgetBefore(tx, "signal_tally", "hour", brand, day*perDay, limit); err != nil || more {
		return more, err
	}
	return forgetBefore(tx, "signal_day", "day", brand, day, limit)
}

// forgetBefore removes about limit rows of a brand whose column is before a number, and
// reports whether there are more. It goes by whole numbers, so that it is one range of the
// key.
func forgetBefore(tx *sqldb.Tx, of, column, brand string, before int64, limit int) (more bool, err error) {
	var last int64
	err = tx.QueryRow(`SELECT `+column+` FROM `+of+` WHERE brand = $1 AND `+column+` < $2 ORDER BY `+column+` LIMIT 1 OFFSET $3`,
		brand, before, limit).Scan(&last)
	switch {
	case errors.Is(err, sql.ErrNoRows):
		last = before - 1
	case err != nil:
		return false, err
	default:
		more = true
	}
	tx.Defer(`DELETE FROM `+of+` WHERE brand = $1 AND `+column+` <= $2`, brand, last)
	return more, nil
}
