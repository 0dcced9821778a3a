package bus

import (
	"context"
	"fmt"
	"net"
	"os"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestNothingIsLostWhileAllPartsRestart restarts them eight times while events are written;
// with CONCENTRIC_SOAK there are more of them between two restarts.
func TestNothingIsLostWhileAllPartsRestart(t *testing.T) {
	t.Parallel()
	const writers, restarts = 8, 8
	each := 1000
	if os.Getenv("CONCENTRIC_SOAK") != "" {
		each = 2500
	}
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o := NewOutbox(from)
		dir := t.TempDir()
		var writing sync.WaitGroup
		for w := range writers {
			writing.Go(func() {
				for i := 0; i < each; i += 10 {
					var events []*eventv1.Event
					for j := range 10 {
						events = append(events, reopened(fmt.Sprint("key-", w, "-", (i+j)%50), i+j))
					}
					emit(t, o, events...)
				}
			})
		}
		for restart := range restarts {
			b := open(t, Config{Dir: dir})
			stopRelay, stopConsumer := relaying(t, b, o), consuming(t, b, to, apply)
			eventually(t, "some events applied", func() bool {
				return count(t, to, `SELECT COUNT(*) FROM inbox`) > writers*each/10*restart
			})
			if restart%2 == 0 {
				stopRelay()
				stopRelay = relaying(t, b, o)
				stopConsumer()
			}
			b.Close() // under the relay, and every other time the consumer
			stopRelay()
			stopConsumer()
		}
		b := open(t, Config{Dir: dir})
		relaying(t, b, o)
		consuming(t, b, to, apply)
		writing.Wait()
		applied(t, to, writers*each)
	})
}

func TestADeletedStoreIsRefilled(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o, dir := NewOutbox(from), t.TempDir()
		b := open(t, Config{Dir: dir})
		stopRelay, stopConsumer := relaying(t, b, o), consuming(t, b, to, apply)
		emitMany(t, o, 50)
		applied(t, to, 50)
		stopConsumer()
		emitMany(t, o, 50) // relayed and not yet consumed
		relayed(t, from)
		stopRelay()
		b.Close()
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		emitMany(t, o, 50)
		b = open(t, Config{Dir: dir})
		relaying(t, b, o)
		consuming(t, b, to, apply)
		applied(t, to, 150)
	})
}

func TestAStreamDeletedUnderwayIsRefilled(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o, b := NewOutbox(from), embedded(t)
		relaying(t, b, o)
		consuming(t, b, to, apply)
		emitMany(t, o, 20)
		applied(t, to, 20)
		connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
			if err := js.DeleteStream(ctx, streamName("ticket")); err != nil {
				t.Error(err)
			}
		})
		emitMany(t, o, 20)
		applied(t, to, 40)
	})
}

// TestAnOldCopyOfTheStoreIsNotTrusted takes the tail of the stream away, after
// the consumer has acknowledged beyond what is left.
func TestAnOldCopyOfTheStoreIsNotTrusted(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o, dir, old := NewOutbox(from), t.TempDir(), t.TempDir()
		round := func(n, want int) {
			b := open(t, Config{Dir: dir})
			defer b.Close()
			defer relaying(t, b, o)()
			defer consuming(t, b, to, apply)()
			emitMany(t, o, n)
			applied(t, to, want)
		}
		round(30, 30)
		if err := os.CopyFS(old+"/copy", os.DirFS(dir)); err != nil {
			t.Fatal(err)
		}
		round(40, 70)
		if err := os.RemoveAll(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.CopyFS(dir, os.DirFS(old+"/copy")); err != nil {
			t.Fatal(err)
		}
		emitMany(t, o, 5) // before anybody looks
		round(20, 95)
		if n := count(t, from, `SELECT COUNT(DISTINCT stream) FROM outbox`); n != 1 {
			t.Errorf("rows in %d incarnations of the stream, want 1", n)
		}
		if n := count(t, from, `SELECT COUNT(*) FROM condemned`); n != 1 {
			t.Errorf("%d incarnations were condemned, want 1", n)
		}
	})
}

// TestAPlaceGivenAwayTwiceIsNoticed has another replica publish over a lost
// tail before this one looks.
func TestAPlaceGivenAwayTwiceIsNoticed(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from := migrated(t, database(t))
		o, b := NewOutbox(from), embedded(t)
		connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
			r := &relay{bus: b, out: o, service: "ticket", js: js, lead: leading(t, o)}
			if err := r.check(ctx); err != nil {
				t.Fatal(err)
			}
			first := r.stream
			lost := reopened("key", 1)
			emit(t, o, lost)
			if err := o.mark(ctx, first, []receipt{{lost.GetId(), 1}}, time.Now()); err != nil {
				t.Fatal(err)
			}
			emit(t, o, reopened("key", 2))
			if _, err := r.pass(ctx); err != nil {
				t.Fatal(err)
			}
			if !r.checked.IsZero() {
				t.Error("the relay trusts a stream that gave a place away twice")
			}
			if err := r.check(ctx); err != nil {
				t.Fatal(err)
			}
			if _, err := r.pass(ctx); err != nil {
				t.Fatal(err)
			}
			if r.stream == first {
				t.Error("the stream was not made anew")
			}
		})
		if n := count(t, from, `SELECT COUNT(*) FROM outbox WHERE sequence IN (1, 2)`); n != 2 {
			t.Errorf("%d rows are in the new stream, want 2", n)
		}
	})
}

func TestWhatTheStreamDoesNotTakeStaysDue(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o, b := NewOutbox(migrated(t, database(t))), embedded(t)
		emitMany(t, o, 10)
		connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
			r := &relay{bus: b, out: o, service: "ticket", js: js, lead: leading(t, o), stream: 1} // which is nowhere
			if _, err := r.pass(ctx); err == nil {
				t.Error("the relay did not notice that there is no stream")
			}
		})
		if n := count(t, o.db, `SELECT COUNT(*) FROM outbox WHERE stream = 0`); n != 10 {
			t.Errorf("%d rows are due, want all 10", n)
		}
	})
}

func TestAStreamWithoutItsBeginningIsNotTrusted(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o := NewOutbox(migrated(t, database(t)))
		e := reopened("key", 1)
		emit(t, o, e)
		now := time.Now()
		if err := o.mark(t.Context(), 5, []receipt{{e.GetId(), 1}}, now); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct {
			name  string
			first uint64
			now   time.Time
			want  bool
		}{
			{"it begins with the row", 1, now, false},
			{"it begins after a young row", 2, now, true},
			{"it begins after a row that expired", 2, now.Add(keep), false},
		} {
			got, err := o.missing(t.Context(), 5, tt.first, tt.now)
			if err != nil || got != tt.want {
				t.Errorf("%s: missing = %v, %v, want %v", tt.name, got, err, tt.want)
			}
		}
	})
}

// TestOneReplicaMakesAStreamAnew runs two that find the same loss.
func TestOneReplicaMakesAStreamAnew(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o := NewOutbox(migrated(t, database(t)))
		now := time.Now()
		for i, tt := range []struct {
			stream int64
			now    time.Time
			want   bool
		}{
			{7, now, true},
			{7, now.Add(time.Second), false},
			{8, now, true},
			{7, now.Add(2 * time.Minute), true}, // the first one died over it
		} {
			got, err := o.condemn(t.Context(), tt.stream, tt.now)
			if err != nil || got != tt.want {
				t.Errorf("call %d: condemn(%d) = %v, %v, want %v", i, tt.stream, got, err, tt.want)
			}
		}
	})
}

func TestTheOutboxGrowsWhileTheBusIsOutOfReach(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o, dir := NewOutbox(from), t.TempDir()
		s := listen(t, dir, -1)
		port := s.Addr().(*net.TCPAddr).Port
		b := open(t, Config{URL: s.ClientURL()})
		shut(s) // before anybody connected
		relaying(t, b, o)
		consuming(t, b, to, apply)
		emitMany(t, o, 10)
		depth, since, err := o.lag(t.Context())
		if err != nil || depth != 10 || since == 0 {
			t.Errorf("lag = %d since %d, %v, want 10 events", depth, since, err)
		}
		s = listen(t, dir, port)
		applied(t, to, 10)
		shut(s) // under the connections
		emitMany(t, o, 10)
		listen(t, dir, port)
		applied(t, to, 20)
		eventually(t, "nothing left to relay", func() bool {
			depth, since, err = o.lag(t.Context())
			return err == nil && depth == 0 && since == 0
		})
	})
}
