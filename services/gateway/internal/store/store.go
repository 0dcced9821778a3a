// Package store keeps brands in SQLite or PostgreSQL.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
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
}

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps brands. Its methods may be called concurrently.
type Store struct{ db *sqldb.DB }

// Open brings the schema of db up to date and returns a Store on it.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, "gateway", dir); err != nil {
		return nil, err
	}
	return &Store{db}, nil
}

// Create adds b, or returns [ErrExists].
func (s *Store) Create(tx *sqldb.Tx, b Brand) error {
	n, err := tx.Exec(`INSERT INTO brand (id, display_name, create_time) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
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
	b, err := scan(s.db.Read().QueryRowContext(ctx, `SELECT id, display_name, create_time FROM brand WHERE id = $1`, id))
	if errors.Is(err, sql.ErrNoRows) {
		return Brand{}, ErrNotFound
	}
	return b, sqldb.Fault(err)
}

// A Filter picks and pages brands, by id.
type Filter struct {
	ID    string // only this one; empty for all
	After string // empty for the first page
	Limit int
}

// List returns brands by id.
func (s *Store) List(ctx context.Context, f Filter) ([]Brand, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT id, display_name, create_time FROM brand
		WHERE id > $1 AND ($2 = '' OR id = $2)
		ORDER BY id
		LIMIT $3`, f.After, f.ID, f.Limit)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	defer rows.Close()
	var all []Brand
	for rows.Next() {
		b, err := scan(rows)
		if err != nil {
			return nil, sqldb.Fault(err)
		}
		all = append(all, b)
	}
	return all, sqldb.Fault(rows.Err())
}

func scan(row interface{ Scan(...any) error }) (Brand, error) {
	var (
		b       Brand
		created int64
	)
	err := row.Scan(&b.ID, &b.DisplayName, &created)
	b.CreateTime = sqldb.Time(created)
	return b, err
}
