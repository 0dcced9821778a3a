package store

import (
	"context"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Target is what a brand wants a metric to be.
type Target struct {
	table.Record
	Metric, Subject, Direction int32 // as in the contract
	Goal                       float64
	Alarm                      *float64 // nil for none
	Description                string
}

// Targets keeps the targets.
var Targets = &table.Table[Target]{
	Name:    "target",
	Columns: []string{"metric", "subject", "direction", "goal", "alarm", "description"},
	Fields: func(r *Target) []any {
		return []any{&r.Metric, &r.Subject, &r.Direction, &r.Goal, &r.Alarm, &r.Description}
	},
	Head: func(r *Target) *table.Record { return &r.Record },
}

// CountTargets returns how many targets a brand has.
func (s *Store) CountTargets(tx *sqldb.Tx, brand string) (n int, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM target WHERE brand = $1`, brand).Scan(&n)
	return n, err
}

// Targets returns the targets of a brand, in the order of their names, at most limit.
func (s *Store) Targets(ctx context.Context, brand string, limit int) ([]Target, error) {
	return Targets.List(ctx, s.db, table.Listing{Brand: brand, By: "id", Limit: limit})
}
