package sqldb

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"hash/fnv"
	"io/fs"
	"time"

	"github.com/pressly/goose/v3"
)

// Migrate runs the migrations (*.sql with goose annotations) in the root of
// fsys that db has not run yet. The schema called name, of lower-case letters,
// keeps its own count of them, so several can share a database. Files that end in
// .postgres.sql or .sqlite.sql are for that database only. Replicas may call
// it at the same time: one works and the others wait.
func Migrate(ctx context.Context, db *DB, name string, fsys fs.FS) error {
	if err := migrate(ctx, db, name, fsys); err != nil {
		return fmt.Errorf("migrate %s: %w", name, Fault(err))
	}
	return nil
}

func migrate(ctx context.Context, db *DB, name string, fsys fs.FS) (err error) {
	admin, err := db.admin()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, admin.Close()) }()
	unlock, err := db.lock(ctx, admin, name)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, unlock()) }()

	dialect, others := goose.DialectSQLite3, "*.postgres.sql"
	if db.postgres {
		dialect, others = goose.DialectPostgres, "*.sqlite.sql"
	}
	exclude, err := fs.Glob(fsys, others)
	if err != nil {
		return err
	}
	p, err := goose.NewProvider(dialect, admin, fsys, goose.WithTableName(name+"_migration"),
		goose.WithExcludeNames(exclude), goose.WithDisableGlobalRegistry(true))
	if err != nil {
		return err
	}
	if _, err = p.Up(ctx); err != nil || !db.postgres || db.fenced {
		return err
	}
	// Whoever waited here for another process that brought policies does not know of them.
	fenced := false
	if err = admin.QueryRowContext(ctx, isFenced).Scan(&fenced); err == nil && fenced {
		err = errors.New("row-level security came while this started: start again")
	}
	return err
}

// lock waits until no other replica migrates the schema called name. The lock
// ends with the process that holds it.
func (db *DB) lock(ctx context.Context, admin *sql.DB, name string) (unlock func() error, err error) {
	if !db.postgres {
		return lockFile(ctx, db.path+".migrate")
	}
	conn, err := admin.Conn(ctx)
	if err != nil {
		return nil, err
	}
	hash := fnv.New64a()
	hash.Write([]byte("concentric migration " + name)) //nolint:errcheck // never fails
	key := int64(hash.Sum64())                         //nolint:gosec // any 64 bits will do
	// Waiting inside pg_advisory_lock would hold a snapshot that a CREATE INDEX
	// CONCURRENTLY of the holder waits for.
	for got := false; !got; {
		if err := conn.QueryRowContext(ctx, "SELECT pg_try_advisory_lock($1)", key).Scan(&got); err != nil {
			return nil, errors.Join(err, conn.Close())
		}
		if !got {
			if err := pause(ctx, 20*time.Millisecond); err != nil {
				return nil, errors.Join(err, conn.Close())
			}
		}
	}
	return func() error {
		_, err := conn.ExecContext(context.WithoutCancel(ctx), "SELECT pg_advisory_unlock($1)", key)
		return errors.Join(err, conn.Close())
	}, nil
}

// lockFile holds an exclusive transaction on an empty database beside ours:
// the one lock file that works alike on every system.
func lockFile(ctx context.Context, path string) (unlock func() error, err error) {
	db, err := sql.Open("sqlite", sqliteURL(path, "rwc", []string{"busy_timeout(100)"}))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	for {
		_, err = db.ExecContext(ctx, "BEGIN EXCLUSIVE")
		if err == nil {
			return db.Close, nil
		}
		if !collision(err) || ctx.Err() != nil {
			return nil, errors.Join(err, db.Close())
		}
	}
}

func pause(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(d):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
