package store

import (
	"cmp"
	"context"
	"errors"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

// everyone is the brand of what every brand begins with. Such rows are of 1970.
const everyone = ""

// Effective returns the rows of a brand that l picks: its own, and those that it begins
// with and has not changed, as if they were its own.
func Effective[T any](r Reader, t *table.Table[T], l table.Listing) ([]T, error) {
	var q sqldb.Query
	q.Add(`SELECT `+t.Read()+` FROM `+t.Name+` WHERE (brand = ? OR brand = '' AND NOT EXISTS (
		SELECT 1 FROM `+t.Name+` AS own WHERE own.brand = ? AND own.id = `+t.Name+`.id))`, l.Brand, l.Brand)
	for _, c := range l.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` ORDER BY `+l.By+` LIMIT ?`, l.Limit)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	all, err := table.All(rows, t.Scan)
	for i := range all {
		t.Head(&all[i]).Brand = l.Brand
	}
	return all, sqldb.Fault(err)
}

// One returns the row of a brand with that id, or [ErrNotFound].
func One[T any](r Reader, t *table.Table[T], brand, id string) (T, error) {
	rows, err := Effective(r, t, table.Listing{
		Brand: brand, Where: []filter.Clause{{Text: "id = ?", Args: []any{id}}}, By: "id", Limit: 1,
	})
	if err == nil && len(rows) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		var none T
		return none, err
	}
	return rows[0], nil
}

// BuiltIn reports whether every brand begins with a row of that id.
func BuiltIn[T any](tx *sqldb.Tx, t *table.Table[T], id string) (bool, error) {
	_, err := t.Get(tx, everyone, id)
	if errors.Is(err, table.ErrNotFound) {
		return false, nil
	}
	return err == nil, err
}

// Adopt makes the row that every brand begins with the brand's own, as of now, if there
// is one with that id and the brand has none.
func Adopt[T any](tx *sqldb.Tx, t *table.Table[T], brand, id string, now time.Time) error {
	columns := strings.Join(t.Columns, `, `)
	_, err := tx.Exec(`
		INSERT INTO `+t.Name+` (brand, create_time, update_time, id, version, `+columns+`)
		SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT), id, version, `+columns+` FROM `+t.Name+`
		WHERE brand = '' AND id = $3 ON CONFLICT DO NOTHING`, brand, sqldb.Micros(now), id)
	return err
}

// begin keeps what every brand begins with as this program has it.
func (s *Store) begin(ctx context.Context) error {
	var (
		record      = table.Record{Brand: everyone, CreateTime: sqldb.Time(0), UpdateTime: sqldb.Time(0), Version: 1}
		definitions []Definition
		profiles    []IndustryProfile
	)
	for _, d := range plan.Builtin() {
		row := Definition{record, d}
		row.Record.ID, row.Plan.ID = d.ID, ""
		definitions = append(definitions, row)
	}
	for _, p := range plan.Industries() {
		row := IndustryProfile{record, p.DisplayName, p.Criteria, p.Steps, p.ConversionWindow}
		row.ID = p.ID
		profiles = append(profiles, row)
	}
	journey := JourneyMap{Record: record, DisplayName: "Journey"}
	journey.ID = plan.DefaultMap
	return errors.Join(
		begin(ctx, s, Definitions, definitions),
		begin(ctx, s, IndustryProfiles, profiles),
		begin(ctx, s, JourneyMaps, []JourneyMap{journey}),
	)
}

// begin writes want, unless that is what there is.
func begin[T any](ctx context.Context, s *Store, t *table.Table[T], want []T) error {
	slices.SortFunc(want, func(a, b T) int { return cmp.Compare(t.Record(a).ID, t.Record(b).ID) })
	have, err := t.List(ctx, s.db, table.Listing{Brand: everyone, By: "id", Limit: len(want) + 1})
	if err != nil || reflect.DeepEqual(have, want) {
		return err
	}
	return s.db.Write(ctx, func(tx *sqldb.Tx) error {
		s.turn(tx)
		tx.Defer(`DELETE FROM ` + t.Name + ` WHERE brand = ''`)
		for _, row := range want {
			if _, err := t.Add(tx, row); err != nil {
				return err
			}
		}
		return nil
	})
}
