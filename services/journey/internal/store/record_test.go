package store

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// On PostgreSQL, sums are written and measures looked for by one transaction at a time,
// however the touchpoints were stored before.
func TestWhoeverRecordsEndsWithTheTurn(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		if !s.db.Postgres() {
			return // it has one writer
		}
		for _, batch := range [][]Touchpoint{
			{touchpoint(1)},
			{touchpoint(2), touchpoint(3)},
			{touchpoint(3), touchpoint(4)}, // known in part
			{touchpoint(3), touchpoint(4)}, // known
		} {
			var held int
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := s.Record(tx, "acme", batch); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted`).Scan(&held)
			})
			if err != nil || held != 1 {
				t.Errorf("after a batch of %d it holds %d turns, %v, want 1", len(batch), held, err)
			}
		}
	})
}
