package store

import (
	"context"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Customers returns the next customers of a brand that have touchpoints or others who
// are part of them, after a given id.
func (s *Store) Customers(ctx context.Context, brand, after string, limit int) ([]string, error) {
	var q sqldb.Query
	q.Add(`SELECT customer FROM (
		  SELECT DISTINCT customer FROM touchpoint WHERE brand = ? AND customer > ? ORDER BY customer LIMIT ?) AS own`, brand, after, limit)
	q.Add(` UNION SELECT root FROM (
		  SELECT DISTINCT root FROM customer_link WHERE brand = ? AND root > ? ORDER BY root LIMIT ?) AS merged`, brand, after, limit)
	q.Add(` ORDER BY customer LIMIT ?`, limit)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("read customers: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	var all []string
	for rows.Next() {
		var c string
		if err := rows.Scan(&c); err != nil {
			return nil, fmt.Errorf("read customers: %w", sqldb.Fault(err))
		}
		all = append(all, c)
	}
	return all, sqldb.Fault(rows.Err())
}

// CountCustomers returns how many customers of a brand have touchpoints.
func (s *Store) CountCustomers(ctx context.Context, brand string) (n int64, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT COUNT(DISTINCT customer) FROM touchpoint WHERE brand = $1 AND customer <> ''`, brand).Scan(&n)
	return n, sqldb.Fault(err)
}

// DropSums removes what is kept of customers from first to before end in layouts that are
// retired; with an empty first, that of the whole brand as well.
func DropSums(tx *sqldb.Tx, brand, first, end string) {
	var q sqldb.Query
	q.Add(`DELETE FROM stage_bucket WHERE brand = ? AND layout IN (SELECT layout FROM sum_layout WHERE brand = ? AND state = ?) AND customer >= ?`,
		brand, brand, int64(LayoutRetired), first)
	if end != "" {
		q.Add(` AND customer < ?`, end)
	}
	tx.Defer(q.String(), q.Args...)
}
