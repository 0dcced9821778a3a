package sqldb_test

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// PostgreSQL plans a query once for all brands, and a run of it opens the partition of one.
func TestAQueryOfABrandOpensOnePartition(t *testing.T) {
	address := sqldbtest.Postgres(t)
	admin, err := pgx.Connect(t.Context(), address)
	if err != nil {
		t.Fatal(err)
	}
	defer admin.Close(context.Background()) //nolint:errcheck // it is done
	statements := []string{`CREATE TABLE item (brand TEXT, id TEXT, n BIGINT, PRIMARY KEY (brand, id)) PARTITION BY HASH (brand)`}
	for n := range 16 {
		statements = append(statements, fmt.Sprintf(`CREATE TABLE item_p%d PARTITION OF item FOR VALUES WITH (MODULUS 16, REMAINDER %d)`, n, n))
	}
	for _, statement := range statements {
		if _, err := admin.Exec(t.Context(), statement); err != nil {
			t.Fatal(err)
		}
	}
	db := sqldbtest.Open(t, address)
	const explain = `EXPLAIN (COSTS OFF) EXECUTE one ('acme', '1')`
	for _, query := range []string{
		`SELECT n FROM item WHERE brand = $1 AND id = $2`,
		`UPDATE item SET n = 1 WHERE brand = $1 AND id = $2`,
		`DELETE FROM item WHERE brand = $1 AND id = $2`,
	} {
		var plan string
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`PREPARE one (TEXT, TEXT) AS ` + query)
			rows, err := tx.Query(explain)
			if err != nil {
				return err
			}
			plan, err = steps(rows)
			tx.Defer(`DEALLOCATE one`)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(plan, "Subplans Removed: 15") {
			t.Errorf("a write plans %s as\n%s", query, plan)
		}
	}
	conn, err := db.Read().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // it is read only
	if _, err := conn.ExecContext(t.Context(), `PREPARE one (TEXT, TEXT) AS SELECT n FROM item WHERE brand = $1 AND id = $2`); err != nil {
		t.Fatal(err)
	}
	rows, err := conn.QueryContext(t.Context(), explain)
	if err != nil {
		t.Fatal(err)
	}
	if plan, err := steps(rows); err != nil || !strings.Contains(plan, "Subplans Removed: 15") {
		t.Errorf("a read is planned as\n%s%v", plan, err)
	}
}

// steps returns the lines of a plan.
func steps(rows *sql.Rows) (string, error) {
	defer rows.Close()
	var all strings.Builder
	for rows.Next() {
		var line string
		if err := rows.Scan(&line); err != nil {
			return "", err
		}
		all.WriteString(line + "\n")
	}
	return all.String(), rows.Err()
}
