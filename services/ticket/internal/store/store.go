// Package store keeps tickets, their interactions and their reopenings in SQLite
// or PostgreSQL. It knows ids where the contract has names: the brand comes first
// in every key, and no statement works without it.
package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io/fs"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = table.ErrNotFound

//go:embed migrations/*.sql
var migrations embed.FS

// A Store reads what is kept. Its methods may be called concurrently. What
// writes is a function of a transaction instead.
type Store struct{ db *sqldb.DB }

// Open brings the schema of db up to date and returns a Store on it.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, "ticket", dir); err != nil {
		return nil, err
	}
	return &Store{db}, db.Observe(gauges...)
}

// A Cursor is a place between two rows of a list. The zero Cursor is before the
// first.
type Cursor struct {
	Time int64  `json:"t"` // microseconds since 1970
	ID   string `json:"id"`
}

// add adds a row. Where fresh says that nobody else can have its id, the statement
// need not be waited for.
func add(tx *sqldb.Tx, fresh bool, query string, args ...any) error {
	if fresh {
		tx.Defer(query, args...)
		return nil
	}
	n, err := tx.Exec(query+` ON CONFLICT DO NOTHING`, args...)
	if err == nil && n == 0 {
		return table.ErrExists
	}
	return err
}

// missing turns the absence of a row into [ErrNotFound].
func missing(what string, err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	}
	return fmt.Errorf("read %s: %w", what, err)
}

// list reads all rows of a query.
func list[T any](ctx context.Context, db *sqldb.DB, q *sqldb.Query, scan func(func(...any) error) (T, error)) ([]T, error) {
	rows, err := db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	read, err := table.All(rows, scan)
	return read, sqldb.Fault(err)
}
