package api

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// TestTheBookIsForgottenBeforeAnybodyWakes changes hours and promises: once the write
// is committed, and before its caller knows, nothing old is left.
func TestTheBookIsForgottenBeforeAnybodyWakes(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s := newWorld(t, open(t), 1).Server
		record := table.Record{Brand: "acme", ID: "one", Version: 1, CreateTime: resource.Now(), UpdateTime: resource.Now()}
		for what, change := range map[string]func(*sqldb.Tx) error{
			"a schedule": func(tx *sqldb.Tx) error {
				return s.checkSchedule(tx, store.Schedule{}, &store.Schedule{Record: record, TimeZone: "UTC"})
			},
			"a policy": func(tx *sqldb.Tx) error {
				return s.checkPolicy(tx, store.SLAPolicy{}, &store.SLAPolicy{Record: record})
			},
		} {
			before, after := s.sla.book.edition, int64(0)
			err := s.DB.Write(t.Context(), func(tx *sqldb.Tx) error {
				err := change(tx)
				tx.AfterCommit(func() { after = s.sla.book.edition })
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if after != before+1 {
				t.Errorf("%s: the book is in edition %d, want %d", what, after, before+1)
			}
		}
	})
}
