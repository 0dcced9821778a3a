package sqldb_test

import (
	"errors"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestASnapshotIsOfOneMoment(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		stop := errors.New("seen enough")
		err := db.Snapshot(t.Context(), func(s *sqldb.Snapshot) error {
			for id := range 3 {
				var n int
				if err := s.QueryRow(`SELECT COUNT(*) FROM item`).Scan(&n); err != nil || n != 0 {
					t.Errorf("%d rows, %v after %d writes, want none as at first", n, err, id)
				}
				if err := add(t.Context(), db, id); err != nil {
					return err
				}
			}
			return s.Each(func(func(...any) error) error {
				t.Error("a row is there that was written after the first look")
				return nil
			}, `SELECT id FROM item WHERE id >= $1`, 0)
		})
		if err != nil {
			t.Fatal(err)
		}
		var ids []int
		err = db.Snapshot(t.Context(), func(s *sqldb.Snapshot) error {
			return s.Each(func(scan func(...any) error) error {
				var id int
				if err := scan(&id); err != nil || id == 2 {
					return errors.Join(err, stop)
				}
				ids = append(ids, id)
				return nil
			}, `SELECT id FROM item WHERE id >= $1 ORDER BY id`, 1)
		})
		if !errors.Is(err, stop) || len(ids) != 1 || ids[0] != 1 {
			t.Errorf("visited %v, %v, want 1 and then what the visitor says", ids, err)
		}
	})
}
