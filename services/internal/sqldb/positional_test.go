package sqldb

import "testing"

func TestPositional(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"SELECT 1", "SELECT 1"},
		{"INSERT INTO t (a, b) VALUES ($1, $2)", "INSERT INTO t (a, b) VALUES (?, ?)"},
		{"VALUES ($1,$2,$3,$4,$5,$6,$7,$8,$9,$10,$11)", "VALUES (?,?,?,?,?,?,?,?,?,?,?)"},
		{"UPDATE t SET a = $1 WHERE b = $2 AND ($3 = 0 OR c = $3)", "UPDATE t SET a = $1 WHERE b = $2 AND ($3 = 0 OR c = $3)"},
		{"SELECT $2, $1", "SELECT $2, $1"},
		{"SELECT $1, '$2', $2", "SELECT $1, '$2', $2"},
		{"SELECT $10", "SELECT $10"},
		{"SELECT $1", "SELECT ?"},
	} {
		if got := positional(tt.in); got != tt.want {
			t.Errorf("positional(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
}
