package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// The two answers a caller must be ready for.
var (
	ErrNotFound = errors.New("no such brand")
	ErrExists   = errors.New("the brand exists already")
)

// A Brand is one row.
type Brand struct {
	ID          string
	DisplayName string
	CreateTime  time.Time
	UpdateTime  time.Time
	DeleteTime  time.Time // zero unless it is deleted
	Version     int64
}

const brandColumns = `id, display_name, create_time, CASE update_time WHEN 0 THEN create_time ELSE update_time END, delete_time, version`

// Create adds b in its first version, or returns [ErrExists].
func (s *Store) Create(tx *sqldb.Tx, b Brand) error {
	n, err := tx.Exec(`INSERT INTO brand (id, display_name, create_time, update_time, version) VALUES ($1, $2, $3, $3, 1) ON CONFLICT DO NOTHING`,
		b.ID, b.DisplayName, sqldb.Micros(b.CreateTime))
	if err != nil {
		return fmt.Errorf("create brand: %w", err)
	}
	if n == 0 {
		return ErrExists
	}
	return nil
}

// Get returns one brand or [ErrNotFound].
func (s *Store) Get(ctx context.Context, id string) (Brand, error) {
	b, err := scan(s.db.Read().QueryRowContext(ctx, `SELECT `+brandColumns+` FROM brand WHERE id = $1`, id).Scan)
	return b, sqldb.Fault(err)
}

// Lock returns one brand or [ErrNotFound]. Until the transaction ends nobody else changes
// it.
func (s *Store) Lock(tx *sqldb.Tx, id string) (Brand, error) {
	return scan(tx.QueryRow(`UPDATE brand SET version = version WHERE id = $1 RETURNING `+brandColumns, id).Scan)
}

// Update writes a brand that the transaction has locked and returns it in its next
// version.
func (s *Store) Update(tx *sqldb.Tx, b Brand) (Brand, error) {
	return scan(tx.QueryRow(`
		UPDATE brand SET display_name = $1, update_time = $2, delete_time = $3, version = version + 1
		WHERE id = $4
		RETURNING `+brandColumns, b.DisplayName, sqldb.Micros(b.UpdateTime), table.Moment{Of: &b.DeleteTime}, b.ID).Scan)
}

// A Filter picks and pages brands, by id.
type Filter struct {
	ID      string // only this one; empty for all
	Deleted bool   // deleted ones too
	After   string // empty for the first page
	Limit   int
}

// List returns brands by id.
func (s *Store) List(ctx context.Context, f Filter) ([]Brand, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+brandColumns+` FROM brand
		WHERE id > $1 AND ($2 = '' OR id = $2) AND (delete_time IS NULL OR $3 = 1)
		ORDER BY id
		LIMIT $4`, f.After, f.ID, table.Flag{Of: &f.Deleted}, f.Limit)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, scan)
	return all, sqldb.Fault(err)
}

func scan(from func(...any) error) (Brand, error) {
	var b Brand
	err := from(&b.ID, &b.DisplayName, table.Micros{Of: &b.CreateTime}, table.Micros{Of: &b.UpdateTime}, table.Moment{Of: &b.DeleteTime}, &b.Version)
	if errors.Is(err, sql.ErrNoRows) {
		return Brand{}, ErrNotFound
	}
	return b, err
}
