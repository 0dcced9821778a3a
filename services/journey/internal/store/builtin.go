package store

import (
	"cmp"
	"context"
	"database/sql"
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

// CountOwn returns how many rows are the brand's own.
func CountOwn[T any](tx *sqldb.Tx, t *table.Table[T], brand string) (n int64, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM `+t.Name+` WHERE brand = $1`, brand).Scan(&n)
	return n, err
}

// Adopt makes the row that every brand begins with the brand's own, as of now, if there
// is one with that id and the brand has none, and reports whether it did.
func Adopt[T any](tx *sqldb.Tx, t *table.Table[T], brand, id string, now time.Time) (bool, error) {
	columns := strings.Join(t.Columns, `, `)
	n, err := tx.Exec(`
		INSERT INTO `+t.Name+` (brand, create_time, update_time, id, version, `+columns+`)
		SELECT CAST($1 AS TEXT), CAST($2 AS BIGINT), CAST($2 AS BIGINT), id, version, `+columns+` FROM `+t.Name+`
		WHERE brand = '' AND id = $3 ON CONFLICT DO NOTHING`, brand, sqldb.Micros(now), id)
	return n > 0, err
}

// Resume returns a row that was adopted, counting on from the version that the brand's own
// had when it was deleted: what somebody read of that is no version of this one.
func Resume[T any](tx *sqldb.Tx, t *table.Table[T], row T) (T, error) {
	r := t.Head(&row)
	var last int64
	err := tx.QueryRow(`SELECT version FROM plan_reset WHERE brand = $1 AND collection = $2 AND id = $3`, r.Brand, t.Name, r.ID).Scan(&last)
	if errors.Is(err, sql.ErrNoRows) {
		return row, nil
	}
	if err != nil {
		return row, err
	}
	r.Version = last
	tx.Defer(`UPDATE `+t.Name+` SET version = $1 WHERE brand = $2 AND id = $3`, last, r.Brand, r.ID)
	return row, nil
}

// Reset keeps the version of a row of the brand's own that is deleted.
func Reset[T any](tx *sqldb.Tx, t *table.Table[T], row T) {
	r := t.Record(row)
	tx.Defer(`
		INSERT INTO plan_reset (brand, collection, id, version) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, collection, id) DO UPDATE SET version = excluded.version`, r.Brand, t.Name, r.ID, r.Version)
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
