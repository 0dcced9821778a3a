package bus

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// The numbers are a contract between versions.
func TestAPartitionStaysWhereItIs(t *testing.T) {
	for _, tt := range []struct {
		brand, key string
		want       int
	}{
		{"acme", "brands/acme/customers/ann", 11},
		{"acme", "brands/acme/tickets/t2", 14},
		{"", "", 14},
	} {
		if got := partition(tt.brand, tt.key); got != tt.want {
			t.Errorf("partition(%q, %q) = %d, want %d", tt.brand, tt.key, got, tt.want)
		}
	}
	var used [partitions]int
	for i := range 16_000 {
		used[partition("acme", fmt.Sprint("brands/acme/customers/", i))]++
	}
	for p, n := range used {
		if n < 800 || n > 1200 {
			t.Errorf("%d of 16,000 keys are in partition %d, want about 1,000", n, p)
		}
	}
	if got, want := place("ticket", parcel{brand: "acme", key: "brands/acme/customers/ann", kind: "ticket_created"}), "concentric.ticket.acme.ticket_created.11"; got != want {
		t.Errorf("an event goes to %s, want %s", got, want)
	}
}

// A wire is a connection to a server that can be cut, as when its user dies.
type wire struct {
	listener net.Listener
	to       string

	mu    sync.Mutex
	whole bool
	ends  []net.Conn
}

// wireTo makes a wire to the server at an address.
func wireTo(t *testing.T, to string) *wire {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{listener: l, to: to, whole: true}
	var wg sync.WaitGroup
	wg.Go(func() {
		for {
			from, err := l.Accept()
			if err != nil {
				return
			}
			wg.Go(func() { w.carry(from) })
		}
	})
	t.Cleanup(func() { l.Close(); w.cut(); wg.Wait() })
	return w
}

func (w *wire) carry(from net.Conn) {
	defer from.Close()
	to, err := net.Dial("tcp", w.to)
	if err != nil {
		return
	}
	defer to.Close()
	w.mu.Lock()
	if !w.whole {
		w.mu.Unlock()
		return
	}
	w.ends = append(w.ends, from, to)
	w.mu.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { io.Copy(to, from); to.Close() })   //nolint:errcheck // it ends anyhow
	wg.Go(func() { io.Copy(from, to); from.Close() }) //nolint:errcheck // it ends anyhow
	wg.Wait()
}

// cut ends all that goes over the wire, and lets nothing pass until it is mended.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, end := range w.ends {
		end.Close()
	}
	w.whole, w.ends = false, nil
}

func (w *wire) mend() {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.whole = true
}

// A replica applies events of ticket, and counts those it had a hand in.
type replica struct {
	*wire
	applied  atomic.Int64
	disorder atomic.Int64 // events that came after a later one of their key
}

// replicate has a replica apply events to the database at an address.
func replicate(t *testing.T, address, server string, handle func(*sqldb.Tx, *eventv1.Event) error) *replica {
	t.Helper()
	r := &replica{wire: wireTo(t, server)}
	b := open(t, Config{URL: "nats://" + r.listener.Addr().String()})
	consuming(t, b, sqldbtest.Open(t, address), func(tx *sqldb.Tx, e *eventv1.Event) error {
		if handle != nil {
			if err := handle(tx, e); err != nil {
				return err
			}
		}
		var later int64
		if err := tx.QueryRow(`SELECT COUNT(*) FROM effect WHERE key = $1 AND number > $2`, e.GetKey(), number(e)).Scan(&later); err != nil {
			return err
		}
		tx.AfterCommit(func() {
			r.applied.Add(1)
			r.disorder.Add(min(later, 1))
		})
		return apply(tx, e)
	})
	return r
}

// TestReplicasShareTheKeysInTheirOrder has a replica die under load and come back, and then
// the other one.
func TestReplicasShareTheKeysInTheirOrder(t *testing.T) {
	t.Parallel()
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t))))
	address := sqldbtest.Postgres(t)
	to := migrated(t, sqldbtest.Open(t, address))
	s := listen(t, t.TempDir(), -1)
	relaying(t, open(t, Config{URL: s.ClientURL()}), o)
	server := s.Addr().String()
	replicas := []*replica{replicate(t, address, server, nil), replicate(t, address, server, nil)}

	// The writer goes on and on, until all has been seen.
	var emitted atomic.Int64
	var writing sync.WaitGroup
	over := make(chan struct{})
	writing.Go(func() {
		for n := 0; ; {
			select {
			case <-over:
				return
			case <-time.After(20 * time.Millisecond):
			}
			var events []*eventv1.Event
			for range 4 {
				events = append(events, reopened(fmt.Sprint("key-", n%60), n))
				n++
			}
			emit(t, o, events...)
			emitted.Store(int64(n))
		}
	})
	end := sync.OnceFunc(func() { close(over); writing.Wait() })
	defer end()
	both := func(when string) {
		t.Helper()
		begin := time.Now()
		first, second := replicas[0].applied.Load(), replicas[1].applied.Load()
		eventually(t, "both at work "+when, func() bool {
			return replicas[0].applied.Load() > first+60 && replicas[1].applied.Load() > second+60
		})
		t.Logf("both were at work %s after %v", when, time.Since(begin))
	}
	both("from the start")
	for _, dead := range replicas {
		dead.cut()
		begin, now := time.Now(), emitted.Load()
		eventually(t, "all keys with the other replica", func() bool {
			return count(t, to, `SELECT COUNT(DISTINCT key) FROM effect WHERE number > $1`, now+60) == 60
		})
		t.Logf("the other replica had all keys after %v", time.Since(begin))
		if late := time.Since(begin); late > time.Minute { // ten seconds where nobody else wants the machine
			t.Errorf("the other replica needed %v", late)
		}
		dead.mend()
		both("once one was back")
	}
	end()
	applied(t, to, int(emitted.Load()))
	for n, r := range replicas {
		if r.disorder.Load() > 0 {
			t.Errorf("replica %d applied %d of %d events after later ones of their key", n, r.disorder.Load(), r.applied.Load())
		}
	}
}

// TestWhatADeadReplicaLeftComesFirst has a replica die with many events of a key in its
// hands, and more come while the other waits for its place.
func TestWhatADeadReplicaLeftComesFirst(t *testing.T) {
	t.Parallel()
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t))))
	address := sqldbtest.Postgres(t)
	to := migrated(t, sqldbtest.Open(t, address))
	s := listen(t, t.TempDir(), -1)
	relaying(t, open(t, Config{URL: s.ClientURL()}), o)
	emitted := 0
	emitMore := func(n int) {
		for range n {
			emit(t, o, reopened("key", emitted))
			emitted++
		}
	}
	entered, leave := make(chan struct{}, 1), make(chan struct{})
	dies := replicate(t, address, s.Addr().String(), func(*sqldb.Tx, *eventv1.Event) error {
		select {
		case entered <- struct{}{}:
		default:
		}
		<-leave
		return fault.Unavailable("DEAD", "died in the middle", nil) // which may pass: nothing is put aside
	})
	emitMore(90)
	<-entered
	dies.cut()
	close(leave)
	lives := replicate(t, address, s.Addr().String(), nil)
	for begin := time.Now(); time.Since(begin) < pinnedFor && lives.applied.Load() == 0; time.Sleep(50 * time.Millisecond) {
		emitMore(1)
	}
	applied(t, to, emitted)
	if n := lives.disorder.Load(); n > 0 {
		t.Errorf("%d of %d events were applied after later ones", n, emitted)
	}
}

func TestAPoisonedKeyStopsOnlyItselfOnAllReplicas(t *testing.T) {
	t.Parallel()
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t))))
	address := sqldbtest.Postgres(t)
	to := migrated(t, sqldbtest.Open(t, address))
	s := listen(t, t.TempDir(), -1)
	relaying(t, open(t, Config{URL: s.ClientURL()}), o)
	for range 2 {
		replicate(t, address, s.Addr().String(), func(_ *sqldb.Tx, e *eventv1.Event) error {
			if e.GetKey() == "key-3" {
				return errors.New("poison")
			}
			return nil
		})
	}
	const events = 210
	emitMany(t, o, events)
	eventually(t, "all others applied", func() bool { return count(t, to, `SELECT COUNT(*) FROM effect`) == events-events/7 })
	eventually(t, "the poisoned put aside", func() bool { return count(t, to, `SELECT COUNT(*) FROM dead_letter`) == events/7 })
	if n := count(t, to, `SELECT COUNT(*) FROM dead_letter WHERE key <> 'key-3'`); n > 0 {
		t.Errorf("%d events of other keys were put aside", n)
	}
	if n := count(t, to, `SELECT COUNT(*) FROM dead_letter WHERE reason <> ''`); n != 1 {
		t.Errorf("%d events failed, want the first of the key and the others behind it", n)
	}
}

// TestWhatAnEarlierVersionPublishedIsApplied: the events of a relay that knew of no
// partitions are heard, and those that replicas acknowledged to it do not come again.
func TestWhatAnEarlierVersionPublishedIsApplied(t *testing.T) {
	to := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	s := listen(t, t.TempDir(), -1)
	b := open(t, Config{URL: s.ClientURL()})
	kinds := []string{"ticket_reopened"}
	publish := func(ctx context.Context, js jetstream.JetStream, i int) {
		e := reopened("key", i)
		e.Id = fmt.Sprint("event-", i)
		if _, err := js.Publish(ctx, subject("ticket", "acme", kind(e)), marshal(t, e)); err != nil {
			t.Fatal(err)
		}
	}
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		stream, err := ensureStream(ctx, js, "ticket")
		if err != nil {
			t.Fatal(err)
		}
		// The consumer as that version made it.
		all := subjects("ticket", kinds)
		earlier, err := stream.CreateOrUpdateConsumer(ctx, lane{durable: durable("journey", stream, all), subjects: all}.config())
		if err != nil {
			t.Fatal(err)
		}
		for i := range 20 {
			publish(ctx, js, i)
		}
		for range 10 {
			msg, err := earlier.Next()
			if err != nil {
				t.Fatal(err)
			}
			if err := msg.DoubleAck(ctx); err != nil {
				t.Fatal(err)
			}
		}
	})
	background(t, func(ctx context.Context) error {
		return b.Consume(ctx, Consumer{Service: "journey", From: []string{"ticket"}, DB: to, Handle: apply, Kinds: kinds})
	})
	applied(t, to, 10)
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) { publish(ctx, js, 20) }) // while both versions run
	applied(t, to, 11)
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))))
	relaying(t, b, o)
	emitMany(t, o, 50)
	applied(t, to, 61)
}

// TestAReplicaThatLeavesGivesBackWhatItHas: a replica that is asked to end while its handler
// stands still has the others wait for no longer than that.
func TestAReplicaThatLeavesGivesBackWhatItHas(t *testing.T) {
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t))))
	address := sqldbtest.Postgres(t)
	to := migrated(t, sqldbtest.Open(t, address))
	b := open(t, Config{URL: listen(t, t.TempDir(), -1).ClientURL()})
	relaying(t, b, o)
	const events = 100
	entered, leave := make(chan struct{}, events), make(chan struct{})
	ctx, cancel := context.WithCancel(t.Context())
	background(t, func(context.Context) error {
		return b.Consume(ctx, Consumer{
			Service: "journey", From: []string{"ticket"}, DB: sqldbtest.Open(t, address), Handle: func(*sqldb.Tx, *eventv1.Event) error {
				entered <- struct{}{}
				<-leave
				return errors.New("left in the middle")
			},
		})
	})
	emitMany(t, o, events)
	<-entered
	consuming(t, b, to, apply)
	begin := time.Now()
	cancel()
	close(leave)
	applied(t, to, events)
	if took := time.Since(begin); took > ackWait {
		t.Errorf("the other replica had everything after %v, want less than a redelivery takes", took)
	}
}

// TestALaneIsFreeOnceItsReplicaHasLeft: a lane with messages to bring goes to nobody who asked
// for them and left.
func TestALaneIsFreeOnceItsReplicaHasLeft(t *testing.T) {
	b := open(t, Config{URL: listen(t, t.TempDir(), -1).ClientURL()})
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		stream, err := ensureStream(ctx, js, "ticket")
		if err != nil {
			t.Fatal(err)
		}
		numbered, _ := lanes("journey", "ticket", stream, nil)
		l := numbered[0]
		consumer, err := l.make(ctx, stream)
		if err != nil {
			t.Fatal(err)
		}
		for range 3 {
			if _, err := js.Publish(ctx, "concentric.ticket.acme.ticket_reopened.0", nil); err != nil {
				t.Fatal(err)
			}
		}
		next := "$JS.API.CONSUMER.MSG.NEXT." + stream.CachedInfo().Config.Name + "." + l.durable
		ask := []byte(`{"batch": 1, "expires": 4000000000, "group": "` + l.group + `"}`)
		if _, err := js.Conn().RequestWithContext(ctx, next, ask); err != nil {
			t.Fatal(err)
		}
		if err := js.Conn().PublishRequest(next, js.Conn().NewInbox(), ask); err != nil {
			t.Fatal(err)
		}
		letGo(ctx, stream, consumer, l)
		time.Sleep(100 * time.Millisecond) // in which the server looks for somebody to serve
		if info, err := consumer.Info(ctx); err != nil || pinned(info) || info.NumPending != 2 {
			t.Errorf("the lane is %+v, %v, want it pinned to nobody, with two messages to bring", info, err)
		}
	})
}
