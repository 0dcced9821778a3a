package store

import (
	"context"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Snapshot is the database as of one moment, for one goroutine.
type Snapshot struct{ *sqldb.Snapshot }

// Snapshot calls f with the database as it is now. What f reads is of one moment.
func (s *Store) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	return s.db.Snapshot(ctx, func(snap *sqldb.Snapshot) error { return f(&Snapshot{snap}) })
}
