// Package store keeps surveys, invitations and responses in SQLite or PostgreSQL.
//
// Writes take the transaction of their caller. References to other resources
// are kept as they are within their brand, such as `customers/ann`; the brand
// comes first in every key.
package store

import (
	"context"
	"embed"
	"io/fs"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// ErrNotFound says that there is no such row.
var ErrNotFound = table.ErrNotFound

//go:embed migrations/*.sql
var migrations embed.FS

// A Store reads and writes the tables of one database. Its methods may be called
// concurrently.
type Store struct {
	db *sqldb.DB

	surveys   shelf[resource, Survey]
	revisions shelf[revision, Survey]
	rules     shelf[string, []TriggerRule] // by brand
	ended     shelf[string, bool]          // by brand: whether there are any
}

// Open brings the schema of db up to date and returns a Store on it.
func Open(ctx context.Context, db *sqldb.DB) (*Store, error) {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return nil, err
	}
	if err := sqldb.Migrate(ctx, db, "survey", dir); err != nil {
		return nil, err
	}
	return &Store{db: db}, db.Observe(gauges...)
}

// null returns s, or NULL where it is empty.
func null(s string) any {
	if s == "" {
		return nil
	}
	return s
}
