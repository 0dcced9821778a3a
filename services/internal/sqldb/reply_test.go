package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"sync"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAWriteReadsWhatAReadReads(t *testing.T) {
	const query = `
		SELECT id, name, n, CAST(NULL AS TEXT), CAST(7 AS INTEGER), CAST(0.5 AS DOUBLE PRECISION), CAST('ab' AS BYTEA), n = 0,
		  (SELECT SUM(id) FROM item), (SELECT COUNT(*) FROM item)
		FROM item WHERE id > $1 ORDER BY id`
	scan := func(rows *sql.Rows, err error) (all []string, _ error) {
		if err != nil {
			return nil, err
		}
		defer rows.Close()
		columns, err := rows.Columns()
		if err != nil {
			return nil, err
		}
		for rows.Next() {
			values := make([]any, len(columns))
			into := make([]any, len(columns))
			for i := range values {
				into[i] = &values[i]
			}
			if err := rows.Scan(into...); err != nil {
				return nil, err
			}
			for i, v := range values {
				all = append(all, fmt.Sprintf("%s %T %v", columns[i], v, v))
			}
		}
		return all, rows.Err()
	}
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for id := range 3 {
			if err := add(t.Context(), db, id); err != nil {
				t.Fatal(err)
			}
		}
		want, err := scan(db.Read().QueryContext(t.Context(), query, 0))
		if err != nil || len(want) != 20 {
			t.Fatalf("a read = %v, %v; want two rows of ten columns", want, err)
		}
		var got []string
		err = db.Write(t.Context(), func(tx *sqldb.Tx) (err error) { got, err = scan(tx.Query(query, 0)); return err })
		if err != nil || fmt.Sprint(got) != fmt.Sprint(want) {
			t.Errorf("a write reads\n%v, %v; want\n%v", got, err, want)
		}
	})
}

// TestWhatMayWaitIsCommittedWithItsWrite has writes that succeed and are undone in the
// same groups, and then beside those some that fail or meet a key that is taken.
func TestWhatMayWaitIsCommittedWithItsWrite(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		if err := add(t.Context(), db, 3); err != nil {
			t.Fatal(err)
		}
		for round := range 3 {
			release := occupy(t, db)
			var wg sync.WaitGroup
			queued := make(chan struct{}, 64)
			for i := range 64 {
				kind := i % 8
				refused, taken, undone := kind == 1 && round == 2, kind == 3 && round == 2, kind == 2 && round > 0
				id := 1000*(round+1) + i
				if taken {
					id = 3
				}
				f := func(tx *sqldb.Tx) error {
					tx.Finally(insert, id, rowName(id))
					if refused {
						return errRefused
					}
					if round == 0 { // then nothing else is in the transaction
						return nil
					}
					return tx.QueryRow(`SELECT COUNT(*) FROM item WHERE id = $1`, -1).Scan(new(int))
				}
				write := db.Write
				if undone {
					write = db.Try
				}
				wg.Go(func() {
					queued <- struct{}{}
					if err := write(context.Background(), f); (err != nil) != (refused || taken) || taken != sqldb.Unique(err) {
						t.Errorf("round %d, write %d: %v", round, i, err)
					}
				})
			}
			for range 64 {
				<-queued
			}
			release()
			wg.Wait()
		}
		if got, want := count(t, db), 1+8*8+7*8+5*8; got != want {
			t.Errorf("rows = %d, want %d", got, want)
		}
	})
}
