package store

import (
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

func insertMarks(rows int) string {
	return `INSERT INTO customer_stale (brand, customer) VALUES ` + sqldb.Values(rows, 2) + ` ON CONFLICT (brand, customer) DO NOTHING`
}

// mark notes that something about customers has changed, in the order of their ids.
func (s *Store) mark(tx *sqldb.Tx, brand string, customers []string) {
	slices.Sort(customers)
	customers = slices.Compact(customers)
	if s.db.Postgres() && len(customers) > 1 {
		tx.Defer(s.spreadMarks.text, s.spreadMarks.args(len(customers), func(i int, into []any) []any {
			return append(into, brand, customers[i])
		})...)
		return
	}
	s.insertMarks.split(len(customers), func(statement string, from, to int) error { //nolint:errcheck // Defer keeps errors
		args := make([]any, 0, 2*(to-from))
		for _, customer := range customers[from:to] {
			args = append(args, brand, customer)
		}
		tx.Defer(statement, args...)
		return nil
	})
}
