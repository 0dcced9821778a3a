package audit

import (
	"fmt"
	"testing"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A worn log has events of hours from noon on.
type worn struct {
	*Log

	db   *sqldb.DB
	noon time.Time
}

// each runs f on both databases, on a log without events.
func each(t *testing.T, f func(t *testing.T, l worn)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		if err := Migrate(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		f(t, worn{NewLog(db), db, time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)})
	})
}

// add adds events of some hours and seals them, all of them at once.
func (l worn) add(t *testing.T, hours ...int) {
	t.Helper()
	err := l.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		for _, h := range hours {
			c := &Call{Method: "SlaService/CreateSchedule", Subject: "apiKeys/desk"}
			c.write(tx, "acme", fmt.Sprint("brands/acme/schedules/", h), "", eventv1.AuditEvent_OUTCOME_DONE, l.noon.Add(time.Duration(h)*time.Hour))
		}
		return nil
	})
	for n := 1; err == nil && n > 0; {
		n, err = l.seal(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
}

func (l worn) verify(t *testing.T, known *eventv1.AuditHead) *eventv1.VerifyAuditLogResponse {
	t.Helper()
	res, err := l.Verify(t.Context(), "acme", known)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// TestOldEventsGoAndTheChainStaysWhole forgets a part of a chain, more of it than fits into one
// transaction.
func TestOldEventsGoAndTheChainStaysWhole(t *testing.T) {
	each(t, func(t *testing.T, l worn) {
		const events, old = pruneBatch + 30, pruneBatch + 20
		var hours []int
		for h := range events {
			hours = append(hours, h)
		}
		l.add(t, hours...)
		before := l.verify(t, nil)
		if err := l.prune(t.Context(), l.noon.Add(old*time.Hour)); err != nil {
			t.Fatal(err)
		}
		after := l.verify(t, before.GetHead())
		if after.GetFirstBreak() != nil || after.GetHead().GetHash() != before.GetHead().GetHash() || after.GetPruned().GetSequence() != old {
			t.Errorf("Verify = %v, want a whole chain after %d", after, old)
		}
		if got := l.verify(t, after.GetPruned()); got.GetFirstBreak() != nil {
			t.Errorf("beside the head that was the last to go Verify = %v", got)
		}
		if got := l.verify(t, &eventv1.AuditHead{Sequence: old, Hash: "another"}); got.GetFirstBreak().GetSequence() != old {
			t.Errorf("beside another head Verify = %v", got)
		}
		if got := l.verify(t, &eventv1.AuditHead{Sequence: old - 1, Hash: "gone"}); got.GetFirstBreak().GetSequence() != old-1 {
			t.Errorf("beside a head of what is gone Verify = %v", got)
		}
		kept, err := l.List(t.Context(), &eventv1.ListAuditLogRequest{Parent: "brands/acme", PageSize: 200})
		if err != nil || len(kept) != events-old {
			t.Errorf("%d events are kept, %v, want %d", len(kept), err, events-old)
		}
		if err := l.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`DELETE FROM audit_event WHERE sequence = $1`, old+1)
			return err
		}); err != nil {
			t.Fatal(err)
		}
		if got := l.verify(t, nil); got.GetFirstBreak().GetSequence() != old+1 {
			t.Errorf("where the first that stays is gone Verify = %v", got)
		}
	})
}

// TestAnEventStaysAsLongAsOneSealedBeforeItDoes: events are sealed in the order of commits.
func TestAnEventStaysAsLongAsOneSealedBeforeItDoes(t *testing.T) {
	each(t, func(t *testing.T, l worn) {
		for _, h := range []int{1, 3, 2} {
			l.add(t, h)
		}
		if err := l.prune(t.Context(), l.noon.Add(150*time.Minute)); err != nil {
			t.Fatal(err)
		}
		if res := l.verify(t, nil); res.GetFirstBreak() != nil || res.GetPruned().GetSequence() != 1 {
			t.Errorf("Verify = %v, want one event that is gone", res)
		}
	})
}
