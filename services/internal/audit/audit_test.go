package audit_test

import (
	"context"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// each runs f on both databases, on a log that is sealed beside it.
func each(t *testing.T, f func(t *testing.T, db *sqldb.DB, l *audit.Log)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if err := audit.Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		l := audit.NewLog(db)
		ctx, cancel := context.WithCancel(context.Background())
		var wg sync.WaitGroup
		for range 2 { // replicas
			wg.Go(func() { l.Work(ctx) })
		}
		t.Cleanup(func() { cancel(); wg.Wait() })
		f(t, db, l)
	})
}

// done writes that something was done to a resource.
func done(t *testing.T, db *sqldb.DB, resource string) {
	t.Helper()
	c := &audit.Call{Method: "SlaService/CreateSchedule", Subject: "apiKeys/desk", Peer: "192.0.2.7"}
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { c.Done(tx, resource, "r-1"); return nil }); err != nil {
		t.Fatal(err)
	}
}

// sealed waits until a brand's log has n sealed events and returns what a check says.
func sealed(t *testing.T, l *audit.Log, brand string, n int64) *eventv1.VerifyAuditLogResponse {
	t.Helper()
	for end := time.Now().Add(30 * time.Second); ; {
		res, err := l.Verify(t.Context(), brand, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res.GetHead().GetSequence() == n && res.GetUnsealedCount() == 0 || time.Now().After(end) {
			return res
		}
		<-time.After(5 * time.Millisecond)
	}
}

func list(t *testing.T, l *audit.Log, req *eventv1.ListAuditLogRequest) []*eventv1.AuditEvent {
	t.Helper()
	req.Service = "ticket"
	all, err := l.List(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return all
}

func TestEventsAreListedAndSealed(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB, l *audit.Log) {
		var wg sync.WaitGroup
		for w := range 4 {
			wg.Go(func() {
				for i := range 25 {
					done(t, db, fmt.Sprintf("brands/acme/schedules/s%d-%d", w, i))
				}
			})
		}
		done(t, db, "brands/beta/schedules/other")
		l.Denied(audit.Call{Brand: "acme", Method: "SlaService/CreateSchedule", Subject: "apiKeys/reader"})
		wg.Wait()
		res := sealed(t, l, "acme", 101)
		if res.GetFirstBreak() != nil || res.GetHead().GetSequence() != 101 || len(res.GetHead().GetHash()) != 64 {
			t.Fatalf("Verify = %v", res)
		}
		var seen []string
		req := &eventv1.ListAuditLogRequest{Parent: "brands/acme", PageSize: 7}
		for page := list(t, l, req); len(page) > 0; page = list(t, l, req) {
			for _, e := range page {
				seen = append(seen, e.GetName())
			}
			last := page[len(page)-1]
			req.AfterTime, req.AfterName = last.GetEventTime(), last.GetName()
		}
		unique := map[string]bool{}
		for _, n := range seen {
			unique[n] = true
		}
		if len(seen) != 101 || len(unique) != 101 {
			t.Errorf("pages have %d events, %d of them different, want 101", len(seen), len(unique))
		}
		one := list(t, l, &eventv1.ListAuditLogRequest{Parent: "brands/acme", Resource: "brands/acme/schedules/s1-2"})
		if len(one) != 1 || one[0].GetSubject() != "apiKeys/desk" || one[0].GetOutcome() != eventv1.AuditEvent_OUTCOME_DONE ||
			one[0].GetPeer() != "192.0.2.7" || one[0].GetRequestId() != "r-1" || !strings.HasPrefix(one[0].GetName(), "brands/acme/auditEvents/ticket-") {
			t.Errorf("by resource: %v", one)
		}
		denied := list(t, l, &eventv1.ListAuditLogRequest{Parent: "brands/acme", Subject: "apiKeys/reader"})
		if len(denied) != 1 || denied[0].GetOutcome() != eventv1.AuditEvent_OUTCOME_DENIED {
			t.Errorf("by subject: %v", denied)
		}
	})
}

func TestAChangeOfTheLogIsNoticed(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB, l *audit.Log) {
		tamper := func(brand, query string, args ...any) *eventv1.VerifyAuditLogResponse {
			t.Helper()
			for i := range 5 {
				done(t, db, fmt.Sprintf("brands/%s/schedules/s%d", brand, i))
			}
			if res := sealed(t, l, brand, 5); res.GetFirstBreak() != nil {
				t.Fatalf("before: %v", res)
			}
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				_, err := tx.Exec(query, append([]any{brand}, args...)...)
				return err
			}); err != nil {
				t.Fatal(err)
			}
			res, err := l.Verify(t.Context(), brand, nil)
			if err != nil {
				t.Fatal(err)
			}
			return res
		}
		for _, tc := range []struct {
			brand, query string
			at           int64
		}{
			{"changed", `UPDATE audit_event SET subject = 'somebody' WHERE brand = $1 AND sequence = 3`, 3},
			{"deleted", `DELETE FROM audit_event WHERE brand = $1 AND sequence = 2`, 2},
			{"cut", `DELETE FROM audit_event WHERE brand = $1 AND sequence > 3`, 4},
			{"emptied", `DELETE FROM audit_event WHERE brand = $1`, 1},
			{"shortened", `UPDATE audit_head SET sequence = 4 WHERE brand = $1`, 6},
		} {
			if res := tamper(tc.brand, tc.query); res.GetFirstBreak().GetSequence() != tc.at {
				t.Errorf("%s: the first break is %v, want %d", tc.brand, res.GetFirstBreak(), tc.at)
			}
		}
		// Who rewrites everything is found out by who has kept a head.
		done(t, db, "brands/gone/schedules/s")
		known := sealed(t, l, "gone", 1).GetHead()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`DELETE FROM audit_event WHERE brand = 'gone'`)
			tx.Defer(`DELETE FROM audit_head WHERE brand = 'gone'`)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
		done(t, db, "brands/gone/schedules/another")
		if res := sealed(t, l, "gone", 1); res.GetFirstBreak() != nil {
			t.Errorf("a rewritten chain: %v", res)
		}
		res, err := l.Verify(t.Context(), "gone", known)
		if err != nil || res.GetFirstBreak().GetSequence() != 1 {
			t.Errorf("a rewritten chain beside a known head: %v, %v", res, err)
		}
	})
}

func TestACallThatIsNotAuditedWritesNothing(t *testing.T) {
	if audit.Of(t.Context()) != nil {
		t.Error("a call is audited by itself")
	}
	c := &audit.Call{Method: "X/Y"}
	if audit.Of(audit.With(t.Context(), c)) != c {
		t.Error("an audited call is forgotten")
	}
}
