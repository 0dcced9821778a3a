package bus

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestReplicasShareAnOutbox(t *testing.T) {
	t.Parallel()
	const events = 3000
	address := sqldbtest.Postgres(t)
	first, second := migrated(t, sqldbtest.Open(t, address)), sqldbtest.Open(t, address)
	to := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	s := listen(t, t.TempDir(), -1)
	a, b := open(t, Config{URL: s.ClientURL()}), open(t, Config{URL: s.ClientURL()})
	o := NewOutbox(first)
	relaying(t, a, o)
	relaying(t, b, NewOutbox(second))
	consuming(t, a, to, apply)
	consuming(t, b, to, apply)
	var all []*eventv1.Event
	for i := range events {
		all = append(all, reopened(fmt.Sprint("key-", i%100), i))
	}
	emit(t, o, all...)
	applied(t, to, events)
	connected(t, a, func(ctx context.Context, js jetstream.JetStream) {
		stream, err := js.Stream(ctx, streamName("ticket"))
		if err != nil {
			t.Fatal(err)
		}
		if n := stream.CachedInfo().State.Msgs; n != events {
			t.Errorf("the stream holds %d messages, want %d: replicas sent the same rows", n, events)
		}
	})
}

// TestAnotherReplicaTakesOver has the one that relays lose its database session, as a
// crash does, again and again.
func TestAnotherReplicaTakesOver(t *testing.T) {
	t.Parallel()
	const events, rounds = 200, 4
	address := sqldbtest.Postgres(t)
	o, other := NewOutbox(migrated(t, sqldbtest.Open(t, address))), NewOutbox(sqldbtest.Open(t, address))
	to := migrated(t, sqldbtest.Open(t, sqldbtest.Postgres(t)))
	s := listen(t, t.TempDir(), -1)
	b := open(t, Config{URL: s.ClientURL()})
	consuming(t, b, to, apply)
	lead := leading(t, o) // of a replica that does nothing with it
	relaying(t, b, o)
	relaying(t, b, other)
	for round := range rounds {
		emitMany(t, o, events)
		if round == 0 && count(t, o.db, `SELECT COUNT(*) FROM outbox WHERE stream <> 0`) > 0 {
			t.Error("events were relayed without the lead")
		}
		if n := count(t, o.db, `SELECT COUNT(*) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`); n > 1 {
			t.Errorf("%d replicas have the lead", n)
		}
		kill(t, o.db)
		applied(t, to, events*(round+1))
	}
	if _, err := o.due(t.Context(), lead, "", time.Now()); err == nil {
		t.Error("a replica that lost the lead still takes rows")
	}
}

// kill ends the database session that has the lead.
func kill(t *testing.T, db *sqldb.DB) {
	t.Helper()
	eventually(t, "a lead to end", func() bool {
		return count(t, db, `
			SELECT COUNT(pg_terminate_backend(pid)) FROM pg_locks WHERE locktype = 'advisory' AND objid = 2
			AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`) == 1
	})
}

func TestTheRelayIsToldOfEventsOfOtherReplicas(t *testing.T) {
	const events = 20
	address := sqldbtest.Postgres(t)
	o, other := NewOutbox(migrated(t, sqldbtest.Open(t, address))), NewOutbox(sqldbtest.Open(t, address))
	b := open(t, Config{URL: listen(t, t.TempDir(), -1).ClientURL()})
	relaying(t, b, o)
	emitMany(t, o, 1)
	relayed(t, o.db) // so it has the lead
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		bells := make(chan *nats.Msg, 1000)
		if _, err := js.Conn().ChanSubscribe(bell("ticket"), bells); err != nil {
			t.Fatal(err)
		}
		relaying(t, b, other)
		begin := time.Now()
		for range events {
			emitMany(t, other, 1)
			relayed(t, o.db)
		}
		if took := time.Since(begin); took > events*pollEvery/2 {
			t.Errorf("%d events one after the other took %v: the relay found each by itself", events, took)
		}
		if len(bells) == 0 {
			t.Error("nobody rang")
		}
	})
}

// TestAnEventThatIsCommittedLateIsRelayed emits ids in the wrong order, as writers do
// that run side by side.
func TestAnEventThatIsCommittedLateIsRelayed(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o, b := NewOutbox(migrated(t, database(t))), embedded(t)
		relaying(t, b, o)
		for _, id := range []string{"b", "c", "a"} {
			e := reopened("key", 1)
			e.Id = id
			emit(t, o, e)
			relayed(t, o.db)
		}
	})
}
