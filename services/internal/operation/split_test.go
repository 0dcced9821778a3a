package operation

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/wrapperspb"

	"github.com/concentric-cx/concentric/services/internal/bus"
	"github.com/concentric-cx/concentric/services/internal/operation/operationtest"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

// A sum is an operation in so many parts, each of which finds its number and notes that it
// was done. It comes to the sum of them.
type sum struct {
	parts int64
	did   atomic.Int64
	do    func(ctx context.Context, number int64) error // or nil
}

func (s *sum) split() *Split {
	return &Split{
		Plan: func(context.Context, Operation) (parts []Part, err error) {
			for n := range s.parts {
				parts = append(parts, Part{Number: n, Size: 10, Input: []byte(strconv.FormatInt(n, 10))})
			}
			return parts, nil
		},
		Do: func(ctx context.Context, o Operation, p Part) (Effect, error) {
			if s.do != nil {
				if err := s.do(ctx, p.Number); err != nil {
					return nil, err
				}
			}
			s.did.Add(1)
			return func(tx *sqldb.Tx) ([]byte, error) {
				_, err := tx.Exec(`INSERT INTO effect (operation, part, times) VALUES ($1, $2, 1)
					ON CONFLICT (operation, part) DO UPDATE SET times = effect.times + 1`, o.ID, p.Number)
				return p.Input, err
			}, nil
		},
		Finish: func(_ context.Context, _ Operation, parts []Part) (proto.Message, error) {
			var all int64
			for _, p := range parts {
				n, err := strconv.ParseInt(string(p.Output), 10, 64)
				if err != nil {
					return nil, err
				}
				all += n
			}
			return wrapperspb.Int64(all), nil
		},
	}
}

// desk returns one that does s on db.
func (s *sum) desk(db *sqldb.DB) *Desk {
	return &Desk{
		DB: db, Collection: "operations", Alarm: &worker.Alarm{},
		Split:    func(Operation) (*Split, error) { return s.split(), nil },
		Metadata: func(o Operation) proto.Message { return wrapperspb.Int64(o.Done) },
		Response: func(Operation) (proto.Message, error) { return &wrapperspb.Int64Value{}, nil },
	}
}

// withEffect returns db with the tables of operations and of the effects.
func withEffect(t *testing.T, db *sqldb.DB) *sqldb.DB {
	write(t, withTables(t, db), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE effect (operation TEXT NOT NULL, part BIGINT NOT NULL, times BIGINT NOT NULL, PRIMARY KEY (operation, part))`)
		return err
	})
	return db
}

func eachEffect(t *testing.T, test func(*testing.T, *sqldb.DB)) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) { test(t, withEffect(t, open(t))) })
}

// start starts an operation called o.
func (d *Desk) start(t *testing.T) {
	t.Helper()
	write(t, d.DB, func(tx *sqldb.Tx) error {
		_, err := d.Start(tx, Operation{Brand: "acme", ID: "o", Request: []byte("r"), CreateTime: noon})
		return err
	})
}

// running runs f until stop is called or the test ends.
func running(t *testing.T, f func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(context.WithoutCancel(t.Context()))
	var wg sync.WaitGroup
	wg.Go(func() { f(ctx) })
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

// ended waits until the operation called o has ended.
func (d *Desk) ended(t *testing.T) *longrunningpb.Operation {
	t.Helper()
	for end := time.Now().Add(time.Minute); time.Now().Before(end); {
		o, err := d.Wait(t.Context(), "brands/acme/operations/o", nil)
		if err != nil {
			t.Fatal(err)
		}
		if o.GetDone() {
			return o
		}
	}
	t.Fatal("after a minute the operation has not ended")
	return nil
}

// whole fails unless the operation called o came to the sum of its parts, each of which had
// its effect once and is forgotten.
func (s *sum) whole(t *testing.T, d *Desk) {
	t.Helper()
	var got wrapperspb.Int64Value
	if o := d.ended(t); o.GetResponse().UnmarshalTo(&got) != nil || got.GetValue() != s.parts*(s.parts-1)/2 {
		t.Errorf("the operation is %v, want %d", o, s.parts*(s.parts-1)/2)
	}
	var effects, times, left int64
	err := d.DB.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM effect), (SELECT COUNT(*) FROM effect WHERE times = 1),
		(SELECT COUNT(*) FROM operation_part)`).Scan(&effects, &times, &left)
	if err != nil || effects != s.parts || times != s.parts || left != 0 {
		t.Errorf("%d parts had an effect, %d once, %d are kept, %v, want %d and none kept", effects, times, left, err, s.parts)
	}
}

// TestAnOperationInPartsNeedsNoBus does it in one process, and shows how far it is.
func TestAnOperationInPartsNeedsNoBus(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		entered, leave := make(chan int64, 100), make(chan struct{})
		s := &sum{parts: 23, do: func(_ context.Context, n int64) error {
			if n == 0 { // the last one to be done
				entered <- n
				<-leave
			}
			return nil
		}}
		d := s.desk(db)
		d.start(t)
		running(t, d.Run)
		<-entered
		op, err := Get(t.Context(), db, "acme", "o")
		if err != nil || op.Done < 10 || op.Done >= 230 || op.Total != 230 {
			t.Errorf("%d of %d are done, %v, want some of 230", op.Done, op.Total, err)
		}
		close(leave)
		s.whole(t, d)
		if s.did.Load() != s.parts {
			t.Errorf("%d parts were begun, want %d", s.did.Load(), s.parts)
		}
	})
}

// replicate has a replica with a database of its own do parts of s, until stop is called.
func (s *sum) replicate(t *testing.T, address, url string) (d *Desk, stop func()) {
	t.Helper()
	b, err := bus.Open(t.Context(), bus.Config{URL: url, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	d = s.desk(sqldbtest.Open(t, address))
	d.Queue = bus.NewQueue("things")
	return d, running(t, func(ctx context.Context) {
		var wg sync.WaitGroup
		defer wg.Wait()
		wg.Go(func() { d.Run(ctx) })
		if err := b.Work(ctx, d.Queue, d.DoPart); err != nil {
			t.Error(err)
		}
	})
}

// TestReplicasShareAnOperationAndOneIsKilled: both do parts, and what one of them had in hand
// when it was killed is done by the other.
func TestReplicasShareAnOperationAndOneIsKilled(t *testing.T) {
	address, url := sqldbtest.Postgres(t), operationtest.Listen(t)
	withEffect(t, sqldbtest.Open(t, address))
	const parts = 60
	slow := func(ctx context.Context, _ int64) error {
		select {
		case <-time.After(20 * time.Millisecond):
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	first, second := &sum{parts: parts, do: slow}, &sum{parts: parts, do: slow}
	d, kill := first.replicate(t, address, url)
	other, _ := second.replicate(t, address, url)
	d.start(t)
	operationtest.Until(t, "both at it", func() bool { return first.did.Load() >= 3 && second.did.Load() >= 3 })
	kill()
	before := first.did.Load()
	second.whole(t, other)
	if before >= parts {
		t.Errorf("the one that was killed had done all %d parts", before)
	}
	t.Logf("the one that was killed did %d parts, the other %d", before, second.did.Load())
}

// parted returns a desk that holds an operation, as it was before it was parted and after.
func (s *sum) parted(t *testing.T, db *sqldb.DB) (d *Desk, held, o Operation) {
	t.Helper()
	d = s.desk(db)
	d.start(t)
	held, _, err := d.claimed(t)
	if err != nil {
		t.Fatal(err)
	}
	if o, err = d.goOn(t.Context(), held, s.split()); err != nil {
		t.Fatal(err)
	}
	return d, held, o
}

// TestAPartThatSomebodyDiedWithIsDoneOnceItsLeaseEnds: who had it may wake up again, too late.
func TestAPartThatSomebodyDiedWithIsDoneOnceItsLeaseEnds(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		s := &sum{parts: 2}
		d, _, o := s.parted(t, db)
		var dead Part
		write(t, db, func(tx *sqldb.Tx) (err error) {
			now := time.Now().Truncate(time.Microsecond)
			dead, _, err = takePart(tx, o, 1, now, now.Add(time.Second))
			return err
		})
		if _, again, err := d.do(t.Context(), o, s.split(), 1); err != nil || again < partLook || again > time.Second {
			t.Errorf("a part in hand is tried again after %v, %v, want once its lease ends", again, err)
		}
		var other Part
		write(t, db, func(tx *sqldb.Tx) (err error) {
			other, _, err = takePart(tx, o, 1, dead.lease.Add(time.Microsecond), dead.lease.Add(leaseTime))
			return err
		})
		write(t, db, func(tx *sqldb.Tx) error {
			if err := leavePart(tx, o, dead, time.UnixMicro(0)); err != nil {
				return err
			}
			lost, err := Holds(tx, o, dead)
			if err != nil {
				return err
			}
			if mine, err := Holds(tx, o, other); lost || !mine || err != nil {
				t.Errorf("who lost a part holds it: %t, and who took it: %t, %v", lost, mine, err)
			}
			return leavePart(tx, o, other, dead.lease)
		})
		write(t, db, func(tx *sqldb.Tx) error { tx.Defer(`UPDATE operation SET lease_time = 0`); return nil })
		running(t, d.Run)
		s.whole(t, d)
	})
}

// TestAnOperationWhosePartsOthersHaveDoneIsWhole ends it without having done any, after who
// parted it died.
func TestAnOperationWhosePartsOthersHaveDoneIsWhole(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		s := &sum{parts: 2}
		d, held, _ := s.parted(t, db)
		for n := range s.parts {
			if again := d.DoPart(t.Context(), "brands/acme/operations/o/parts/"+strconv.FormatInt(n, 10)); again != 0 {
				t.Errorf("part %d is tried again after %v", n, again)
			}
		}
		if o, err := d.goOn(t.Context(), held, s.split()); err != nil || o.EndTime.IsZero() || o.Done != 20 || o.Total != 20 {
			t.Errorf("%d of %d are done, ended at %v, %v, want 20 of 20", o.Done, o.Total, o.EndTime, err)
		}
	})
}

// TestAnOperationRestsUntilAPartCanBeBegun gives the leases of its two parts.
func TestAnOperationRestsUntilAPartCanBeBegun(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		s := &sum{parts: 2}
		d, held, _ := s.parted(t, db)
		const slow = 200 * time.Millisecond // the test
		for _, c := range []struct {
			state         string
			first, second time.Duration // from now
			want          time.Duration
		}{
			{"just begun", leaseTime, leaseTime, partLook},
			{"begun three seconds ago", leaseTime - 3*time.Second, leaseTime, 3 * time.Second},
			{"begun long ago", leaseTime / 2, leaseTime, pollEvery},
			{"delayed for long", 2 * leaseTime, 3 * leaseTime, pollEvery},
			{"delayed for two seconds", time.Hour, 2 * time.Second, 2 * time.Second},
			{"nearly due", time.Hour, partLook + slow, partLook + slow},
		} {
			now := time.Now()
			write(t, db, func(tx *sqldb.Tx) error {
				for n, after := range []time.Duration{c.first, c.second} {
					tx.Defer(`UPDATE operation_part SET lease_time = $1 WHERE part = $2`, sqldb.Micros(now.Add(after)), int64(n))
				}
				return nil
			})
			o, err := d.goOn(t.Context(), held, s.split())
			if got := o.Lease.Sub(now); err != nil || got < c.want-slow || got > c.want+2*time.Second {
				t.Errorf("%s: it rests for %v, %v, want %v", c.state, got, err, c.want)
			}
		}
	})
}

// TestNobodyWaitsForPartsInHandToEndAnOperation fails it while somebody commits a part of it.
func TestNobodyWaitsForPartsInHandToEndAnOperation(t *testing.T) {
	address := sqldbtest.Postgres(t)
	db, others := withEffect(t, sqldbtest.Open(t, address)), sqldbtest.Open(t, address)
	s := &sum{parts: 2}
	d, o, _ := s.parted(t, db)
	write(t, others, func(tx *sqldb.Tx) error {
		now := time.Now().Truncate(time.Microsecond)
		if _, _, err := takePart(tx, o, 1, now, now.Add(leaseTime)); err != nil {
			return err
		}
		return d.fail(t.Context(), o, &End{Code: codes.NotFound})
	})
	if got := d.ended(t); codes.Code(got.GetError().GetCode()) != codes.NotFound { //nolint:gosec // one of ours
		t.Errorf("the operation is %v, want it to end as not found", got)
	}
}

// TestAPlanWithoutPartsFails, as nothing would ever end it.
func TestAPlanWithoutPartsFails(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		d := (&sum{}).desk(db)
		d.start(t)
		running(t, d.Run)
		if o := d.ended(t); o.GetError().GetMessage() != "the operation failed" {
			t.Errorf("the operation is %v, want a failure", o)
		}
	})
}

// claimed claims the operation called o.
func (d *Desk) claimed(t *testing.T) (o Operation, found bool, err error) {
	t.Helper()
	err = d.DB.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		now := time.Now().Truncate(time.Microsecond)
		o, found, err = claim(tx, d.DB, now, now.Add(leaseTime))
		return err
	})
	return o, found, err
}

// TestACancelledOperationHasNoMoreParts cancels it while a part is done, which has no effect.
func TestACancelledOperationHasNoMoreParts(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		entered, leave := make(chan int64, 10), make(chan struct{})
		s := &sum{parts: 1, do: func(_ context.Context, n int64) error {
			entered <- n
			<-leave
			return nil
		}}
		d := s.desk(db)
		d.start(t)
		stop := running(t, d.Run)
		<-entered
		write(t, db, func(tx *sqldb.Tx) error {
			_, err := end(tx, "acme", "o", 1, noon)
			return err
		})
		close(leave)
		if o := d.ended(t); o.GetError() == nil {
			t.Errorf("the operation is %v, want it cancelled", o)
		}
		stop()
		write(t, db, func(tx *sqldb.Tx) error {
			if _, _, err := takePart(tx, Operation{Brand: "acme", ID: "o"}, 0, time.Now().Add(time.Hour), noon); !errors.Is(err, table.ErrNotFound) {
				t.Errorf("a part of it is taken: %v", err)
			}
			dropLost(tx)
			return nil
		})
		var effects, left int64
		err := db.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM effect), (SELECT COUNT(*) FROM operation_part)`).Scan(&effects, &left)
		if err != nil || effects != 0 || left != 0 {
			t.Errorf("%d parts had an effect and %d are kept, %v, want none", effects, left, err)
		}
		if again := d.DoPart(t.Context(), "brands/acme/operations/o/parts/0"); again != 0 {
			t.Errorf("a part of it is tried again after %v", again)
		}
	})
}

// TestAPartMayBeTooEarlyOrFail tells one that is delayed from one that would fail again.
func TestAPartMayBeTooEarlyOrFail(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		var tries atomic.Int64
		s := &sum{parts: 2, do: func(context.Context, int64) error {
			switch tries.Add(1) {
			case 1:
				return &Delay{Until: time.Now().Add(200 * time.Millisecond), Cause: errors.New("it is too early")}
			case 2:
				return context.DeadlineExceeded
			}
			return nil
		}}
		d := s.desk(db)
		d.start(t)
		stop := running(t, d.Run)
		if o := d.ended(t); o.GetError().GetMessage() != "the operation failed" {
			t.Errorf("the operation is %v, want a failure", o)
		}
		stop()
		if tries.Load() != 2 {
			t.Errorf("%d tries, want 2", tries.Load())
		}
	})
}

// TestTasksOfOthersAreDropped offers what is no part of an operation that goes on.
func TestTasksOfOthersAreDropped(t *testing.T) {
	eachEffect(t, func(t *testing.T, db *sqldb.DB) {
		s := &sum{parts: 1}
		d := s.desk(db)
		d.start(t)
		steps := &Desk{DB: db, Collection: "operations", Metadata: func(Operation) proto.Message { return &emptypb.Empty{} }}
		for _, task := range []string{"", "brands/acme/operations/none/parts/0", "brands/acme/operations/o/parts/x"} {
			if again := d.DoPart(t.Context(), task); again != 0 {
				t.Errorf("%q is tried again after %v", task, again)
			}
		}
		if again := steps.DoPart(t.Context(), fmt.Sprint("brands/acme/operations/o/parts/", 0)); again != 0 {
			t.Errorf("a part of an operation in steps is tried again after %v", again)
		}
	})
}
