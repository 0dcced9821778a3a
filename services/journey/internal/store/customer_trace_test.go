package store

import (
	"fmt"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A plan is made once for all customers, of whom PostgreSQL takes each for somebody of few
// touchpoints while it knows little of the table.
func TestATraceReadsTheEndsOfAJourneyHoweverLittlePostgreSQLKnows(t *testing.T) {
	s, err := Open(t.Context(), sqldbtest.Open(t, sqldbtest.Postgres(t)))
	if err != nil {
		t.Fatal(err)
	}
	batch := make([]Touchpoint, 2000)
	for i := range batch {
		batch[i] = Touchpoint{
			ID: fmt.Sprint("id-", i), Customer: fmt.Sprint("c-", i%2), Definition: "checkout", EventTime: int64(i+1) * day,
			RecordTime: 1, Stage: 1, Weight: 1, Service: i%4 == 0,
		}
	}
	do(t, s, func(tx *sqldb.Tx) error {
		_, err := s.Record(tx, "acme", batch)
		return err
	})
	err = s.Snapshot(t.Context(), func(snap *Snapshot) error {
		traces, err := s.Traces(snap.Reader(t.Context()), "acme", []string{"c-0", "c-1", "nobody"}, 3)
		if err != nil {
			return err
		}
		for n, want := range []string{"id-0 of 1000, 500 of service, to id-1998 id-1996 id-1994", "id-1 of 1000, 0 of service, to id-1999 id-1997 id-1995"} {
			trace := traces[fmt.Sprint("c-", n)]
			got := fmt.Sprintf("%s of %d, %d of service, to", trace.First.ID, trace.Count, trace.Served)
			for _, p := range trace.Latest {
				got += " " + p.ID
			}
			if got != want {
				t.Errorf("the trace of customer %d is %s, want %s", n, got, want)
			}
		}
		var sorting string
		if err := snap.conn.QueryRowContext(t.Context(), `SHOW enable_sort`).Scan(&sorting); err != nil || sorting != "on" {
			t.Errorf("behind it PostgreSQL sorts: %s, %v", sorting, err)
		}
		if _, err := snap.conn.ExecContext(t.Context(), `PREPARE traces (text[], text, bigint) AS `+s.selectTraces); err != nil {
			return err
		}
		return s.unsorted(snap.Reader(t.Context()), func() error {
			plan, err := planOf(t, snap, `EXPLAIN EXECUTE traces (ARRAY['c-0', 'c-1'], 'acme', 3)`)
			if strings.Contains(plan, "Sort  (") || !strings.Contains(plan, "Index Scan Backward using touchpoint_customer") {
				t.Errorf("all touchpoints of a customer are read and sorted:\n%s", plan)
			}
			return err
		})
	})
	if err != nil {
		t.Fatal(err)
	}
}

// planOf returns what EXPLAIN says.
func planOf(t *testing.T, snap *Snapshot, explain string) (string, error) {
	t.Helper()
	rows, err := snap.conn.QueryContext(t.Context(), explain)
	if err != nil {
		return "", err
	}
	defer rows.Close()
	var plan strings.Builder
	for rows.Next() {
		var step string
		if err := rows.Scan(&step); err != nil {
			return "", err
		}
		plan.WriteString(step + "\n")
	}
	return plan.String(), rows.Err()
}
