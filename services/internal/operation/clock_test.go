package operation

import (
	"context"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// off is a clock that is so far ahead.
func off(ahead time.Duration) func() time.Time {
	return func() time.Time { return resource.Now().Add(ahead) }
}

// clocks are those of who holds an operation, and of who would have it.
var clocks = []struct {
	name         string
	holder, next time.Duration
}{
	{"whose clock is an hour ahead", time.Hour, 0},
	{"beside one whose clock is an hour ahead", 0, time.Hour},
	{"whose clock is an hour behind", -time.Hour, 0},
	{"beside one whose clock is an hour behind", 0, -time.Hour},
}

// TestAnOperationIsHeldForAsLongWhateverTheClock: until the lease ends and no longer.
func TestAnOperationIsHeldForAsLongWhateverTheClock(t *testing.T) {
	for _, c := range clocks {
		t.Run("by a replica "+c.name, func(t *testing.T) {
			db := withTables(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
			died := func(_ context.Context, o Operation) (Operation, error) {
				return o, fault.NotFound("brands/acme/things/1")
			}
			holder, next := desk(db, died), desk(db, died)
			holder.clock.local, next.clock.local = off(c.holder), off(c.next)
			write(t, db, func(tx *sqldb.Tx) error {
				_, err := holder.Start(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
				return err
			})
			if _, worked, err := holder.work(t.Context()); !worked || err == nil {
				t.Fatalf("it works: %t, %v, want it to die at it", worked, err)
			}
			for _, d := range []*Desk{holder, next} {
				at, worked, err := d.work(t.Context())
				if left := time.Until(at); worked || err != nil || left <= leaseTime-5*time.Second || left > leaseTime+time.Second {
					t.Errorf("another works: %t, %v, and looks again after %v, want about %v", worked, err, left, leaseTime)
				}
			}
		})
	}
}

// TestAPartIsHeldForAsLongWhateverTheClock: the same of a part, and of one that failed.
func TestAPartIsHeldForAsLongWhateverTheClock(t *testing.T) {
	for _, c := range clocks {
		t.Run("by a replica "+c.name, func(t *testing.T) {
			db := withEffect(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
			begun, die := make(chan struct{}), make(chan struct{})
			s, others := &sum{parts: 2, do: func(context.Context, int64) error {
				close(begun)
				<-die
				return fault.NotFound("brands/acme/things/1")
			}}, &sum{parts: 2}
			_, _, o := s.parted(t, db)
			holder, next := s.desk(db), others.desk(db)
			holder.clock.local, next.clock.local = off(c.holder), off(c.next)
			ended := make(chan struct{})
			go func() {
				defer close(ended)
				if did, again, err := holder.do(t.Context(), o, s.split(), 1); did != nil || again > partAgain || err != nil {
					t.Errorf("a part that failed is done: %v, and tried again after %v, %v", did, again, err)
				}
			}()
			<-begun
			did, again, err := next.do(t.Context(), o, others.split(), 1)
			if did != nil || again <= leaseTime-5*time.Second || again > leaseTime+time.Second || err != nil {
				t.Errorf("a part in hand is done: %v, and tried again after %v, %v, want about %v", did, again, err, leaseTime)
			}
			close(die)
			<-ended
			if did, again, err = next.do(t.Context(), o, others.split(), 1); did != nil || again > partAgain+time.Second || err != nil {
				t.Errorf("a part that failed is done: %v, and tried again after %v, %v, want %v", did, again, err, partAgain)
			}
		})
	}
}
