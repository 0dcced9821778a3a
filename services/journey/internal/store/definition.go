package store

import (
	"context"
	"database/sql/driver"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

// A Definition is a touchpoint definition as it is kept.
type Definition struct {
	table.Record
	Plan plan.Definition // without the id and the time
}

// Whole returns what is planned with d.
func (d *Definition) Whole() plan.Definition {
	p := d.Plan
	p.ID, p.CreateTime = d.ID, d.CreateTime
	return p
}

// Definitions keeps the touchpoint definitions.
var Definitions = &table.Table[Definition]{
	Name: "touchpoint_definition",
	Columns: []string{
		"display_name", "stage", "phase", "kind", "component", "channel", "function_owner", "control_level",
		"is_service", "weight", "criterion", "expected",
	},
	Fields: func(d *Definition) []any {
		p := &d.Plan
		return []any{
			&p.DisplayName, enum(&p.Stage), enum(&p.Phase), enum(&p.Kind), enum(&p.Component), enum(&p.Channel),
			enum(&p.Owner), enum(&p.Control),
			table.Flag{Of: &p.Service},
			&p.Weight, &p.Criterion,
			table.Document[*plan.Expected]{Of: &p.Expected},
		}
	},
	Head: func(d *Definition) *table.Record { return &d.Record },
}

// code is an enum in an INTEGER column.
type code[E ~int32] struct{ of *E }

func enum[E ~int32](of *E) code[E] { return code[E]{of} }

// Scan implements [database/sql.Scanner].
func (c code[E]) Scan(column any) error {
	n, ok := column.(int64)
	if !ok {
		return fmt.Errorf("an enum column holds a %T", column)
	}
	*c.of = E(n) //nolint:gosec // what was written
	return nil
}

// Value implements [driver.Valuer].
func (c code[E]) Value() (driver.Value, error) { return int64(*c.of), nil }

// Definitions returns the definitions of a brand by id, those that it begins with among
// them.
func (s *Store) Definitions(ctx context.Context, brand string) ([]plan.Definition, error) {
	return planned(Effective(s.Reader(ctx), Definitions, table.Listing{Brand: brand, By: "id", Limit: 1 << 20}))
}

// OwnDefinitions returns those that the brand added or changed, by id.
func (s *Store) OwnDefinitions(ctx context.Context, brand string) ([]plan.Definition, error) {
	return planned(Definitions.List(ctx, s.db, table.Listing{Brand: brand, By: "id", Limit: 1 << 20}))
}

// Definition returns one definition of a brand, or [ErrNotFound].
func (s *Store) Definition(ctx context.Context, brand, id string) (plan.Definition, error) {
	row, err := One(s.Reader(ctx), Definitions, brand, id)
	return row.Whole(), err
}

func planned(rows []Definition, err error) ([]plan.Definition, error) {
	all := make([]plan.Definition, len(rows))
	for i := range rows {
		all[i] = rows[i].Whole()
	}
	return all, err
}

// Recorded reports whether there is a touchpoint of a definition, taken back ones among
// them. It may read all touchpoints of the brand.
func (s *Store) Recorded(ctx context.Context, brand, definition string) (found bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM touchpoint WHERE brand = $1 AND definition = $2 AND event_time >= 0)`,
		brand, definition).Scan(&found)
	if err != nil {
		return false, fmt.Errorf("look for touchpoints: %w", sqldb.Fault(err))
	}
	return found, nil
}
