package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// rebuilt is how many customers one transaction gives their sums.
const rebuilt = 100

// rebuild makes the sums anew where a migration has left that to the next start.
// Replicas that start together do it together, which changes nothing.
func (s *Store) rebuild(ctx context.Context) error {
	var layout int64
	err := s.db.Read().QueryRowContext(ctx, `SELECT layout FROM sum_rebuild`).Scan(&layout)
	if errors.Is(err, sql.ErrNoRows) {
		return nil
	}
	for brand, customer := "", ""; err == nil; {
		var some []string
		if brand, some, err = s.customersAfter(ctx, brand, customer); err != nil || len(some) == 0 {
			break
		}
		customer = some[len(some)-1]
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error { return s.Fill(tx, brand, layout, some) })
	}
	if err == nil {
		err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
			tx.Defer(`DELETE FROM sum_rebuild WHERE layout = $1`, layout)
			return nil
		})
	}
	if err != nil {
		return fmt.Errorf("rebuild sums: %w", sqldb.Fault(err))
	}
	return nil
}

// customersAfter returns the next customers of one brand, or none at the end.
func (s *Store) customersAfter(ctx context.Context, brand, customer string) (of string, some []string, err error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT DISTINCT brand, customer FROM touchpoint
		WHERE (brand, customer) > ($1, $2) AND customer <> '' ORDER BY brand, customer LIMIT $3`, brand, customer, rebuilt)
	if err != nil {
		return "", nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var b, c string
		if err := rows.Scan(&b, &c); err != nil {
			return "", nil, err
		}
		if len(some) > 0 && b != of {
			break // for the next call
		}
		of, some = b, append(some, c)
	}
	return of, some, rows.Err()
}
