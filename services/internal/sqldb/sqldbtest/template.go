package sqldbtest

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Template is a database that is prepared once a test binary and copied for each
// test, which takes less time than to prepare each. On the server at
// CONCENTRIC_TEST_POSTGRES, where it would be left behind, a copy is empty instead.
// Make it with [NewTemplate]; it is safe for concurrent use.
type Template struct {
	prepare  func(context.Context, *sqldb.DB) error
	sqlite   func() ([]byte, error) // the file
	postgres struct {
		once sync.Once
		name string // of the database
		err  error
	}
}

// NewTemplate returns a template of what prepare makes of an empty database. What a
// test opens must bear to be prepared again.
func NewTemplate(prepare func(context.Context, *sqldb.DB) error) *Template {
	m := &Template{prepare: prepare}
	m.sqlite = sync.OnceValues(m.makeSQLite)
	return m
}

// Each runs f on both databases at the same time, which share nothing. What open
// returns is a copy of the template. Each returns when both have ended.
func (m *Template) Each(t *testing.T, f func(t *testing.T, open func(t *testing.T) *sqldb.DB)) {
	t.Helper()
	var wg sync.WaitGroup
	wg.Go(func() { on(t, "sqlite", m.SQLite, f) })
	wg.Go(func() { on(t, "postgres", m.Postgres, f) })
	wg.Wait()
}

// SQLite returns the URL of a copy, gone when the test ends.
func (m *Template) SQLite(t testing.TB) string {
	t.Helper()
	file, err := m.sqlite()
	if err != nil {
		t.Fatal(err)
	}
	to := SQLite(t)
	if err := os.WriteFile(strings.TrimPrefix(to, "sqlite:"), file, 0o600); err != nil {
		t.Fatal(err)
	}
	return to
}

// makeSQLite returns the file of a prepared database.
func (m *Template) makeSQLite() ([]byte, error) {
	dir, err := os.MkdirTemp("", "concentric-template-")
	if err != nil {
		return nil, err
	}
	defer os.RemoveAll(dir) //nolint:errcheck // it is in the folder for such
	path := filepath.Join(dir, "test.db")
	if err := m.fill("sqlite:" + path); err != nil {
		return nil, err
	}
	return os.ReadFile(path)
}

// Postgres returns the URL of a copy, gone when the test ends.
func (m *Template) Postgres(t testing.TB) string {
	t.Helper()
	shared.start(t)
	if shared.server.lifeline == nil { // it is not ours to leave a template on
		return shared.database(t, "")
	}
	p := &m.postgres
	p.once.Do(func() {
		var to string
		if p.name, to, p.err = shared.create(""); p.err == nil {
			p.err = m.fill(to)
		}
	})
	if p.err != nil {
		t.Fatal(p.err)
	}
	return shared.database(t, p.name)
}

// fill prepares the database at url and closes it.
func (m *Template) fill(url string) error {
	db, err := sqldb.Open(context.Background(), url)
	if err != nil {
		return err
	}
	err = m.prepare(context.Background(), db)
	if closed := db.Close(); err == nil {
		err = closed
	}
	return err
}
