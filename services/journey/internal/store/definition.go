package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

const definitionColumns = `id, display_name, stage, phase, kind, component, channel, function_owner,
	control_level, is_service, weight, create_time`

// CreateDefinition adds d and reports whether its id was free.
func (s *Store) CreateDefinition(tx *sqldb.Tx, brand string, d plan.Definition) (bool, error) {
	n, err := tx.Exec(`
		INSERT INTO touchpoint_definition (brand, `+definitionColumns+`)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13)
		ON CONFLICT (brand, id) DO NOTHING`,
		brand, d.ID, d.DisplayName, int64(d.Stage), int64(d.Phase), int64(d.Kind), int64(d.Component), int64(d.Channel),
		int64(d.Owner), int64(d.Control), bit(d.Service), d.Weight, sqldb.Micros(d.CreateTime))
	return n == 1, err
}

// Definition returns one definition that the brand added, or [ErrNotFound].
func (s *Store) Definition(ctx context.Context, brand, id string) (plan.Definition, error) {
	return scanDefinition(s.db.Read().QueryRowContext(ctx, `
		SELECT `+definitionColumns+` FROM touchpoint_definition WHERE brand = $1 AND id = $2`, brand, id))
}

// Definitions returns the definitions that the brand added, by id.
func (s *Store) Definitions(ctx context.Context, brand string) ([]plan.Definition, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+definitionColumns+` FROM touchpoint_definition WHERE brand = $1 ORDER BY id`, brand)
	if err != nil {
		return nil, fmt.Errorf("list definitions: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	var all []plan.Definition
	for rows.Next() {
		d, err := scanDefinition(rows)
		if err != nil {
			return nil, err
		}
		all = append(all, d)
	}
	return all, sqldb.Fault(rows.Err())
}

// A scanner is a row.
type scanner interface{ Scan(dest ...any) error }

func scanDefinition(row scanner) (plan.Definition, error) {
	var (
		d       plan.Definition
		created int64
	)
	err := row.Scan(&d.ID, &d.DisplayName, &d.Stage, &d.Phase, &d.Kind, &d.Component, &d.Channel,
		&d.Owner, &d.Control, &d.Service, &d.Weight, &created)
	if errors.Is(err, sql.ErrNoRows) {
		return d, ErrNotFound
	}
	if err != nil {
		return d, fmt.Errorf("read definition: %w", sqldb.Fault(err))
	}
	d.CreateTime = sqldb.Time(created)
	return d, nil
}
