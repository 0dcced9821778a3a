package sqldb_test

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestReplicasMigrateTogether(t *testing.T) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		t.Run(name, func(t *testing.T) {
			address := url(t)
			fsys := fstest.MapFS{
				"0001_item.sql":        schema["0001_item.sql"],
				"0002_row.sql":         {Data: []byte("-- +goose Up\nINSERT INTO item (id, name) VALUES (1, 'only once');\n")},
				"0003_pg.postgres.sql": {Data: []byte("-- +goose Up\nINSERT INTO item (id, name) VALUES (2, 'postgres');\n")},
				"0003_lite.sqlite.sql": {Data: []byte("-- +goose Up\nINSERT INTO item (id, name) VALUES (2, 'sqlite');\n")},
			}
			var wg sync.WaitGroup
			for range 8 {
				wg.Go(func() {
					db, err := sqldb.Open(t.Context(), address)
					if err != nil {
						t.Error(err)
						return
					}
					defer db.Close() //nolint:errcheck // read below
					for range 2 {
						if err := sqldb.Migrate(t.Context(), db, "item", fsys); err != nil {
							t.Error(err)
						}
					}
				})
			}
			wg.Wait()
			db := sqldbtest.Open(t, address)
			if got := count(t, db); got != 2 {
				t.Errorf("rows = %d, want 2", got)
			}
			var got string
			if err := db.Read().QueryRowContext(t.Context(), `SELECT name FROM item WHERE id = 2`).Scan(&got); err != nil || got != name {
				t.Errorf("the migration of its own database said %q, %v; want %q", got, err, name)
			}
		})
	}
}

func TestSchemasShareADatabase(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		other := fstest.MapFS{"0001_other.sql": {Data: []byte("-- +goose Up\nCREATE TABLE other (id BIGINT PRIMARY KEY);\n")}}
		if err := sqldb.Migrate(t.Context(), db, "other", other); err != nil {
			t.Fatal(err)
		}
		if _, err := db.Read().ExecContext(t.Context(), `SELECT id FROM other`); err != nil {
			t.Errorf("the second schema is not there: %v", err)
		}
	})
}

func TestABrokenMigrationIsAnError(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		bad := fstest.MapFS{"0001_bad.sql": {Data: []byte("-- +goose Up\nCREATE TABEL oops;\n")}}
		db := open(t)
		if err := sqldb.Migrate(t.Context(), db, "bad", bad); err == nil {
			t.Error("a malformed migration succeeded")
		}
		migrated(t, db) // the lock is free again
	})
}

func TestASQLiteFileIsForItsOwnerOnly(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "new folder #1?", "data")
	path := filepath.Join(dir, "100% mine.db")
	db := migrated(t, sqldbtest.Open(t, "sqlite:"+path))
	if err := add(t.Context(), db, 1); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]os.FileMode{dir: 0o700, path: 0o600, path + "-wal": 0o600, path + "-shm": 0o600} {
		info, err := os.Stat(file)
		if err != nil {
			t.Error(err)
			continue
		}
		if got := info.Mode().Perm(); got != want {
			t.Errorf("mode of %s = %o, want %o", filepath.Base(file), got, want)
		}
	}
}

func TestASQLiteCommitIsDurable(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	for pragma, want := range map[string]string{
		"synchronous": "2", "journal_mode": "wal", "foreign_keys": "1", "busy_timeout": "5000", "wal_autocheckpoint": "8000",
	} {
		var got string
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow("PRAGMA " + pragma).Scan(&got) }); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("pragma %s = %s, want %s", pragma, got, want)
		}
	}
}

func TestAPostgresWriterHasItsLimits(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.Postgres(t))
	for setting, want := range map[string]string{
		"synchronous_commit": "on", "statement_timeout": "5s", "lock_timeout": "200ms", "idle_in_transaction_session_timeout": "10s",
	} {
		var got string
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { return tx.QueryRow("SHOW " + setting).Scan(&got) }); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s = %s, want %s", setting, got, want)
		}
	}
}

func TestOpenRefuses(t *testing.T) {
	for _, tt := range []struct{ name, url, secret string }{
		{"an unknown scheme", "mysql://localhost/x", ""},
		{"no path", "sqlite:", ""},
		{"a database that is gone with the process", "sqlite::memory:", ""},
		{"a folder", "sqlite:" + t.TempDir(), ""},
		{"a malformed address", "postgres://user:hunter2@localhost:port/x", "hunter2"},
		{"a server that is not there", "postgres://user:hunter2@127.0.0.1:1/x", "hunter2"},
	} {
		db, err := sqldb.Open(context.Background(), tt.url)
		if err == nil {
			t.Errorf("%s: opened", tt.name)
			db.Close() //nolint:errcheck,gosec // it should not be open
			continue
		}
		if tt.secret != "" && strings.Contains(err.Error(), tt.secret) {
			t.Errorf("%s: the error tells the password", tt.name)
		}
	}
}

func TestOpenRefusesPostgresThatDoesNotWaitForTheDisk(t *testing.T) {
	if db, err := sqldb.Open(t.Context(), sqldbtest.Postgres(t)+"&synchronous_commit=off"); err == nil {
		t.Error("opened")
		db.Close() //nolint:errcheck,gosec // it should not be open
	}
}
