// Package store keeps what belongs to the gateway in SQLite or PostgreSQL: brands, and what
// other systems are told.
package store

import (
	"context"
	"embed"
	"io/fs"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// A Store keeps it. Its methods may be called concurrently.
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
	return &Store{db}, db.Observe(gauges...)
}
