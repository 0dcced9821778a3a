package store

import (
	"context"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A RolledDay is a day that was rolled up.
type RolledDay struct {
	Part
	Due int64
}

// A FamilyPart is a roll-up of a month by one family.
type FamilyPart struct {
	Part
	Family int
}

// A Rolling is a step of rolling up. Empty parts take away what was there.
type Rolling struct {
	Brand      string
	Before     Head // as it was when the parts were made
	Through    almanac.Period
	Days       []RolledDay
	Months     []FamilyPart
	DayFlows   []Part
	MonthFlows []FamilyPart
	Marks      []Mark // that are done with, by day and id
}

// maxMarks is how many marks one statement deletes.
const maxMarks = 500

// SaveRolling writes r in one transaction. It returns false, and writes nothing, if
// somebody has rolled up the brand since.
func (s *Store) SaveRolling(ctx context.Context, r Rolling) (saved bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		if saved, err = raise(tx, r); err != nil || !saved {
			return err
		}
		for _, d := range r.Days {
			if len(d.Bytes) == 0 {
				tx.Defer(`DELETE FROM rollup_day WHERE brand = $1 AND day = $2`, r.Brand, d.Period)
				continue
			}
			tx.Defer(`INSERT INTO rollup_day (brand, day, due, page) VALUES ($1, $2, $3, $4)
				ON CONFLICT (brand, day) DO UPDATE SET due = excluded.due, page = excluded.page`, r.Brand, d.Period, d.Due, d.Bytes)
		}
		for _, p := range r.DayFlows {
			savePart(tx, saveDayFlows, p, r.Brand, p.Period)
		}
		for _, p := range r.Months {
			savePart(tx, saveMonth, p.Part, r.Brand, p.Family, p.Period)
		}
		for _, p := range r.MonthFlows {
			savePart(tx, saveMonthFlows, p.Part, r.Brand, p.Family, p.Period)
		}
		unmark(tx, r.Brand, r.Marks)
		return nil
	})
	return saved, err
}

// raise takes the brand's next version.
func raise(tx *sqldb.Tx, r Rolling) (bool, error) {
	text := `UPDATE rollup_head SET through = $1, version = $2 WHERE brand = $3 AND version = $4`
	args := []any{r.Through, r.Before.Version + 1, r.Brand, r.Before.Version}
	if r.Before.Version == 0 {
		text = `INSERT INTO rollup_head (through, version, brand) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`
		args = args[:3]
	}
	n, err := tx.Exec(text, args...)
	return n == 1, err
}

// The statements that write a part, and those that take it away.
var (
	saveDayFlows = [2]string{
		`INSERT INTO rollup_flow_day (brand, day, page) VALUES ($1, $2, $3) ON CONFLICT (brand, day) DO UPDATE SET page = excluded.page`,
		`DELETE FROM rollup_flow_day WHERE brand = $1 AND day = $2`,
	}
	saveMonth = [2]string{
		`INSERT INTO rollup_month (brand, family, month, cells) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, family, month) DO UPDATE SET cells = excluded.cells`,
		`DELETE FROM rollup_month WHERE brand = $1 AND family = $2 AND month = $3`,
	}
	saveMonthFlows = [2]string{
		`INSERT INTO rollup_flow_month (brand, family, month, cells) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, family, month) DO UPDATE SET cells = excluded.cells`,
		`DELETE FROM rollup_flow_month WHERE brand = $1 AND family = $2 AND month = $3`,
	}
)

func savePart(tx *sqldb.Tx, texts [2]string, p Part, key ...any) {
	if len(p.Bytes) == 0 {
		tx.Defer(texts[1], key...)
		return
	}
	tx.Defer(texts[0], append(key, p.Bytes)...)
}

// unmark deletes exactly these marks, which are by day and id: others may have come in.
// The ids alone would do, but without statistics PostgreSQL takes them for more than
// there are rows, and reads all marks of the brand for each statement.
func unmark(tx *sqldb.Tx, brand string, marks []Mark) {
	for some := range slices.Chunk(marks, maxMarks) {
		q := unmarking(brand, some)
		tx.Defer(q.String(), q.Args...)
	}
}

func unmarking(brand string, some []Mark) *sqldb.Query {
	first, last := some[0], some[len(some)-1]
	var q sqldb.Query
	q.Add(`DELETE FROM rollup_stale WHERE brand = ? AND (day, id) >= (?, ?) AND (day, id) <= (?, ?)`,
		brand, first.Day, first.ID, last.Day, last.ID)
	ids := make([]string, len(some))
	for i, m := range some {
		ids[i] = m.ID
	}
	sqldb.In(&q, `id`, ids)
	return &q
}
