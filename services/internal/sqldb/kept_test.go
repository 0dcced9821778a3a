package sqldb_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestReadsKeepTheirStatementsAndAnswerAnew(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	conn, err := db.Read().Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close() //nolint:errcheck // nothing was written
	for n := range 5 {
		if err := add(t.Context(), db, n); err != nil {
			t.Fatal(err)
		}
		var got, one int
		if err := conn.QueryRowContext(t.Context(), `SELECT COUNT(*), $1 + 0 FROM item`, n).Scan(&got, &one); err != nil || got != n+1 || one != n {
			t.Errorf("after %d rows the same text answers %d and %d, %v", n+1, got, one, err)
		}
	}
}

func TestOneTextHasRowsOpenTwice(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	for n := range 3 {
		if err := add(t.Context(), db, n); err != nil {
			t.Fatal(err)
		}
	}
	sum := 0
	err := db.Snapshot(t.Context(), func(s *sqldb.Snapshot) error {
		const query = `SELECT id FROM item ORDER BY id`
		return s.Each(func(func(...any) error) error {
			return s.Each(func(scan func(...any) error) error {
				var id int
				err := scan(&id)
				sum += id
				return err
			}, query)
		}, query)
	})
	if err != nil || sum != 9 {
		t.Errorf("the rows of the inner queries add up to %d, %v; want 9", sum, err)
	}
}

func TestMoreTextsThanAreKeptAreRead(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	for range 2 {
		for n := range 200 {
			var got int
			if err := db.Read().QueryRowContext(t.Context(), fmt.Sprintf(`SELECT %d + $1`, n), 1).Scan(&got); err != nil || got != n+1 {
				t.Fatalf("query %d answers %d, %v", n, got, err)
			}
		}
	}
}

func TestAQueryThatIsCancelledSpoilsNoOther(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	const query = `WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < $1) SELECT COUNT(*) FROM n`
	ctx, cancel := context.WithCancel(t.Context())
	var got int
	if err := db.Read().QueryRowContext(ctx, query, 10).Scan(&got); err != nil || got != 10 {
		t.Fatalf("the query answers %d, %v; want 10", got, err)
	}
	go cancel()
	if err := db.Read().QueryRowContext(ctx, query, 1<<40).Scan(&got); err == nil {
		t.Error("a query goes on whose caller went away")
	}
	if err := db.Read().QueryRowContext(t.Context(), query, 20).Scan(&got); err != nil || got != 20 {
		t.Errorf("the same text answers %d afterward, %v; want 20", got, err)
	}
}
