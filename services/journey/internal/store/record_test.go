package store

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// On PostgreSQL, sums are written and measures looked for by one transaction at a time,
// however the touchpoints were stored before.
func TestWhoeverRecordsEndsWithTheTurn(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		if !s.db.Postgres() {
			return // it has one writer
		}
		for _, batch := range [][]Touchpoint{
			{touchpoint(1)},
			{touchpoint(2), touchpoint(3)},
			{touchpoint(3), touchpoint(4)}, // known in part
			{touchpoint(3), touchpoint(4)}, // known
		} {
			var held int
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				if _, err := s.Record(tx, "acme", batch); err != nil {
					return err
				}
				return tx.QueryRow(`SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND pid = pg_backend_pid() AND granted`).Scan(&held)
			})
			if err != nil || held != 1 {
				t.Errorf("after a batch of %d it holds %d turns, %v, want 1", len(batch), held, err)
			}
		}
	})
}

// stretch is touchpoints from one number to another, recorded at a time.
func stretch(from, to int, recordTime int64) []Touchpoint {
	var batch []Touchpoint
	for i := from; i < to; i++ {
		t := touchpoint(i)
		t.RecordTime = recordTime
		batch = append(batch, t)
	}
	return batch
}

func TestWhatABatchRepeatsIsAnsweredAsItIsStored(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		reach := 0 // the first that is unknown
		for n := range int64(2*wary + 4) {
			from, to := reach, reach+60
			if n%(wary+2) == 1 {
				from -= 30
			}
			for i, r := range record(t, s, stretch(from, to, n)...) {
				if isNew := from+i >= reach; r.New != isNew || r.Touchpoint.ID != fmt.Sprint("t", from+i) || (r.Touchpoint.RecordTime == n) != isNew {
					t.Fatalf("batch %d, item %d = %+v, want new %t", n, i, r, isNew)
				}
			}
			reach = to
		}
		for i := range 10 {
			check(t, s, fmt.Sprint("c", i), 4000*day)
		}
		var stored int
		if err := s.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM touchpoint`).Scan(&stored); err != nil || stored != reach {
			t.Errorf("%d touchpoints are stored, %v, want %d", stored, err, reach)
		}
	})
}

// On PostgreSQL, a COPY that fails costs more than an INSERT, and an INSERT more than a COPY.
func TestWhileThereAreRepeatsNothingIsCopied(t *testing.T) {
	s, err := Open(t.Context(), sqldbtest.Open(t, migrated.Postgres(t)))
	if err != nil {
		t.Fatal(err)
	}
	for n, step := range []struct {
		from int
		left int32
	}{{0, 0}, {5, wary}, {15, wary - 1}, {25, wary - 2}, {30, wary}, {40, wary - 1}} {
		record(t, s, stretch(step.from, step.from+10, 1)...)
		if got := s.repeats.Load(); got != step.left {
			t.Errorf("after batch %d, %d are still to be inserted, want %d", n, got, step.left)
		}
	}
}

// A batch that has stored an event and waits for its turn, and whoever has the turn and
// waits for that event, do not wait for ever.
func TestAnEventOfTwoAtOnceIsRecordedOnce(t *testing.T) {
	url := migrated.Postgres(t)
	var stores [2]*Store // of two processes
	for i := range stores {
		var err error
		if stores[i], err = Open(t.Context(), sqldbtest.Open(t, url)); err != nil {
			t.Fatal(err)
		}
	}
	has, waits := make(chan struct{}), make(chan struct{})
	fresh := make([]int, 2)
	news := func(answer []Recorded) (n int) {
		for _, r := range answer {
			if r.New {
				n++
			}
		}
		return n
	}
	var wg sync.WaitGroup
	wg.Go(func() {
		first := true
		err := stores[0].db.Write(t.Context(), func(tx *sqldb.Tx) error {
			stores[0].turn(tx)
			if _, err := tx.Exec(`SELECT 1`); err != nil {
				return err
			}
			if first {
				first = false
				close(has)
				<-waits
			}
			answer, err := stores[0].Record(tx, "acme", stretch(1, 2, 1))
			fresh[0] = news(answer)
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
	wg.Go(func() {
		<-has
		fresh[1] = news(record(t, stores[1], stretch(1, 4, 1)...))
	})
	for tick := time.NewTicker(time.Millisecond); ; <-tick.C {
		var waiting int
		err := stores[0].db.Read().QueryRowContext(t.Context(), `
			SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted
			  AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`).Scan(&waiting)
		if err != nil || waiting > 0 {
			close(waits)
			break
		}
	}
	wg.Wait()
	if fresh[0]+fresh[1] != 3 {
		t.Errorf("%d and %d were new, want 3 together", fresh[0], fresh[1])
	}
	for i := range 4 {
		check(t, stores[0], fmt.Sprint("c", i), 1000*day)
	}
}

func TestAnEventThatIsKnownKeepsItsIDWhateverIsChosenNow(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		known, again := touchpoint(1), touchpoint(2)
		known.Alias, again.Alias = "event", "event"
		record(t, s, known, touchpoint(3))
		answer := record(t, s, again, touchpoint(4))
		if got := answer[0]; got.New || got.Touchpoint.ID != known.ID {
			t.Errorf("the event again = %+v, want %s", got, known.ID)
		}
		if got, err := s.Touchpoint(t.Context(), "acme", again.Customer, again.ID); err == nil {
			t.Errorf("%+v is stored, want nothing of that id", got)
		}
		check(t, s, again.Customer, 1000*day)
	})
}
