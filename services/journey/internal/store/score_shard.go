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

// A Shard is a part of a recompute that is done.
type Shard struct {
	Number    int64
	Customers int64 // that have a score
	Changed   int64 // that have another one than before
}

// ShardTaken reports whether a part of an operation is done, or the operation has ended.
func ShardTaken(tx *sqldb.Tx, brand, operation string, shard int64) (bool, error) {
	var n int64
	err := tx.QueryRow(`
		SELECT (SELECT COUNT(*) FROM score_shard WHERE brand = $1 AND operation = $2 AND shard = $3)
		  + (SELECT COUNT(*) FROM operation WHERE brand = $1 AND id = $2 AND end_time IS NOT NULL)`, brand, operation, shard).Scan(&n)
	return n > 0, err
}

// AddShard notes that a part of an operation is done.
func AddShard(tx *sqldb.Tx, brand, operation string, s Shard) {
	tx.Defer(`INSERT INTO score_shard (brand, operation, shard, customers, changed) VALUES ($1, $2, $3, $4, $5)
		ON CONFLICT (brand, operation, shard) DO NOTHING`, brand, operation, s.Number, s.Customers, s.Changed)
}

// Shards returns the parts of an operation that are done.
func (s *Store) Shards(ctx context.Context, brand, operation string) (all []Shard, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT shard, customers, changed FROM score_shard WHERE brand = $1 AND operation = $2 ORDER BY shard`, brand, operation)
	if err != nil {
		return nil, fmt.Errorf("read shards: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	for rows.Next() {
		var d Shard
		if err := rows.Scan(&d.Number, &d.Customers, &d.Changed); err != nil {
			return nil, fmt.Errorf("read shards: %w", sqldb.Fault(err))
		}
		all = append(all, d)
	}
	return all, sqldb.Fault(rows.Err())
}

// DropShards forgets the parts of operations that are no longer kept, and of one.
func DropShards(tx *sqldb.Tx, brand, operation string) {
	tx.Defer(`DELETE FROM score_shard WHERE brand = $1 AND (operation = $2 OR NOT EXISTS (
		SELECT 1 FROM operation o WHERE o.brand = score_shard.brand AND o.id = score_shard.operation))`, brand, operation)
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
