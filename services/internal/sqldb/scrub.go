package sqldb

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// scrubFor is how long readers are waited for.
const scrubFor = 10 * time.Second

// Scrub sees to it that what was deleted and committed is in no file of a SQLite database
// any more: its pages, which are zeroed as rows go, take the place of older ones, and the
// log of changes is emptied. Of a PostgreSQL database that is the server's business, and
// Scrub does nothing.
func (db *DB) Scrub(ctx context.Context) error {
	if db.postgres {
		return nil
	}
	conn, err := db.admin()
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetMaxOpenConns(1)
	// Whoever writes waits while the checkpoint waits for readers, so that tries for a moment only.
	if _, err := conn.ExecContext(ctx, `PRAGMA busy_timeout = 50`); err != nil {
		return fmt.Errorf("empty the log of changes: %w", Fault(err))
	}
	for until := time.Now().Add(scrubFor); ; {
		var busy, inLog, moved int
		err := conn.QueryRowContext(ctx, `PRAGMA wal_checkpoint(TRUNCATE)`).Scan(&busy, &inLog, &moved)
		switch {
		case err == nil && busy == 0:
			return nil
		case err != nil && !collision(err):
			return fmt.Errorf("empty the log of changes: %w", Fault(err))
		case time.Now().After(until):
			return fault.Unavailable("STORAGE_BUSY", "somebody reads the database for long", errors.Join(err))
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
