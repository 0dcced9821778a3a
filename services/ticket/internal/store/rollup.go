package store

import (
	"context"
	"database/sql"
	"errors"
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// MarkStale notes that tickets opened on a day have changed.
func MarkStale(tx *sqldb.Tx, brand string, day almanac.Period, now time.Time) {
	tx.Defer(`INSERT INTO rollup_stale (brand, day, id, mark_time) VALUES ($1, $2, $3, $4)`,
		brand, day, name.NewID(), sqldb.Micros(now))
}

// MarkRepeated notes that t, which was opened in the past, may be why an earlier
// ticket's resolution did not last.
func MarkRepeated(tx *sqldb.Tx, t Ticket, now time.Time) {
	opened := sqldb.Micros(t.OpenTime)
	tx.Defer(`
		INSERT INTO rollup_stale (brand, id, day, mark_time)
		SELECT CAST($1 AS TEXT), CAST($2 AS TEXT) || CAST(day AS TEXT), day, CAST($3 AS BIGINT)
		FROM (
			SELECT DISTINCT open_time / 86400000000 AS day FROM ticket
			WHERE brand = $1 AND customer = $4 AND issue_kind = $5 AND resolve_time > $6 AND resolve_time <= $7 AND id <> $8
		) AS earlier`,
		t.Brand, name.NewID()+"-", sqldb.Micros(now), t.Customer, t.IssueKind, opened-Week.Microseconds(), opened, t.ID)
}

// Dismissed reports whether t is left out of every count.
func (t *Ticket) Dismissed() bool {
	return !t.DeleteTime.IsZero() || t.Status.State == lifecycle.Merged
}

// Asked reports whether the customer opened t.
func (t *Ticket) Asked() bool { return t.Origin == originInbound }

// A Head says how far a brand is rolled up.
type Head struct {
	Through almanac.Period // the first day that is not
	Version int64          // 0 before the first time
}

// Head returns the brand's.
func (s *Snapshot) Head(brand string) (h Head, err error) {
	err = s.QueryRow(`SELECT through, version FROM rollup_head WHERE brand = $1`, brand).Scan(&h.Through, &h.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{Through: math.MinInt64}, nil
	}
	return h, sqldb.Fault(err)
}

// Fresh returns which of the brand's roll-ups hold at a time.
func (s *Snapshot) Fresh(brand string, now time.Time) (almanac.Fresh, error) {
	head, err := s.Head(brand)
	f := almanac.Fresh{Through: head.Through, Stale: map[almanac.Period]bool{}}
	if err != nil {
		return f, err
	}
	var q sqldb.Query
	q.Add(staleDays, brand, brand, brand, sqldb.Micros(now))
	return f, s.each(&q, func(scan func(...any) error) error {
		var day int64
		err := scan(&day)
		f.Stale[day] = true
		return err
	})
}

// staleDays looks each day that is marked up after the last: DISTINCT would read all
// marks.
const staleDays = `
	WITH RECURSIVE stale (day) AS (
		SELECT MIN(day) FROM rollup_stale WHERE brand = ?
		UNION ALL
		SELECT (SELECT MIN(m.day) FROM rollup_stale m WHERE m.brand = ? AND m.day > stale.day) FROM stale WHERE stale.day IS NOT NULL
	)
	SELECT day FROM stale WHERE day IS NOT NULL
	UNION SELECT day FROM rollup_day WHERE brand = ? AND due <= ? AND due < 9223372036854775807`

// A Part is a roll-up of the store.
type Part struct {
	Period almanac.Period
	Bytes  []byte
}

// Days calls visit with the pages of days, for [rollup.Unpack].
func (s *Snapshot) Days(brand string, days almanac.Range, visit func(Part) error) error {
	return s.parts(`SELECT day, page FROM rollup_day WHERE brand = ? AND day >= ? AND day < ? ORDER BY day`, visit, brand, days.From, days.To)
}

// Months calls visit with the cells of a family, for [rollup.EachCell].
func (s *Snapshot) Months(brand string, family int, months almanac.Range, visit func(Part) error) error {
	return s.parts(`SELECT month, cells FROM rollup_month WHERE brand = ? AND family = ? AND month >= ? AND month < ? ORDER BY month`,
		visit, brand, family, months.From, months.To)
}

// DayFlows calls visit with the flows of days, for [rollup.EachFlow].
func (s *Snapshot) DayFlows(brand string, days almanac.Range, visit func(Part) error) error {
	return s.parts(`SELECT day, page FROM rollup_flow_day WHERE brand = ? AND day >= ? AND day < ? ORDER BY day`, visit, brand, days.From, days.To)
}

// MonthFlows calls visit with the flows of a family, for [rollup.EachNet].
func (s *Snapshot) MonthFlows(brand string, family int, months almanac.Range, visit func(Part) error) error {
	return s.parts(`SELECT month, cells FROM rollup_flow_month WHERE brand = ? AND family = ? AND month >= ? AND month < ? ORDER BY month`,
		visit, brand, family, months.From, months.To)
}

func (s *Snapshot) parts(text string, visit func(Part) error, args ...any) error {
	var q sqldb.Query
	q.Add(text, args...)
	return s.each(&q, func(scan func(...any) error) error {
		var p Part
		var raw sql.RawBytes
		if err := scan(&p.Period, &raw); err != nil {
			return err
		}
		p.Bytes = append([]byte(nil), raw...)
		return visit(p)
	})
}

// A Mark says that a day was stale.
type Mark struct {
	ID  string
	Day almanac.Period
}

// Marks returns up to limit marks of the first month that has any, by day. Marks that
// may have a transaction running beside them are left out.
func (s *Snapshot) Marks(brand string, now time.Time, limit int) (all []Mark, err error) {
	settled := sqldb.Micros(now.Add(-grace))
	var first sql.NullInt64
	err = s.QueryRow(`SELECT MIN(day) FROM rollup_stale WHERE brand = $1 AND mark_time <= $2`, brand, settled).Scan(&first)
	if err != nil || !first.Valid {
		return nil, sqldb.Fault(err)
	}
	var q sqldb.Query
	q.Add(`SELECT id, day FROM rollup_stale WHERE brand = ? AND day >= ? AND day < ? AND mark_time <= ? ORDER BY day, id LIMIT ?`,
		brand, first.Int64, almanac.FirstDay(almanac.MonthOf(first.Int64)+1), settled, limit)
	return all, s.each(&q, func(scan func(...any) error) error {
		var m Mark
		err := scan(&m.ID, &m.Day)
		all = append(all, m)
		return err
	})
}

// DueDays returns the days that have changed by time alone.
func (s *Snapshot) DueDays(brand string, now time.Time) (all []almanac.Period, err error) {
	var q sqldb.Query
	q.Add(`SELECT day FROM rollup_day WHERE brand = ? AND due <= ? AND due < 9223372036854775807 ORDER BY day`, brand, sqldb.Micros(now.Add(-grace)))
	return all, s.each(&q, func(scan func(...any) error) error {
		var day int64
		err := scan(&day)
		all = append(all, day)
		return err
	})
}

// FirstOpened returns when the brand's first ticket not before a time was opened, or
// [ErrNotFound].
func (s *Snapshot) FirstOpened(brand string, from int64) (at int64, err error) {
	err = s.QueryRow(
		`SELECT open_time FROM ticket WHERE brand = $1 AND open_time >= $2 ORDER BY open_time LIMIT 1`, brand, from).Scan(&at)
	return at, sqldb.Fault(missing("opening", err))
}

// Brands returns the brands that have tickets.
func (s *Store) Brands(ctx context.Context) (all []string, err error) {
	for last := ""; ; all = append(all, last) {
		err := s.db.Read().QueryRowContext(ctx, `SELECT brand FROM ticket WHERE brand > $1 ORDER BY brand LIMIT 1`, last).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return all, nil
		}
		if err != nil {
			return nil, sqldb.Fault(err)
		}
	}
}
