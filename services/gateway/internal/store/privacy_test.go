package store

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/privacy/privacytest"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestEveryColumnIsThoughtOf walks the schema: what nobody has said anything of may hold
// somebody who was erased.
func TestEveryColumnIsThoughtOf(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if _, err := Open(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		privacytest.Complete(t, db, PrivacyTables())
	})
}
