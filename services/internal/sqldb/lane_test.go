package sqldb_test

import (
	"context"
	"errors"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// lanes is at least the number of transactions that run at a time.
const lanes = 4

// occupy keeps every lane busy until release is called; it returns when they are.
func occupy(t *testing.T, db *sqldb.DB) (release func()) {
	t.Helper()
	n := 1
	if db.Postgres() {
		n = lanes
	}
	free := make(chan struct{})
	var wg sync.WaitGroup
	for range n { // one after the other, or one lane takes several
		busy := make(chan struct{})
		wg.Go(func() {
			if err := db.Write(context.Background(), func(*sqldb.Tx) error { close(busy); <-free; return nil }); err != nil {
				t.Error(err)
			}
		})
		<-busy
	}
	return sync.OnceFunc(func() { close(free); wg.Wait() })
}

func TestARerunFindsNothingOfTheFirstRun(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		release := occupy(t, db)
		var wg sync.WaitGroup
		queued := make(chan struct{}, 64)
		for id := range 64 {
			wg.Go(func() {
				var seen []int
				queued <- struct{}{}
				err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
					seen = nil
					var n int
					if err := tx.QueryRow(`SELECT COUNT(*) FROM item WHERE id = $1`, id).Scan(&n); err != nil {
						return err
					}
					seen = append(seen, n)
					tx.Defer(insert, id, rowName(id))
					if err := tx.QueryRow(`SELECT COUNT(*) FROM item WHERE id = $1`, id).Scan(&n); err != nil {
						return err
					}
					seen = append(seen, n)
					if id%8 == 7 {
						return errRefused
					}
					return nil
				})
				if bad := id%8 == 7; bad != errors.Is(err, errRefused) || !bad && err != nil {
					t.Errorf("write %d: %v", id, err)
				}
				if len(seen) != 2 || seen[0] != 0 || seen[1] != 1 {
					t.Errorf("rows before and after the own insert = %v, want [0 1]", seen)
				}
			})
		}
		for range 64 {
			<-queued
		}
		release()
		wg.Wait()
		if got, want := count(t, db), 56; got != want {
			t.Errorf("rows = %d, want %d", got, want)
		}
	})
}

func TestWritersThatCanRunShareTheCommit(t *testing.T) {
	db := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1)) // the lane wakes before those started earlier
	var wg sync.WaitGroup
	committed, late := false, 0 // for the goroutine of the lane
	for range 16 {
		wg.Go(func() {
			err := db.Write(context.Background(), func(*sqldb.Tx) error {
				if committed {
					late++
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.AfterCommit(func() { committed = true })
		return nil
	}); err != nil {
		t.Error(err)
	}
	wg.Wait()
	if late > 0 {
		t.Errorf("%d of 16 writers missed the commit of the first", late)
	}
}

func TestAContextThatEndsInTheQueueWritesNothing(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		release := occupy(t, db)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		var ran atomic.Bool
		done := make(chan error)
		go func() {
			done <- db.Write(ctx, func(*sqldb.Tx) error { ran.Store(true); return nil })
		}()
		cancel()
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Errorf("error = %v, want that of the context", err)
		}
		release()
		if err := add(t.Context(), db, 1); err != nil {
			t.Errorf("the next write: %v", err)
		}
		if ran.Load() {
			t.Error("the write ran")
		}
	})
}

func TestAFullQueueHoldsWritersUntilTheirContextEnds(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		release := occupy(t, db)
		defer release()
		ctx, cancel := context.WithCancel(t.Context())
		errs := make(chan error)
		for id := range 1100 { // more than may wait
			go func() { errs <- add(ctx, db, id) }()
		}
		cancel()
		for range 1100 {
			if err := <-errs; !errors.Is(err, context.Canceled) {
				t.Fatalf("error = %v, want that of the context", err)
			}
		}
		release()
		if got := count(t, db); got != 0 {
			t.Errorf("rows = %d, want none", got)
		}
	})
}

func TestCloseFinishesWhatIsQueued(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		release := occupy(t, db)
		var wg sync.WaitGroup
		var committed, refused atomic.Int32
		for id := range 200 {
			wg.Go(func() {
				switch err := add(t.Context(), db, id); {
				case err == nil:
					committed.Add(1)
				case status.Code(err) == codes.Unavailable && fault.Reason(err) == "STORAGE_CLOSED":
					refused.Add(1)
				default:
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := db.Close(); err != nil {
				t.Error(err)
			}
		})
		release()
		wg.Wait()
		if got := committed.Load() + refused.Load(); got != 200 {
			t.Errorf("answers = %d, want 200", got)
		}
		if err := add(t.Context(), db, 1000); fault.Reason(err) != "STORAGE_CLOSED" {
			t.Errorf("write after close: %v", err)
		}
		if err := db.Close(); err != nil {
			t.Errorf("second close: %v", err)
		}
	})
}

func TestTryLeavesNothing(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var wg sync.WaitGroup
		for id := range 40 {
			wg.Go(func() {
				if id%2 == 0 {
					if err := add(t.Context(), db, id); err != nil {
						t.Error(err)
					}
					return
				}
				if err := db.Try(t.Context(), func(tx *sqldb.Tx) error {
					tx.Defer(insert, id, rowName(id))
					return nil
				}); err != nil {
					t.Errorf("try: %v", err)
				}
			})
		}
		wg.Wait()
		if got, want := count(t, db), 20; got != want {
			t.Errorf("rows = %d, want %d", got, want)
		}
		err := db.Try(t.Context(), func(tx *sqldb.Tx) error { tx.Defer(insert, 0, "again"); return nil })
		if !sqldb.Unique(err) {
			t.Errorf("try of what must fail = %v, want a unique violation", err)
		}
	})
}

func TestAPanicIsTheErrorOfItsCaller(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		err := db.Write(t.Context(), func(tx *sqldb.Tx) error { panic("out of luck") })
		if err == nil || !strings.Contains(err.Error(), "out of luck") || !strings.Contains(err.Error(), "lane_test.go") {
			t.Errorf("error = %v, want the panic and where it was", err)
		}
	})
}

func TestAWriteThatEndsItsGoroutineStopsNobody(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		for id := range 6 {
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { runtime.Goexit(); return nil }); err == nil {
				t.Error("the write succeeded")
			}
			if err := add(t.Context(), db, id); err != nil {
				t.Errorf("the next write: %v", err)
			}
		}
	})
}

func TestATxEndsWithItsWrite(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var kept *sqldb.Tx
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { kept = tx; return nil }); err != nil {
			t.Fatal(err)
		}
		if _, err := kept.Exec(insert, 1, "late"); err == nil {
			t.Error("a statement after the end of its write succeeded")
		}
		kept.Defer(insert, 2, "later")
		if err := kept.QueryRow(`SELECT 1`).Scan(new(int)); err == nil {
			t.Error("a query after the end of its write succeeded")
		}
		if got := count(t, db); got != 0 {
			t.Errorf("rows = %d, want none", got)
		}
	})
}

func TestAfterCommitRunsOnceAndOnlyThen(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := migrated(t, open(t))
		var wg sync.WaitGroup
		var rung atomic.Int32
		for id := range 40 {
			wg.Go(func() {
				f := func(tx *sqldb.Tx) error {
					tx.AfterCommit(func() { rung.Add(1) })
					tx.Defer(insert, id, rowName(id))
					if id%4 == 1 {
						return errRefused
					}
					return nil
				}
				if id%4 == 2 {
					if err := db.Try(t.Context(), f); err != nil {
						t.Error(err)
					}
					return
				}
				if err := db.Write(t.Context(), f); (err != nil) != (id%4 == 1) {
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if got, want := rung.Load(), int32(20); got != want {
			t.Errorf("called %d times, want %d", got, want)
		}
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error { tx.AfterCommit(func() { panic("bell") }); return nil }); err == nil {
			t.Error("a panic after the commit is nobody's error")
		}
		if err := add(t.Context(), db, 100); err != nil {
			t.Errorf("the next write: %v", err)
		}
	})
}
