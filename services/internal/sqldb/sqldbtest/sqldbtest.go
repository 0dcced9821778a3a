// Package sqldbtest gives each test an empty database of its own, on SQLite
// and on PostgreSQL.
//
// PostgreSQL is the server at CONCENTRIC_TEST_POSTGRES, where the user may
// create databases, or a throw-away one made from installed binaries, which
// ends with the test binary however that ends. Where there is neither, tests
// that need it are skipped and the run says so; with
// CONCENTRIC_TEST_REQUIRE_POSTGRES or CI set they fail.
package sqldbtest

import (
	"context"
	"path/filepath"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Each runs f once a database: SQLite always, PostgreSQL where there is one.
// Every call of open returns a new empty database, gone when its test ends.
func Each(t *testing.T, f func(t *testing.T, open func(t *testing.T) *sqldb.DB)) {
	t.Helper()
	on(t, "sqlite", SQLite, f)
	on(t, "postgres", Postgres, f)
}

// on runs f as a test called name, on databases at what url returns.
func on(t *testing.T, name string, url func(testing.TB) string, f func(*testing.T, func(*testing.T) *sqldb.DB)) {
	t.Helper()
	t.Run(name, func(t *testing.T) {
		f(t, func(t *testing.T) *sqldb.DB { return Open(t, url(t)) })
	})
}

// SQLite returns the URL of a file that does not exist yet, gone when the test ends.
func SQLite(t testing.TB) string {
	t.Helper()
	return "sqlite:" + filepath.Join(t.TempDir(), "test.db")
}

// Postgres returns the URL of an empty database, gone when the test ends. Its
// server may lose everything in a power cut: see [DurablePostgres].
func Postgres(t testing.TB) string {
	t.Helper()
	return shared.database(t, "")
}

// DurablePostgres is [Postgres] on a server that waits for the disk, for
// benchmarks.
func DurablePostgres(t testing.TB) string {
	t.Helper()
	return durable.database(t, "")
}

// Open opens the database at url until the test ends.
func Open(t testing.TB, url string) *sqldb.DB {
	t.Helper()
	db, err := sqldb.Open(context.Background(), url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}
