package bus

import (
	"context"
	"embed"
	"io/fs"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

//go:embed migrations/*.sql
var migrations embed.FS

// Migrate brings the tables of the bus in db up to date: outbox, inbox and dead
// letters. Replicas may call it at the same time.
func Migrate(ctx context.Context, db *sqldb.DB) error {
	dir, err := fs.Sub(migrations, "migrations")
	if err != nil {
		return err
	}
	if err := sqldb.Migrate(ctx, db, "bus", dir); err != nil {
		return err
	}
	return db.Observe(letters...)
}
