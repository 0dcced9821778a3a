package store

import (
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestOldExportsAreForgottenAndSoIsWhatIsOfNone keeps what was found for the export that can
// still be read.
func TestOldExportsAreForgottenAndSoIsWhatIsOfNone(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if _, err := Open(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		noon := time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)
		var n int64
		err := db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
			for id, expires := range map[string]time.Time{"old": noon.Add(-time.Hour), "new": noon.Add(time.Hour), "gone": noon} {
				e := Export{Brand: "acme", ID: id, Customer: "c", Customers: []string{"brands/acme/customers/c"}, Counts: []byte{}, ExpireTime: expires}
				AddExport(tx, e)
				AddPart(tx, e, 0, 0, "sealed")
			}
			if _, err := tx.Exec(`DELETE FROM export WHERE id = 'gone'`); err != nil {
				return err
			}
			n, err = ForgetExports(tx, noon)
			return err
		})
		if err != nil || n != 1 {
			t.Errorf("%d exports are forgotten, %v, want 1", n, err)
		}
		var parts int64
		var left string
		err = db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*), MIN(export) FROM export_part`).Scan(&parts, &left)
		if err != nil || parts != 1 || left != "new" {
			t.Errorf("%d parts are kept, one of %q, %v, want that of the new one", parts, left, err)
		}
	})
}
