package sqldb_test

import (
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestOneProcessAtATimeHasTheLead(t *testing.T) {
	url := sqldbtest.Postgres(t)
	a, b := sqldbtest.Open(t, url), sqldbtest.Open(t, url)
	for range 20 { // more often than there are connections
		mine := lead(t, a)
		if mine == nil {
			t.Fatal("nobody has the lead, and it cannot be had")
		}
		if two := lead(t, b); two != nil {
			t.Fatal("two have the lead")
		}
		mine.Release()
		a, b = b, a
	}
}

func TestALeadThatIsLeftAloneIsLost(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.Postgres(t))
	mine := lead(t, db)
	defer mine.Release()
	if got, err := ask(t, mine, `SHOW idle_session_timeout`); err != nil || got != "15s" {
		t.Errorf("the server ends a silent session after %q, %v, want 15s", got, err)
	}
	if _, err := ask(t, mine, `SELECT pg_terminate_backend(pg_backend_pid())`); err == nil {
		t.Error("a session ended itself without an error")
	}
	if _, err := ask(t, mine, `SELECT 1`); err == nil {
		t.Error("a lead that is lost still answers")
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	next := lead(t, db)
	for next == nil { // until the server has cleared up after the session
		select {
		case <-tick.C:
			next = lead(t, db)
		case <-end:
			t.Fatal("a lead that is lost cannot be had")
		}
	}
	next.Release()
}

func TestSQLiteHasTheLeadAnyway(t *testing.T) {
	mine := lead(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	defer mine.Release()
	if got, err := ask(t, mine, `SELECT 1`); err != nil || got != "1" {
		t.Errorf("it reads %q, %v, want 1", got, err)
	}
}

func lead(t *testing.T, db *sqldb.DB) *sqldb.Lead {
	t.Helper()
	l, err := db.Lead(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ask returns what a query of one row answers.
func ask(t *testing.T, l *sqldb.Lead, query string) (answer string, err error) {
	t.Helper()
	rows, err := l.Query(t.Context(), query)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	for rows.Next() {
		if err := rows.Scan(&answer); err != nil {
			return "", err
		}
	}
	return answer, rows.Err()
}
