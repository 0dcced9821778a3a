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
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// ripe is how old a day must be for writes to it to be marked. It is rolled up an hour
// later, which is longer than any transaction takes. Most writes are to younger days.
const ripe = 24 * time.Hour

// Settled is how long after its end a day is rolled up.
const Settled = ripe + time.Hour

// MarkAnswers notes in the transaction of the change that what is counted of a response
// submitted at a time has changed: it is new, or counts no more, or counts again.
func MarkAnswers(tx *sqldb.Tx, brand string, submitted, now time.Time) {
	mark(tx, brand, rollup.Answers, submitted, now)
}

// MarkInvitation notes the same of a decision taken at a time, new or with another
// time of its way to an answer.
func MarkInvitation(tx *sqldb.Tx, brand string, decided, now time.Time) {
	mark(tx, brand, rollup.Invitations, decided, now)
}

func mark(tx *sqldb.Tx, brand string, of rollup.Source, at, now time.Time) {
	day := almanac.DayOf(sqldb.Micros(at))
	if now.Sub(sqldb.Time(almanac.StartOf(day+1))) >= ripe {
		tx.Defer(`INSERT INTO rollup_stale (brand, source, day, id) VALUES ($1, $2, $3, $4)`, brand, int32(of), day, name.NewID())
	}
}

// A Head says how far a source of a brand is rolled up.
type Head struct {
	Through almanac.Period // the first day that is not
	Version int64          // 0 before the first time
}

// Head returns that of a source.
func (s *Snapshot) Head(brand string, of rollup.Source) (h Head, err error) {
	err = s.QueryRow(`SELECT through, version FROM rollup_head WHERE brand = $1 AND source = $2`, brand, int32(of)).
		Scan(&h.Through, &h.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return Head{Through: math.MinInt64}, nil
	}
	return h, sqldb.Fault(err)
}

// Fresh returns which roll-ups of a source hold.
func (s *Snapshot) Fresh(brand string, of rollup.Source) (almanac.Fresh, error) {
	head, err := s.Head(brand, of)
	f := almanac.Fresh{Through: head.Through, Stale: map[almanac.Period]bool{}}
	if err != nil {
		return f, err
	}
	return f, s.Each(func(scan func(...any) error) error {
		var day int64
		err := scan(&day)
		f.Stale[day] = true
		return err
	}, staleDays, brand, int32(of))
}

// staleDays looks each day up after the last: DISTINCT would read all marks.
const staleDays = `
	WITH RECURSIVE stale (day) AS (
		SELECT MIN(day) FROM rollup_stale WHERE brand = $1 AND source = $2
		UNION ALL
		SELECT (SELECT MIN(m.day) FROM rollup_stale m WHERE m.brand = $1 AND m.source = $2 AND m.day > stale.day) FROM stale WHERE stale.day IS NOT NULL
	)
	SELECT day FROM stale WHERE day IS NOT NULL`

// A Part is a roll-up of the store.
type Part struct {
	Period almanac.Period
	Bytes  []byte
}

// Days calls visit with the pages of days, for [rollup.Unpack]. The bytes are valid
// until it returns.
func (s *Snapshot) Days(brand string, of rollup.Source, days almanac.Range, visit func(Part) error) error {
	return s.parts(visit, `SELECT day, page FROM rollup_day WHERE brand = $1 AND source = $2 AND day >= $3 AND day < $4 ORDER BY day`,
		brand, int32(of), days.From, days.To)
}

// Months calls visit with the cells of a family, for [rollup.EachCell]. The bytes are
// valid until it returns.
func (s *Snapshot) Months(brand string, of rollup.Source, family int, months almanac.Range, visit func(Part) error) error {
	return s.parts(visit,
		`SELECT month, cells FROM rollup_month WHERE brand = $1 AND source = $2 AND family = $3 AND month >= $4 AND month < $5 ORDER BY month`,
		brand, int32(of), family, months.From, months.To)
}

func (s *Snapshot) parts(visit func(Part) error, text string, args ...any) error {
	var raw sql.RawBytes
	return s.Each(func(scan func(...any) error) error {
		var p Part
		if err := scan(&p.Period, &raw); err != nil {
			return err
		}
		p.Bytes = raw
		return visit(p)
	}, text, args...)
}

// A Mark says that a day was stale.
type Mark struct {
	ID  string
	Day almanac.Period
}

// Marks returns up to limit marks of the first month of a source that has any, by day.
func (s *Snapshot) Marks(brand string, of rollup.Source, limit int) (all []Mark, err error) {
	var first sql.NullInt64
	err = s.QueryRow(`SELECT MIN(day) FROM rollup_stale WHERE brand = $1 AND source = $2`, brand, int32(of)).Scan(&first)
	if err != nil || !first.Valid {
		return nil, sqldb.Fault(err)
	}
	return all, s.Each(func(scan func(...any) error) error {
		var m Mark
		err := scan(&m.ID, &m.Day)
		all = append(all, m)
		return err
	}, `SELECT id, day FROM rollup_stale WHERE brand = $1 AND source = $2 AND day >= $3 AND day < $4 ORDER BY day, id LIMIT $5`,
		brand, int32(of), first.Int64, almanac.FirstDay(almanac.MonthOf(first.Int64)+1), limit)
}

// First returns when the first of a source was that is not before a time, or
// [ErrNotFound].
func (s *Snapshot) First(brand string, of rollup.Source, from int64) (at int64, err error) {
	text := `SELECT submit_time FROM answer WHERE brand = $1 AND submit_time >= $2 ORDER BY submit_time LIMIT 1`
	if of == rollup.Invitations {
		text = `SELECT decide_time FROM invitation WHERE brand = $1 AND decide_time >= $2 ORDER BY decide_time LIMIT 1`
	}
	err = s.QueryRow(text, brand, from).Scan(&at)
	if errors.Is(err, sql.ErrNoRows) {
		return 0, ErrNotFound
	}
	return at, sqldb.Fault(err)
}

// Brands returns the brands that have surveys.
func (s *Store) Brands(ctx context.Context) (all []string, err error) {
	for last := ""; ; all = append(all, last) {
		err := s.db.Read().QueryRowContext(ctx, `SELECT brand FROM survey WHERE brand > $1 ORDER BY brand LIMIT 1`, last).Scan(&last)
		if errors.Is(err, sql.ErrNoRows) {
			return all, nil
		}
		if err != nil {
			return nil, sqldb.Fault(err)
		}
	}
}
