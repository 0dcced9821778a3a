package store

import (
	"context"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// A FamilyPart is a roll-up of a month by one family.
type FamilyPart struct {
	Part
	Family int
}

// A Rolling is a step of rolling up. Empty parts take away what was there.
type Rolling struct {
	Brand   string
	Of      rollup.Source
	Before  Head // as it was when the parts were made
	Through almanac.Period
	Days    []Part
	Months  []FamilyPart
	Marks   []Mark // that are done with, by day and id
}

// maxMarks is how many marks one statement deletes.
const maxMarks = 500

// SaveRolling writes r in one transaction. It returns false, and writes nothing, if
// somebody has rolled up the source since.
func (s *Store) SaveRolling(ctx context.Context, r Rolling) (saved bool, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		var err error
		if saved, err = raise(tx, r); err != nil || !saved {
			return err
		}
		for _, p := range r.Days {
			savePart(tx, saveDay, p, r.Brand, int32(r.Of), p.Period)
		}
		for _, p := range r.Months {
			savePart(tx, saveMonth, p.Part, r.Brand, int32(r.Of), p.Family, p.Period)
		}
		unmark(tx, r)
		return nil
	})
	return saved, err
}

// raise takes the next version of the source.
func raise(tx *sqldb.Tx, r Rolling) (bool, error) {
	text := `UPDATE rollup_head SET through = $1, version = $2 WHERE brand = $3 AND source = $4 AND version = $5`
	args := []any{r.Through, r.Before.Version + 1, r.Brand, int32(r.Of), r.Before.Version}
	if r.Before.Version == 0 {
		text = `INSERT INTO rollup_head (through, version, brand, source) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING`
		args = args[:4]
	}
	n, err := tx.Exec(text, args...)
	return n == 1, err
}

// The statements that write a part, and those that take it away.
var (
	saveDay = [2]string{
		`INSERT INTO rollup_day (brand, source, day, page) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, source, day) DO UPDATE SET page = excluded.page`,
		`DELETE FROM rollup_day WHERE brand = $1 AND source = $2 AND day = $3`,
	}
	saveMonth = [2]string{
		`INSERT INTO rollup_month (brand, source, family, month, cells) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (brand, source, family, month) DO UPDATE SET cells = excluded.cells`,
		`DELETE FROM rollup_month WHERE brand = $1 AND source = $2 AND family = $3 AND month = $4`,
	}
)

func savePart(tx *sqldb.Tx, texts [2]string, p Part, key ...any) {
	if len(p.Bytes) == 0 {
		tx.Defer(texts[1], key...)
		return
	}
	tx.Defer(texts[0], append(key, p.Bytes)...)
}

// unmark deletes exactly the marks that are done with, which are by day: others may
// have come in. The ids alone would do, but without statistics PostgreSQL takes them
// for more than there are rows, and reads all marks of the source for each statement.
func unmark(tx *sqldb.Tx, r Rolling) {
	for some := range slices.Chunk(r.Marks, maxMarks) {
		q := unmarking(r, some)
		tx.Defer(q.String(), q.Args...)
	}
}

func unmarking(r Rolling, some []Mark) *sqldb.Query {
	first, last := some[0], some[len(some)-1]
	var q sqldb.Query
	q.Add(`DELETE FROM rollup_stale WHERE brand = ? AND source = ? AND (day, id) >= (?, ?) AND (day, id) <= (?, ?)`,
		r.Brand, int32(r.Of), first.Day, first.ID, last.Day, last.ID)
	ids := make([]string, len(some))
	for i, m := range some {
		ids[i] = m.ID
	}
	sqldb.In(&q, `id`, ids)
	return &q
}
