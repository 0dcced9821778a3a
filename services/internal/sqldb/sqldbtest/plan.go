package sqldbtest

import (
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Plan returns how db would run a statement, in its own words, a step a line.
func Plan(t testing.TB, db *sqldb.DB, text string, args ...any) string {
	t.Helper()
	how := `EXPLAIN QUERY PLAN `
	if db.Postgres() {
		how = `EXPLAIN `
	}
	rows, err := db.Read().QueryContext(t.Context(), how+text, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	var steps []string
	for rows.Next() {
		var step string
		into := []any{&step}
		if !db.Postgres() {
			into = []any{new(int), new(int), new(int), &step}
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return strings.Join(steps, "\n")
}
