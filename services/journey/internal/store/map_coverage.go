package store

import (
	"context"
)

// An Observed is how often a definition was met.
type Observed struct {
	Definition           string
	Touchpoints, Service int64
	Customers            int64
	Expectations         [4]int64 // by typev1.Expectation
	First, Last          int64
}

// Observed returns how often each definition was met from one instant to another, that
// excluded, in no order. Customers who are one count once.
func (s *Snapshot) Observed(ctx context.Context, brand string, from, to int64) ([]Observed, error) {
	rows, err := s.tx.QueryContext(ctx, `
		SELECT t.definition, COUNT(*), SUM(t.is_service), COUNT(DISTINCT COALESCE(l.root, t.customer)),
		  SUM(CASE WHEN t.expectation = 0 THEN 1 ELSE 0 END), SUM(CASE WHEN t.expectation = 1 THEN 1 ELSE 0 END),
		  SUM(CASE WHEN t.expectation = 2 THEN 1 ELSE 0 END), SUM(CASE WHEN t.expectation = 3 THEN 1 ELSE 0 END),
		  MIN(t.event_time), MAX(t.event_time)
		FROM touchpoint t LEFT JOIN customer_link l ON l.brand = t.brand AND l.member = t.customer
		WHERE t.brand = $1 AND t.event_time >= $2 AND t.event_time < $3 AND t.retract_time IS NULL
		GROUP BY t.definition`, brand, max(from, 0), to) // an alias has no time
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var all []Observed
	for rows.Next() {
		var o Observed
		e := &o.Expectations
		if err := rows.Scan(&o.Definition, &o.Touchpoints, &o.Service, &o.Customers, &e[0], &e[1], &e[2], &e[3], &o.First, &o.Last); err != nil {
			return nil, err
		}
		all = append(all, o)
	}
	return all, rows.Err()
}
