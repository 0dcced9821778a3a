package sqldb_test

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

var schema = fstest.MapFS{"0001_item.sql": {Data: []byte(`-- +goose Up
CREATE TABLE item (id BIGINT PRIMARY KEY, name TEXT NOT NULL, n BIGINT NOT NULL DEFAULT 0);
CREATE UNIQUE INDEX item_name ON item (name);
`)}}

const insert = `INSERT INTO item (id, name) VALUES ($1, $2)`

// migrated returns an empty database with the table item.
func migrated(t testing.TB, db *sqldb.DB) *sqldb.DB {
	t.Helper()
	if err := sqldb.Migrate(context.Background(), db, "item", schema); err != nil {
		t.Fatal(err)
	}
	return db
}

func count(t testing.TB, db *sqldb.DB) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(context.Background(), `SELECT COUNT(*) FROM item`).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func rowName(id int) string { return fmt.Sprint("item ", id) }

func add(ctx context.Context, db *sqldb.DB, id int) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(insert, id, rowName(id))
		return err
	})
}

func TestManyWritersAllCommit(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var wg sync.WaitGroup
		for w := range 64 {
			wg.Go(func() {
				for i := range 20 {
					id := w*1000 + i
					if err := add(t.Context(), db, id); err != nil {
						t.Error(err)
						return
					}
					var got int
					if err := db.Read().QueryRowContext(t.Context(), `SELECT id FROM item WHERE id = $1`, id).Scan(&got); err != nil {
						t.Errorf("read what was written: %v", err)
					}
				}
			})
		}
		wg.Wait()
		if got, want := count(t, db), 64*20; got != want {
			t.Errorf("rows = %d, want %d", got, want)
		}
	})
}

var errRefused = errors.New("refused")

func TestAFailingWriteHurtsNobodyElse(t *testing.T) {
	for name, bad := range map[string]func(tx *sqldb.Tx) error{
		"before it writes": func(*sqldb.Tx) error { return errRefused },
		"after it wrote": func(tx *sqldb.Tx) error {
			if _, err := tx.Exec(insert, -1, "bad"); err != nil {
				return err
			}
			return errRefused
		},
		"by a unique key": func(tx *sqldb.Tx) error {
			_, err := tx.Exec(insert, 0, "item 0")
			return err
		},
		"by a deferred statement": func(tx *sqldb.Tx) error { tx.Defer(insert, 0, "item 0"); return nil },
		"by a statement it ignores": func(tx *sqldb.Tx) error {
			tx.Exec(insert, 0, "item 0") //nolint:errcheck // on purpose
			return nil
		},
		"by a malformed statement": func(tx *sqldb.Tx) error { _, err := tx.Exec("SELEKT 1"); return err },
		"by a row that is no number": func(tx *sqldb.Tx) error {
			var n int
			return tx.QueryRow(`SELECT name FROM item WHERE id = $1`, 0).Scan(&n)
		},
		"by a panic":                func(*sqldb.Tx) error { panic("oh") },
		"by a panic after it wrote": func(tx *sqldb.Tx) error { tx.Defer(insert, -1, "bad"); panic("oh") },
	} {
		t.Run(name, func(t *testing.T) {
			sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
				db := migrated(t, open(t))
				if err := add(t.Context(), db, 0); err != nil {
					t.Fatal(err)
				}
				var wg sync.WaitGroup
				for w := range 32 {
					wg.Go(func() {
						for i := range 10 {
							if w%4 == 0 {
								if err := db.Write(t.Context(), bad); err == nil {
									t.Error("the bad write succeeded")
								}
								continue
							}
							if err := add(t.Context(), db, 1+w*100+i); err != nil {
								t.Errorf("good write: %v", err)
							}
						}
					})
				}
				wg.Wait()
				if got, want := count(t, db), 1+24*10; got != want {
					t.Errorf("rows = %d, want %d", got, want)
				}
			})
		})
	}
}
