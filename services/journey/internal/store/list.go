package store

import (
	"context"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Listing picks, orders and pages touchpoints of a brand. Those that were taken back
// are never among them.
type Listing struct {
	Brand     string
	Customers []string        // whose; of all customers if empty
	Where     []filter.Clause // all of them hold
	By        string          // the order
	Limit     int
}

// List returns the touchpoints that l picks.
func (s *Store) List(ctx context.Context, l Listing) ([]Touchpoint, error) {
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM touchpoint WHERE brand = ? AND event_time >= 0 AND retract_time IS NULL`, l.Brand) // an alias has no time
	if len(l.Customers) > 0 {
		sqldb.In(&q, "customer", l.Customers)
	}
	for _, c := range l.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` ORDER BY `+l.By+` LIMIT ?`, l.Limit)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("list touchpoints: %w", sqldb.Fault(err))
	}
	return collect(rows)
}
