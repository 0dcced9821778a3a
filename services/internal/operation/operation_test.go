package operation

import (
	"context"
	"errors"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// each runs a test on both databases, with the tables that a service has.
func each(t *testing.T, test func(*testing.T, *sqldb.DB)) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		test(t, withTables(t, open(t)))
	})
}

// withTables returns db with the tables that a service has.
func withTables(t *testing.T, db *sqldb.DB) *sqldb.DB {
	bytes := "BLOB"
	if db.Postgres() {
		bytes = "BYTEA"
	}
	write(t, db, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE operation (
			brand TEXT NOT NULL, id TEXT NOT NULL, request ` + bytes + ` NOT NULL, done BIGINT NOT NULL, total BIGINT NOT NULL,
			progress ` + bytes + ` NOT NULL, result ` + bytes + `, code INTEGER NOT NULL, create_time BIGINT NOT NULL,
			end_time BIGINT, lease_time BIGINT NOT NULL, PRIMARY KEY (brand, id))`)
		tx.Defer(`CREATE TABLE operation_part (
			brand TEXT NOT NULL, operation TEXT NOT NULL, part BIGINT NOT NULL, size BIGINT NOT NULL, input ` + bytes + ` NOT NULL,
			output ` + bytes + `, lease_time BIGINT NOT NULL, PRIMARY KEY (brand, operation, part))`)
		return err
	})
	return db
}

func write(t *testing.T, db *sqldb.DB, f func(*sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// desk returns a Desk whose work is step.
func desk(db *sqldb.DB, step func(context.Context, Operation) (Operation, error)) *Desk {
	return &Desk{
		DB: db, Collection: "operations", Alarm: &worker.Alarm{}, Step: step,
		Metadata: func(Operation) proto.Message { return &emptypb.Empty{} },
		Response: func(Operation) (proto.Message, error) { return &emptypb.Empty{}, nil },
	}
}

// TestOneWorksOnAnOperation lets two claim an operation, one after the other.
func TestOneWorksOnAnOperation(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		take := func(now time.Time) (o Operation, ok bool) {
			at, err := free(t.Context(), db)
			found := !at.IsZero() && at.Before(now)
			if err != nil {
				t.Fatal(err)
			}
			write(t, db, func(tx *sqldb.Tx) (err error) {
				o, ok, err = claim(tx, db, now, now.Add(time.Minute))
				return err
			})
			if found != ok {
				t.Errorf("an operation waits: %t, and there is one to claim: %t", found, ok)
			}
			return o, ok
		}
		goOn := func(held, o Operation) (mine bool) {
			write(t, db, func(tx *sqldb.Tx) (err error) {
				mine, err = advance(tx, held, o)
				return err
			})
			return mine
		}
		write(t, db, func(tx *sqldb.Tx) error {
			add(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
			return nil
		})
		first, ok := take(noon)
		if !ok {
			t.Fatal("there is nothing to claim")
		}
		if _, ok := take(noon.Add(30 * time.Second)); ok {
			t.Error("there are two claims while the lease lasts")
		}
		second, ok := take(noon.Add(2 * time.Minute))
		if !ok {
			t.Fatal("there is nothing to claim after the lease")
		}
		if goOn(first, first) {
			t.Error("who has lost the operation goes on with it")
		}
		next := second
		next.Done, next.Total, next.Progress = 7, 9, []byte("p")
		if !goOn(second, next) {
			t.Error("who has the operation cannot go on with it")
		}
		for i, want := range []bool{true, false} { // the second finds it ended
			write(t, db, func(tx *sqldb.Tx) error {
				ended, err := end(tx, "acme", "o", 1, noon.Add(time.Duration(3+i)*time.Minute))
				if ended != want {
					t.Errorf("it is ended by the call %d: %t, want %t", i, ended, want)
				}
				return err
			})
		}
		if goOn(second, next) {
			t.Error("a cancelled operation goes on")
		}
		if o, err := Get(t.Context(), db, "acme", "o"); err != nil || o.Code != 1 || o.Done != 7 || o.Total != 9 || o.EndTime.IsZero() {
			t.Errorf("the operation is %+v, %v", o, err)
		}
		write(t, db, func(tx *sqldb.Tx) error { forget(tx, noon.Add(keep)); return nil })
		if _, err := Get(t.Context(), db, "acme", "o"); err != nil {
			t.Errorf("it is forgotten too early: %v", err)
		}
		write(t, db, func(tx *sqldb.Tx) error { forget(tx, noon.Add(keep+time.Hour)); return nil })
		if _, err := Get(t.Context(), db, "acme", "o"); !errors.Is(err, table.ErrNotFound) {
			t.Errorf("it is kept: %v", err)
		}
	})
}

// TestAStepMayLeaveTheOperationForLater takes it up again when its time has come.
func TestAStepMayLeaveTheOperationForLater(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		steps := 0
		d := desk(db, func(_ context.Context, o Operation) (Operation, error) {
			if steps++; steps == 1 {
				o.Lease = time.Now().Add(50 * time.Millisecond).Truncate(time.Microsecond)
				return o, nil
			}
			o.EndTime, o.Result = noon, []byte{}
			return o, nil
		})
		write(t, db, func(tx *sqldb.Tx) error {
			_, err := d.Start(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
			return err
		})
		if _, worked, err := d.work(t.Context()); !worked || err != nil || steps != 1 {
			t.Fatalf("worked: %t, %v, in %d steps, want one", worked, err, steps)
		}
		if _, worked, err := d.work(t.Context()); worked || err != nil {
			t.Fatalf("worked: %t, %v, want it left alone", worked, err)
		}
		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() { defer close(done); d.Run(ctx) }()
		defer func() { stop(); <-done }()
		o, err := d.Wait(t.Context(), "brands/acme/operations/o", nil)
		if err != nil || !o.GetDone() || o.GetResponse() == nil {
			t.Errorf("the operation is %v, %v", o, err)
		}
	})
}

// TestAFailureWithoutAReasonEndsTheOperation tells it from one that may pass.
func TestAFailureWithoutAReasonEndsTheOperation(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		cause := fault.NotFound("brands/acme/things/1")
		d := desk(db, func(_ context.Context, o Operation) (Operation, error) { return o, cause })
		write(t, db, func(tx *sqldb.Tx) error {
			_, err := d.Start(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
			return err
		})
		if _, _, err := d.work(t.Context()); !errors.Is(err, cause) {
			t.Errorf("err = %v, want the cause", err)
		}
		write(t, db, func(tx *sqldb.Tx) error { release(tx); return nil })
		cause = errors.New("broken")
		if _, worked, err := d.work(t.Context()); !worked || err != nil {
			t.Errorf("worked: %t, %v", worked, err)
		}
		if o, err := d.Get(t.Context(), "brands/acme/operations/o"); err != nil || o.GetError().GetMessage() != "the operation failed" {
			t.Errorf("the operation is %v, %v, want a failure that keeps its cause", o, err)
		}
	})
}

// TestNobodyWritesToFindNoWork looks for operations while the only writer is busy.
func TestNobodyWritesToFindNoWork(t *testing.T) {
	each(t, func(t *testing.T, db *sqldb.DB) {
		busy, release := make(chan struct{}), make(chan struct{})
		written := make(chan error, 1)
		go func() {
			written <- db.Write(t.Context(), func(*sqldb.Tx) error {
				close(busy)
				<-release
				return nil
			})
		}()
		<-busy
		worked := make(chan error, 1)
		go func() {
			_, _, err := desk(db, nil).work(t.Context())
			worked <- err
		}()
		select {
		case err := <-worked:
			if err != nil {
				t.Error(err)
			}
		case <-time.After(10 * time.Second):
			t.Error("it waits for the writer")
		}
		close(release)
		if err := <-written; err != nil {
			t.Error(err)
		}
	})
}
