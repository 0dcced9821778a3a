package watch

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestWhatIsWrittenTogetherComesTogetherAndSoonUnlessThereIsMuch(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	synctest.Test(t, func(t *testing.T) {
		h := NewHub(db, bus.NewOutbox(db))
		tail, w := h.join(Request{Brand: acme, Match: all})
		defer h.leave(tail, w)
		if err := tail.await(t.Context()); err != nil {
			t.Fatal(err)
		}
		hand := func(events int, after time.Duration) {
			t.Helper()
			began := time.Now()
			for range events {
				tail.hear(event(acme, "k"))
			}
			<-w.wake
			b, err := w.take()
			if took := time.Since(began); err != nil || len(b.Events) != events || took != after {
				t.Errorf("%d events of %d came after %v, %v; want all after %v", len(b.Events), events, took, err, after)
			}
		}
		hand(2, linger)
		hand(3, rest) // at once after the others
		time.Sleep(rest - 2*linger)
		hand(1, 2*linger)
		time.Sleep(time.Minute)
		hand(2, linger)
	})
}
