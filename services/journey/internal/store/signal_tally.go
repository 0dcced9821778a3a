package store

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

// hour is the length of what one tally is about, in microseconds.
const hour = int64(time.Hour / time.Microsecond)

// perDay is how many hours a day has, in UTC.
const perDay = 24

// HourOf returns the number of the hour since 1970 that t falls into.
func HourOf(t time.Time) int64 { return sqldb.Micros(t) / hour }

// A Mark says that the tallies of an hour are out of date. The stamp is another one
// with each change.
type Mark struct{ Hour, Stamp int64 }

// MarkHours notes that touchpoints of some hours have changed, in the order of the
// hours, which must rise.
func MarkHours(tx *sqldb.Tx, brand string, hours []int64) {
	stamp := rand.Int64() //nolint:gosec // no secret
	for _, h := range hours {
		tx.Defer(`INSERT INTO signal_mark (brand, hour, stamp) VALUES ($1, $2, $3)
			ON CONFLICT (brand, hour) DO UPDATE SET stamp = excluded.stamp`, brand, h, stamp)
	}
}

// Marks returns up to limit marks of a brand, the oldest hour first and none after last.
func (s *Store) Marks(ctx context.Context, brand string, last int64, limit int) ([]Mark, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT hour, stamp FROM signal_mark WHERE brand = $1 AND hour <= $2 ORDER BY hour LIMIT $3`,
		brand, last, limit)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (m Mark, err error) {
		return m, scan(&m.Hour, &m.Stamp)
	})
	return all, sqldb.Fault(err)
}

// Unmark takes marks away, unless there was another change since.
func Unmark(tx *sqldb.Tx, brand string, marks []Mark) {
	for _, m := range marks {
		tx.Defer(`DELETE FROM signal_mark WHERE brand = $1 AND hour = $2 AND stamp = $3`, brand, m.Hour, m.Stamp)
	}
}

// BusyHours returns the hours from one to before another in which the brand has
// touchpoints, in rising order.
func (s *Store) BusyHours(ctx context.Context, brand string, from, to int64) (hours []int64, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT DISTINCT event_time / 3600000000 FROM touchpoint
		WHERE brand = $1 AND event_time >= $2 AND event_time < $3 ORDER BY 1`, brand, from*hour, to*hour)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	hours, err = table.All(rows, func(scan func(...any) error) (h int64, err error) { return h, scan(&h) })
	return hours, sqldb.Fault(err)
}

// A Tallied is the tally of a definition in an hour.
type Tallied struct {
	Hour       int64
	Definition string
	Tally      signal.Tally
}

// Count returns the tallies of the touchpoints of the hours from one to before
// another, as they are now.
func (s *Store) Count(ctx context.Context, brand string, from, to int64) ([]Tallied, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT hour, definition, SUM(known), SUM(unmet), SUM(judged), SUM(failed) FROM (
		  SELECT t.event_time / 3600000000 AS hour, t.definition AS definition,
		    CASE WHEN t.expectation <> 0 THEN 1 ELSE 0 END AS known,
		    CASE WHEN t.expectation = 1 THEN 1 ELSE 0 END AS unmet,
		    CASE WHEN t.expectation <> 0 OR t.rating IS NOT NULL THEN 1 ELSE 0 END AS judged,
		    CASE WHEN TRUE`+failed+` THEN 1 ELSE 0 END AS failed
		  FROM touchpoint t WHERE t.brand = $1 AND t.event_time >= $2 AND t.event_time < $3`+present+`) AS each
		GROUP BY hour, definition`, brand, from*hour, to*hour)
	if err != nil {
		return nil, fmt.Errorf("count touchpoints: %w", sqldb.Fault(err))
	}
	all, err := table.All(rows, func(scan func(...any) error) (t Tallied, err error) {
		return t, scan(&t.Hour, &t.Definition, &t.Tally.Known, &t.Tally.Unmet, &t.Tally.Judged, &t.Tally.Failed)
	})
	return all, sqldb.Fault(err)
}

// SetTallies replaces the tallies of marked hours by those of all, unless there was
// another change since.
func SetTallies(tx *sqldb.Tx, brand string, marks []Mark, all map[int64][]Tallied) error {
	changed := map[int64]bool{} // days
	for _, m := range marks {
		n, err := tx.Exec(`UPDATE signal_mark SET stamp = stamp WHERE brand = $1 AND hour = $2 AND stamp = $3`, brand, m.Hour, m.Stamp)
		if err != nil {
			return err
		}
		if n == 0 {
			continue
		}
		changed[m.Hour/perDay] = true
		tx.Defer(`DELETE FROM signal_tally WHERE brand = $1 AND hour = $2`, brand, m.Hour)
		for _, t := range all[m.Hour] {
			tx.Defer(`INSERT INTO signal_tally (brand, hour, definition, known, unmet, judged, failed) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
				brand, t.Hour, t.Definition, t.Tally.Known, t.Tally.Unmet, t.Tally.Judged, t.Tally.Failed)
		}
	}
	for _, day := range slices.Sorted(maps.Keys(changed)) {
		tx.Defer(`DELETE FROM signal_day WHERE brand = $1 AND day = $2`, brand, day)
		tx.Defer(`
			INSERT INTO signal_day (brand, day, definition, known, unmet, judged, failed)
			SELECT brand, CAST($1 AS BIGINT), definition, SUM(known), SUM(unmet), SUM(judged), SUM(failed) FROM signal_tally
			WHERE brand = $2 AND hour >= $3 AND hour < $4 GROUP BY brand, definition`, day, brand, day*perDay, (day+1)*perDay)
	}
	return nil
}

// Tallies returns how the touchpoints of a time, in whole hours, went, by definition. What
// it reads grows with the days of that time, and with nothing else.
func (s *Store) Tallies(ctx context.Context, brand string, span signal.Span) (map[string]signal.Tally, error) {
	from, to := HourOf(span.Start), HourOf(span.End)
	first, last := (from+perDay-1)/perDay, to/perDay // whole days, to before the last
	early, late := first*perDay, last*perDay
	if first >= last {
		early, late = to, to
	}
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT definition, SUM(known), SUM(unmet), SUM(judged), SUM(failed) FROM (
		  SELECT definition, known, unmet, judged, failed FROM signal_tally WHERE brand = $1 AND hour >= $2 AND hour < $3
		  UNION ALL
		  SELECT definition, known, unmet, judged, failed FROM signal_tally WHERE brand = $1 AND hour >= $4 AND hour < $5
		  UNION ALL
		  SELECT definition, known, unmet, judged, failed FROM signal_day WHERE brand = $1 AND day >= $6 AND day < $7) AS part
		GROUP BY definition`, brand, from, early, late, to, first, last)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	defer rows.Close()
	all := map[string]signal.Tally{}
	for rows.Next() {
		var (
			definition string
			t          signal.Tally
		)
		if err := rows.Scan(&definition, &t.Known, &t.Unmet, &t.Judged, &t.Failed); err != nil {
			return nil, err
		}
		all[definition] = t
	}
	return all, sqldb.Fault(rows.Err())
}

// HourStart returns when an hour begins.
func HourStart(h int64) time.Time { return sqldb.Time(h * hour) }
