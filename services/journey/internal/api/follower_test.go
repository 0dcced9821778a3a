package api

import (
	"fmt"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// Somebody who cannot be brought up to date does not hold up those who come after.
func TestOneWhoCannotBeFollowedStaysBehindAlone(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	s := newTestServer(t, db)
	batch := make([]store.Touchpoint, 30)
	for i := range batch {
		id := fmt.Sprintf("c%02d", i)
		batch[i] = store.Touchpoint{ID: id, Customer: id, Definition: "delivery", EventTime: 1, RecordTime: 1, Stage: 3, Weight: 1}
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := s.store.Record(tx, "acme", batch)
		tx.Defer(`UPDATE touchpoint SET event_time = 'never' WHERE id = 'c07'`)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	f, left, failed := follower{server: s, batch: followBatch}, 30, 0
	for range 50 {
		if _, err := f.pass(t.Context()); err != nil {
			failed++
		}
		if err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM customer_stale`).Scan(&left); err != nil {
			t.Fatal(err)
		}
	}
	if left != 1 || failed == 0 {
		t.Errorf("%d customers stay behind after %d failures, want one", left, failed)
	}
}
