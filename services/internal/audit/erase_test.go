package audit_test

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestTheChainStaysWholeWhereAResourceIsErased takes the name of a customer out of an event,
// and then puts another in its place.
func TestTheChainStaysWholeWhereAResourceIsErased(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB, l *audit.Log) {
		for _, resource := range []string{"brands/acme/customers/ann", "brands/acme/customers/bob", "brands/acme/customers/cy"} {
			done(t, db, resource)
		}
		if res := sealed(t, l, "acme", 3); res.GetFirstBreak() != nil {
			t.Fatalf("a chain nobody has touched is broken: %v", res)
		}
		for _, change := range []struct {
			set   string
			whole bool
		}{
			{`resource = '', salt = ''`, true},
			{`resource = 'brands/acme/customers/dora'`, false},
			{`resource = '', digest = ''`, false},
		} {
			err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`UPDATE audit_event SET ` + change.set + ` WHERE brand = 'acme' AND sequence = 2`)
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			if res := sealed(t, l, "acme", 3); (res.GetFirstBreak() == nil) != change.whole {
				t.Errorf("after %s the chain is said to be %v", change.set, res)
			}
		}
	})
}
