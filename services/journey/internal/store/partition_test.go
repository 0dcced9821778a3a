package store

import (
	"context"
	"fmt"
	"io/fs"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// addOne adds a touchpoint to the table as it was before it was divided.
const addOne = `INSERT INTO touchpoint (brand, id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase,
	expectation, is_service, weight) VALUES ($1, $2, 'c', 'checkout', 1, 1, 'web', 'e', 1, 1, 1, 1, 0, 1)`

func TestTouchpointsAreDividedUnderLoad(t *testing.T) {
	all, err := fs.Sub(migrations, "migrations")
	if err != nil {
		t.Fatal(err)
	}
	sqldbtest.Divide(t, sqldbtest.Division{
		Schema: "journey", Migrations: all, Number: "0017", Table: "touchpoint",
		Fill: `INSERT INTO touchpoint (brand, id, customer, definition, event_time, record_time, source, event_id, channel, stage, phase,
			expectation, is_service, weight) SELECT 'brand-' || i % 5, 'old-' || i, 'c', 'checkout', i, i, 'web', 'e', 1, 1, 1, 1, 0, 1 FROM generate_series(1, $1) AS i`,
		Turn: turn,
		Lost: `SELECT i FROM unnest($1::BIGINT[]) AS i
			LEFT JOIN touchpoint added   ON added.id = 'new-' || i
			LEFT JOIN touchpoint changed ON changed.id = 'old-' || i AND changed.rating = 7
			LEFT JOIN touchpoint deleted ON deleted.id = 'old-' || i + 1
			WHERE added.id IS NULL OR changed.id IS NULL OR deleted.id IS NOT NULL`,
	})
}

// turn adds a row, changes one and deletes the one after that.
func turn(ctx context.Context, app *sqldb.DB, i int) error {
	brand, next := fmt.Sprint("brand-", i%5), fmt.Sprint("brand-", (i+1)%5)
	err := app.Write(sqldb.ForBrand(ctx, brand), func(tx *sqldb.Tx) error {
		tx.Defer(addOne, brand, fmt.Sprint("new-", i))
		n, err := tx.Exec(`UPDATE touchpoint SET rating = 7 WHERE brand = $1 AND id = $2`, brand, fmt.Sprint("old-", i))
		if err == nil && n != 1 {
			err = fmt.Errorf("row %d is not there", i)
		}
		return err
	})
	if err != nil {
		return err
	}
	return app.Write(sqldb.ForBrand(ctx, next), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`DELETE FROM touchpoint WHERE brand = $1 AND id = $2`, next, fmt.Sprint("old-", i+1))
		return err
	})
}
