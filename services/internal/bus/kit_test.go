package bus

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"testing"
	"testing/fstest"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// The NATS server has one clock a process, which may outlive its last user a while.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m,
		goleak.IgnoreTopFunction("github.com/nats-io/nats-server/v2/server/ats.Register.func1"),
		// A stream that is made while its server ends.
		goleak.IgnoreAnyFunction("github.com/nats-io/nats-server/v2/server.(*fileStore).flushStreamStateLoop"),
	)
}

// effects counts how often each event was applied.
var effects = fstest.MapFS{"0001_effect.sql": {Data: []byte(`-- +goose Up
CREATE TABLE effect (id TEXT PRIMARY KEY, key TEXT NOT NULL, number BIGINT NOT NULL, times BIGINT NOT NULL);
`)}}

// migrated returns db with the tables of the bus and of the effects.
func migrated(t testing.TB, db *sqldb.DB) *sqldb.DB {
	t.Helper()
	if err := Migrate(t.Context(), db); err != nil {
		t.Fatal(err)
	}
	if err := sqldb.Migrate(t.Context(), db, "effect", effects); err != nil {
		t.Fatal(err)
	}
	return db
}

// apply is a handler that counts.
func apply(tx *sqldb.Tx, e *eventv1.Event) error {
	_, err := tx.Exec(`
		INSERT INTO effect (id, key, number, times) VALUES ($1, $2, $3, 1)
		ON CONFLICT (id) DO UPDATE SET times = effect.times + 1`, e.GetId(), e.GetKey(), number(e))
	return err
}

// reopened is an event that carries a number.
func reopened(key string, number int) *eventv1.Event {
	return &eventv1.Event{Brand: "brands/acme", Key: key, Payload: &eventv1.Event_TicketReopened{
		TicketReopened: &eventv1.TicketReopened{ReopenCount: int32(number)},
	}}
}

func number(e *eventv1.Event) int { return int(e.GetTicketReopened().GetReopenCount()) }

func emit(t testing.TB, o *Outbox, events ...*eventv1.Event) {
	t.Helper()
	err := o.db.Write(context.Background(), func(tx *sqldb.Tx) error {
		for _, e := range events {
			o.Emit(tx, e)
		}
		return nil
	})
	if err != nil {
		t.Error(err)
	}
}

// emitMany emits n events, numbered, of 7 keys.
func emitMany(t testing.TB, o *Outbox, n int) {
	t.Helper()
	for i := range n {
		emit(t, o, reopened(fmt.Sprint("key-", i%7), i))
	}
}

func count(t testing.TB, db *sqldb.DB, query string, args ...any) (n int) {
	t.Helper()
	if err := db.Read().QueryRowContext(context.Background(), query, args...).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// eventually waits until ok holds.
func eventually(t testing.TB, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	end := time.After(2 * time.Minute)
	for !ok() {
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("after two minutes: not %s", what)
		}
	}
}

// applied waits until db has the effect of n events, and fails if one has it twice.
func applied(t testing.TB, db *sqldb.DB, n int) {
	t.Helper()
	got := 0
	defer func() {
		if t.Failed() {
			t.Logf("applied %d, want %d", got, n)
		}
	}()
	eventually(t, "all events applied", func() bool {
		got = count(t, db, `SELECT COUNT(*) FROM inbox`) // the cheaper question, with the same answer
		return got >= n
	})
	got = count(t, db, `SELECT COUNT(*) FROM effect`)
	if got != n {
		t.Errorf("applied %d events, want %d", got, n)
	}
	if twice := count(t, db, `SELECT COUNT(*) FROM effect WHERE times <> 1`); twice != 0 {
		t.Errorf("%d events were applied more than once", twice)
	}
}

// open opens a bus until close is called or the test ends.
func open(t testing.TB, cfg Config) *Bus {
	t.Helper()
	cfg.Log = slog.New(slog.NewTextHandler(t.Output(), nil))
	b, err := Open(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(b.Close)
	return b
}

// embedded opens a bus in this process.
func embedded(t testing.TB) *Bus {
	t.Helper()
	return open(t, Config{Dir: t.TempDir()})
}

// background runs f until stop is called or the test ends.
func background(t testing.TB, f func(context.Context) error) (stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var wg sync.WaitGroup
	wg.Go(func() {
		if err := f(ctx); err != nil {
			t.Error(err)
		}
	})
	stop = func() { cancel(); wg.Wait() }
	t.Cleanup(stop)
	return stop
}

func relaying(t testing.TB, b *Bus, o *Outbox) (stop func()) {
	t.Helper()
	return background(t, func(ctx context.Context) error { return b.Relay(ctx, "ticket", o) })
}

// leading takes the lead of o until the test ends.
func leading(t testing.TB, o *Outbox) *sqldb.Lead {
	t.Helper()
	lead, err := o.db.Lead(context.Background())
	if err != nil || lead == nil {
		t.Fatalf("the lead = %v, %v, want it", lead, err)
	}
	t.Cleanup(lead.Release)
	return lead
}

// relayed waits until a stream holds every row of db.
func relayed(t testing.TB, db *sqldb.DB) {
	t.Helper()
	eventually(t, "relayed", func() bool { return count(t, db, `SELECT COUNT(*) FROM outbox WHERE stream = 0`) == 0 })
}

// consuming applies the events of ticket to db with handle.
func consuming(t testing.TB, b *Bus, db *sqldb.DB, handle func(*sqldb.Tx, *eventv1.Event) error) (stop func()) {
	t.Helper()
	return background(t, func(ctx context.Context) error {
		return b.Consume(ctx, Consumer{Service: "journey", From: []string{"ticket"}, DB: db, Handle: handle})
	})
}

// connected runs f on a connection to b.
func connected(t testing.TB, b *Bus, f func(context.Context, jetstream.JetStream)) {
	t.Helper()
	err := b.session(t.Context(), func(ctx context.Context, js jetstream.JetStream) error {
		f(ctx, js)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// listen starts a server on loopback, at a free port if port is -1.
func listen(t testing.TB, dir string, port int) *server.Server {
	t.Helper()
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: port, NoSigs: true, NoLog: true, JetStream: true, StoreDir: dir,
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	eventually(t, "the server ready", func() bool { return s.ReadyForConnections(time.Second) })
	t.Cleanup(func() { shut(s) })
	return s
}

func shut(s *server.Server) {
	s.Shutdown()
	s.WaitForShutdown()
}

func marshal(t testing.TB, e *eventv1.Event) []byte {
	t.Helper()
	payload, err := proto.Marshal(e)
	if err != nil {
		t.Fatal(err)
	}
	return payload
}
