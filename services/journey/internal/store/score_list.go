package store

import (
	"context"
	"database/sql"
	"errors"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// OldScores reports whether a stored score is of an instant before a given one.
func (s *Store) OldScores(ctx context.Context, before int64) (bool, error) {
	err := s.db.Read().QueryRowContext(ctx, `SELECT 1 FROM customer_score WHERE as_of_time < $1 LIMIT 1`, before).Scan(new(int))
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, sqldb.Fault(err)
}

// ClaimOldScores returns some customers of one brand whose stored scores are of an
// instant before a given one, and keeps other replicas from getting them until the
// transaction ends.
func (s *Store) ClaimOldScores(tx *sqldb.Tx, before int64, limit int) (brand string, customers []string, err error) {
	var q sqldb.Query
	q.Add(`SELECT brand, id FROM customer_score WHERE as_of_time < ? ORDER BY as_of_time LIMIT ?`+s.db.SkipLocked(), before, limit)
	err = each(tx, &q, func(rows *sql.Rows) error {
		var b, c string
		if err := rows.Scan(&b, &c); err != nil {
			return err
		}
		if brand == "" || b == brand {
			brand, customers = b, append(customers, c)
		}
		return nil
	})
	return brand, customers, err
}

// ListScores returns the stored scores of a brand for which all of where holds.
func (s *Store) ListScores(ctx context.Context, brand string, where []filter.Clause, by string, limit int) ([]Score, error) {
	var q sqldb.Query
	q.Add(`SELECT `+scoreColumns+` FROM customer_score WHERE brand = ?`, brand)
	for _, c := range where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` ORDER BY `+by+` LIMIT ?`, limit)
	var all []Score
	err := s.Reader(ctx).Lines(func(l *sqldb.Line) { all = append(all, readScore(l)) }, q.String(), q.Args...)
	return all, err
}
