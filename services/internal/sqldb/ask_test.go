package sqldb_test

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func named(name string) sqldb.Ask {
	return sqldb.Ask{Query: `SELECT id, name FROM item WHERE name = $1`, Key: []string{name}}
}

func TestAWriteLearnsWhatItAskedFor(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for id := range 32 {
			if err := add(t.Context(), db, id); err != nil {
				t.Fatal(err)
			}
		}
		release := occupy(t, db)
		var wg sync.WaitGroup
		queued := make(chan struct{}, 64)
		for id := range 64 {
			wg.Go(func() {
				queued <- struct{}{}
				if id%8 == 0 { // one that asks for nothing
					if err := db.Write(context.Background(), func(*sqldb.Tx) error { return nil }); err != nil {
						t.Error(err)
					}
					return
				}
				var first, second error
				var got, again int
				var name string
				err := db.WriteAsking(context.Background(), named(rowName(id)), func(tx *sqldb.Tx) error {
					first = tx.Asked().Scan(&got, &name)
					tx.Defer(`UPDATE item SET id = id + 1000 WHERE name = $1`, rowName(id))
					second = tx.Asked().Scan(&again, &name)
					return nil
				})
				switch {
				case err != nil:
					t.Error(err)
				case id >= 32 && (!errors.Is(first, sql.ErrNoRows) || !errors.Is(second, sql.ErrNoRows)):
					t.Errorf("asked for row %d: %v, then %v; want no rows", id, first, second)
				case id < 32 && (first != nil || second != nil || got != id || again != id+1000 || name != rowName(id)):
					t.Errorf("asked for row %d: %d %q %v, then %d %v", id, got, name, first, again, second)
				}
			})
		}
		for range 64 {
			<-queued
		}
		release()
		wg.Wait()
	})
}

// TestALaneThatDoesNotLookIsPutRight asks for rows that are there after so many that
// were not that no lane looks any longer.
func TestALaneThatDoesNotLookIsPutRight(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		// ask adds a row unless it is there, and returns how often it had to run.
		ask := func(id int) (there bool, runs int) {
			err := db.WriteAsking(context.Background(), named(rowName(id)), func(tx *sqldb.Tx) error {
				runs++
				err := tx.Asked().Scan(new(int), new(string))
				there = err == nil
				if errors.Is(err, sql.ErrNoRows) {
					tx.Defer(insert, id, rowName(id))
					return nil
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return there, runs
		}
		const known = 1000
		for id := range known {
			if there, _ := ask(id); there {
				t.Fatalf("row %d was there before it was added", id)
			}
		}
		there, runs := ask(0)
		if !there || db.Postgres() && runs != 2 {
			t.Errorf("row 0 is there: %v, after %d runs; want it, in a second run where the lane did not look", there, runs)
		}
		var wg sync.WaitGroup
		for id := known - 100; id < known+100; id++ {
			wg.Go(func() {
				if there, _ := ask(id); there != (id < known) {
					t.Errorf("row %d of %d was there: %v", id, known, there)
				}
			})
		}
		wg.Wait()
	})
}

func TestTwinsOfOneGroupSeeEachOther(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for round := range 10 {
			var wg sync.WaitGroup
			for i := range 32 {
				wg.Go(func() {
					name := fmt.Sprint("round ", round)
					add := func(tx *sqldb.Tx) error {
						err := tx.Asked().Scan(new(int), new(string))
						if errors.Is(err, sql.ErrNoRows) {
							tx.Finally(insert, round*100+i, name)
							return nil
						}
						return err
					}
					err := db.WriteAsking(t.Context(), named(name), add)
					if sqldb.Unique(err) { // a twin on another lane was first
						err = db.WriteAsking(t.Context(), named(name), add)
					}
					if err != nil {
						t.Error(err)
					}
				})
			}
			wg.Wait()
		}
		if got := count(t, db); got != 10 {
			t.Errorf("rows = %d, want one a round", got)
		}
	})
}

// TestALaneLooksForWhatItMust asks, beside others who ask something else, for rows whose
// absence no lane may take for granted.
func TestALaneLooksForWhatItMust(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		ask := func(id int) (there bool, runs int) {
			a := sqldb.Ask{Query: `SELECT 1 FROM item WHERE name = $1`, Key: []string{rowName(id)}, Look: true}
			err := db.WriteAsking(context.Background(), a, func(tx *sqldb.Tx) error {
				runs++
				err := tx.Asked().Scan(new(int))
				if there = err == nil; errors.Is(err, sql.ErrNoRows) {
					err = nil
				}
				return err
			})
			if err != nil {
				t.Error(err)
			}
			return there, runs
		}
		for id := range 500 { // until no lane looks for the others
			err := db.WriteAsking(t.Context(), named(rowName(id)), func(tx *sqldb.Tx) error {
				tx.Finally(insert, id, rowName(id))
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
		}
		release := occupy(t, db)
		var wg sync.WaitGroup
		queued := make(chan struct{}, 100)
		for id := 450; id < 550; id++ {
			wg.Go(func() {
				queued <- struct{}{}
				if id%2 == 0 {
					if there, runs := ask(id); there != (id < 500) || runs != 1 {
						t.Errorf("row %d was there: %v, after %d runs; want %v after one", id, there, runs, id < 500)
					}
					return
				}
				err := db.WriteAsking(context.Background(), named(fmt.Sprint("new ", id)), func(tx *sqldb.Tx) error {
					return tx.Asked().Scan(new(int), new(string))
				})
				if !errors.Is(err, sql.ErrNoRows) {
					t.Errorf("asked for a row that is not there: %v", err)
				}
			})
		}
		for range 100 {
			<-queued
		}
		release()
		wg.Wait()
	})
}

func TestAskedRowsScanAsQueriedOnes(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		if err := add(t.Context(), db, 7); err != nil {
			t.Fatal(err)
		}
		ask := sqldb.Ask{
			Query: `SELECT id, name, CAST(NULL AS TEXT) FROM item WHERE name = $1 AND $2 = 'b' AND name = $1`,
			Key:   []string{rowName(7), "b"},
		}
		var (
			id   int64
			name []byte
			none sql.NullString
			few  error
		)
		err := db.WriteAsking(t.Context(), ask, func(tx *sqldb.Tx) error { return tx.Asked().Scan(&id, &name, &none) })
		if err != nil || id != 7 || string(name) != rowName(7) || none.Valid {
			t.Errorf("asked row = %d %q %v, %v", id, name, none, err)
		}
		err = db.WriteAsking(t.Context(), ask, func(tx *sqldb.Tx) error { few = tx.Asked().Scan(&id); return nil })
		if err != nil || few == nil {
			t.Errorf("a scan into too few variables = %v, the write = %v", few, err)
		}
		err = db.WriteAsking(t.Context(), sqldb.Ask{Query: `SELEKT $1`, Key: []string{"a"}}, func(tx *sqldb.Tx) error {
			return tx.Asked().Scan(&id)
		})
		if err == nil {
			t.Error("a malformed question was answered")
		}
		if err := add(t.Context(), db, 8); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}

func TestDeferredStatementsKeepTheirOrder(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		release := occupy(t, db)
		var wg sync.WaitGroup
		queued := make(chan struct{}, 40)
		for id := range 40 {
			wg.Go(func() {
				queued <- struct{}{}
				if err := db.Write(context.Background(), func(tx *sqldb.Tx) error {
					tx.Defer(insert, id, rowName(id))
					tx.Defer(insert, id+100, rowName(id+100))
					tx.Defer(`UPDATE item SET n = n + 1 WHERE id IN ($1, $2)`, id, id+100)
					if id%2 == 0 {
						tx.Defer(`DELETE FROM item WHERE id = $1`, id)
						tx.Defer(insert, id, rowName(id))
					}
					return nil
				}); err != nil {
					t.Error(err)
				}
			})
		}
		for range 40 {
			<-queued
		}
		release()
		wg.Wait()
		var sum int
		if err := db.Read().QueryRowContext(t.Context(), `SELECT SUM(n) FROM item`).Scan(&sum); err != nil || sum != 60 || count(t, db) != 80 {
			t.Errorf("%d rows, changed %d times, %v; want 80 and 60", count(t, db), sum, err)
		}
	})
}
