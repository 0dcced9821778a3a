package sqldb_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestNothingIsLeftOfWhatWasDeleted deletes rows that SQLite has moved from page to page, while
// others are written, and looks for them in the files.
func TestNothingIsLeftOfWhatWasDeleted(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "a.db")
	db, err := sqldb.Open(t.Context(), "sqlite:"+path)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	write := func(f func(tx *sqldb.Tx)) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { f(tx); return nil }); err != nil {
			t.Error(err)
		}
	}
	random := rand.New(rand.NewPCG(1, 2))
	add := func(tx *sqldb.Tx, id string, length int) {
		tx.Defer(`INSERT INTO thing (brand, id, customer, body) VALUES ('acme', $1, $2, $3)`, id, "customer-"+id, strings.Repeat("x", length))
	}
	write(func(tx *sqldb.Tx) {
		tx.Defer(`CREATE TABLE thing (brand TEXT, id TEXT, customer TEXT, body TEXT, PRIMARY KEY (brand, id)) WITHOUT ROWID`)
		tx.Defer(`CREATE INDEX thing_customer ON thing (brand, customer, id)`)
	})
	ids := make([]string, 16000)
	for i := range ids {
		ids[i] = fmt.Sprintf("%016x", random.Uint64())
	}
	for some := range slices.Chunk(ids, 100) {
		write(func(tx *sqldb.Tx) {
			for _, id := range some {
				add(tx, id, len(id)+int(id[0])%50)
			}
		})
	}
	gone, kept := ids[:8000], ids[8000:]
	deleted := make(map[string]bool, len(gone))
	for some := range slices.Chunk(gone, 100) {
		write(func(tx *sqldb.Tx) {
			for _, id := range some {
				deleted[id] = true
				tx.Defer(`DELETE FROM thing WHERE brand = 'acme' AND id = $1`, id)
			}
		})
	}
	var beside sync.WaitGroup
	beside.Go(func() {
		for i := range 1000 {
			write(func(tx *sqldb.Tx) { add(tx, fmt.Sprintf("new-%d", i*7919%1000), 50) })
		}
	})
	if err := db.Scrub(t.Context()); err != nil {
		t.Fatal(err)
	}
	beside.Wait()
	for _, name := range []string{path, path + "-wal"} {
		text, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		for i := range len(text) - len(ids[0]) + 1 {
			if id := text[i : i+len(ids[0])]; deleted[string(id)] {
				t.Errorf("%s is left at byte %d of %s", id, i, filepath.Base(name))
			}
		}
	}
	var rows int
	var whole string
	if err := db.Read().QueryRow(`SELECT COUNT(*) FROM thing`).Scan(&rows); err != nil || rows != len(kept)+1000 {
		t.Errorf("%d rows, %v, want %d", rows, err, len(kept)+1000)
	}
	if err := db.Read().QueryRow(`PRAGMA integrity_check`).Scan(&whole); err != nil || whole != "ok" {
		t.Errorf("the file is %s, %v, want ok", whole, err)
	}
}
