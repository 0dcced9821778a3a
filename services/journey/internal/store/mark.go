package store

import (
	"math/rand/v2"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// stampShift leaves room in a stamp for what tells apart changes at one instant.
const stampShift = 10

// newStamp returns a stamp for marks made now: the time, and some luck.
func newStamp() int64 {
	return time.Now().UnixMicro()<<stampShift | rand.Int64N(1<<stampShift) //nolint:gosec // no secret
}

// remark is what becomes of a mark that is there: it is another one.
const remark = `ON CONFLICT (brand, customer) DO UPDATE SET stamp = excluded.stamp`

func insertMarks(rows int) string {
	return `INSERT INTO customer_stale (brand, customer, stamp) VALUES ` + sqldb.Values(rows, 3) + ` ` + remark
}

// mark notes that something about customers has changed, in the order of their ids.
func (s *Store) mark(tx *sqldb.Tx, brand string, customers []string) {
	slices.Sort(customers)
	customers = slices.Compact(customers)
	stamp := newStamp()
	if s.db.Postgres() && len(customers) > 1 {
		tx.Defer(s.spreadMarks.text, s.spreadMarks.args(len(customers), func(i int, into []any) []any {
			return append(into, brand, customers[i], stamp)
		})...)
		return
	}
	s.insertMarks.split(len(customers), func(statement string, from, to int) error { //nolint:errcheck // Defer keeps errors
		args := make([]any, 0, 3*(to-from))
		for _, customer := range customers[from:to] {
			args = append(args, brand, customer, stamp)
		}
		tx.Defer(statement, args...)
		return nil
	})
}
