package sqldb

import "testing"

func TestAStatementIsNamedByItsVerbAndTable(t *testing.T) {
	for _, tt := range []struct{ query, want string }{
		{"SELECT id FROM ticket WHERE brand = $1", "SELECT ticket"},
		{"\n\t\tINSERT INTO outbox (id, brand) VALUES ($1, $2)", "INSERT outbox"},
		{"UPDATE ticket SET state = $1", "UPDATE ticket"},
		{"DELETE FROM inbox WHERE id IN (SELECT id FROM inbox LIMIT 1000)", "DELETE inbox"},
		{"WITH n (i) AS (SELECT 1) SELECT i FROM n", "WITH n"},
		{"WITH moved AS (DELETE FROM mark RETURNING id) SELECT id FROM moved", "DELETE mark"},
		{"COPY touchpoint (id) FROM STDIN (FORMAT binary)", "COPY touchpoint"},
		{"SELECT EXISTS (SELECT 1 FROM (SELECT 'Ann' AS name) AS x)", "SELECT"},
		{"SELECT pg_advisory_xact_lock($1)", "SELECT"},
		{"select 1 from \"Ann\"", "SELECT"},
		{"SAVEPOINT one", "SAVEPOINT"},
		{"", ""},
	} {
		if got := summary(tt.query); got != tt.want {
			t.Errorf("summary(%q) = %q, want %q", tt.query, got, tt.want)
		}
	}
}
