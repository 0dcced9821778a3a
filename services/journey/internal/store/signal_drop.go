package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ScoredSince returns the customers of a brand whose score was stored for an instant
// since a time.
func (s *Store) ScoredSince(ctx context.Context, brand string, since time.Time) ([]string, error) {
	return s.names(ctx, `SELECT id FROM customer_score WHERE as_of_time >= $1 AND brand = $2 ORDER BY id`, sqldb.Micros(since), brand)
}

// AnyScoredSince reports whether there are such customers.
func (s *Store) AnyScoredSince(ctx context.Context, brand string, since time.Time) (any bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (SELECT 1 FROM customer_score WHERE as_of_time >= $1 AND brand = $2)`,
		sqldb.Micros(since), brand).Scan(&any)
	return any, sqldb.Fault(err)
}

// SegmentSample returns the customers of a segment who have touchpoints, by id: all, or
// at most limit of them spread evenly.
func (s *Store) SegmentSample(ctx context.Context, brand, segment string, limit int) ([]string, error) {
	picked, err := filter.Fields{{Name: "segments", Kind: filter.Map}}.Parse("segments:"+segment, brand)
	if err != nil {
		return nil, err
	}
	where := picked.Where(s.db.Postgres())
	var q sqldb.Query
	q.Add(`SELECT id FROM (SELECT id, ROW_NUMBER() OVER (ORDER BY id) - 1 AS place, COUNT(*) OVER () AS total
		FROM customer WHERE brand = ? AND delete_time IS NULL AND touchpoints > 0`, brand)
	q.Add(` AND (`+where.Text+`)`, where.Args...)
	q.Add(`) AS members WHERE place % (1 + (total - 1) / ?) = 0 ORDER BY id`, limit)
	return s.names(ctx, q.String(), q.Args...)
}

// CustomersBetween returns up to limit customers, none of them part of another, who
// have touchpoints from one time to before another, by id.
func (s *Store) CustomersBetween(ctx context.Context, brand string, from, to time.Time, limit int) ([]string, error) {
	return s.names(ctx, `SELECT DISTINCT COALESCE(l.root, t.customer) AS customer FROM touchpoint t
		LEFT JOIN customer_link l ON l.brand = t.brand AND l.member = t.customer
		WHERE t.brand = $1 AND t.event_time >= $2 AND t.event_time < $3`+present+` ORDER BY customer LIMIT $4`,
		brand, sqldb.Micros(from), sqldb.Micros(to), limit)
}

// names reads a column of text.
func (s *Store) names(ctx context.Context, query string, args ...any) ([]string, error) {
	rows, err := s.db.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (n string, err error) { return n, scan(&n) })
	return all, sqldb.Fault(err)
}
