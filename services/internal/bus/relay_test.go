package bus

import (
	"context"
	"fmt"
	"net"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAnEventHasItsEffectOnce(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		from, to := migrated(t, database(t)), migrated(t, database(t))
		o, b := NewOutbox(from), embedded(t)
		relaying(t, b, o)
		emitMany(t, o, 100)
		// Each comes a second time, beyond what the stream recognizes.
		connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
			rows, err := from.Read().QueryContext(ctx, `SELECT id, brand, key, kind, payload, trace FROM outbox ORDER BY id DESC`)
			if err != nil {
				t.Fatal(err)
			}
			parcels, err := scanParcels(rows)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := ensureStream(ctx, js, "ticket"); err != nil {
				t.Fatal(err)
			}
			for _, p := range parcels {
				if _, err := js.Publish(ctx, subject("ticket", p.brand, p.kind), p.payload); err != nil {
					t.Fatal(err)
				}
			}
		})
		tries := make(chan string, 1000)
		consuming(t, b, to, func(tx *sqldb.Tx, e *eventv1.Event) error {
			tries <- e.GetId()
			if err := apply(tx, e); err != nil || len(tries)%5 != 0 {
				return err
			}
			return fmt.Errorf("come again: %w", context.DeadlineExceeded)
		})
		applied(t, to, 100)
		if len(tries) == 100 {
			t.Error("no event was tried twice")
		}
	})
}

func TestAnUncommittedEventIsNotRelayed(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o := NewOutbox(migrated(t, database(t)))
		for name, e := range map[string]*eventv1.Event{
			"without a payload": {Brand: "brands/acme", Key: "key"},
			"too long":          reopened(strings.Repeat("x", 500_001), 1),
			"not UTF-8":         reopened("\xff", 1),
		} {
			if err := o.db.Write(t.Context(), func(tx *sqldb.Tx) error { o.Emit(tx, e); return nil }); err == nil {
				t.Errorf("an event %s was taken", name)
			}
		}
		if err := o.db.Try(t.Context(), func(tx *sqldb.Tx) error { o.Emit(tx, reopened("key", 1)); return nil }); err != nil {
			t.Error(err)
		}
		if n := count(t, o.db, `SELECT COUNT(*) FROM outbox`); n != 0 {
			t.Errorf("%d rows in the outbox, want 0", n)
		}
		select {
		case <-o.wake:
			t.Error("the relay was woken for nothing")
		default:
		}
	})
}

func TestRowsAreKeptForAWeekAfterTheyWereSent(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o := NewOutbox(migrated(t, database(t)))
		ctx, now := t.Context(), time.Now()
		var events []*eventv1.Event
		for i := range 4 {
			events = append(events, reopened("key", i))
		}
		emit(t, o, events...)
		unsent, dueAgain, other, held := events[0].GetId(), events[1].GetId(), events[2].GetId(), events[3].GetId()
		for _, r := range []struct {
			stream int64
			id     string
		}{{4, dueAgain}, {6, other}, {5, held}} {
			if err := o.mark(ctx, r.stream, []receipt{{r.id, 1}}, now); err != nil {
				t.Fatal(err)
			}
		}
		if err := o.resend(ctx, 6, now); err != nil { // rows of 4 and 5 are due again
			t.Fatal(err)
		}
		if err := o.mark(ctx, 5, []receipt{{held, 1}}, now.Add(time.Hour)); err != nil {
			t.Fatal(err)
		}
		rows := func() int { return count(t, o.db, `SELECT COUNT(*) FROM outbox`) }
		if err := o.prune(ctx, 5, now.Add(keep-time.Second)); err != nil || rows() != 4 {
			t.Errorf("after less than a week %d rows are left, %v, want 4", rows(), err)
		}
		late := now.Add(keep + time.Second)
		if err := o.resend(ctx, 9, late); err != nil {
			t.Fatal(err)
		}
		if parcels, err := o.due(ctx, leading(t, o), "", late); err != nil || len(parcels) != 1 || parcels[0].id != unsent {
			t.Errorf("after a week %v are due, %v, want only the one that was never sent", parcels, err)
		}
		if err := o.prune(ctx, 5, late); err != nil || rows() != 1 {
			t.Errorf("after a week %d rows are left, %v, want the one that was never sent", rows(), err)
		}
	})
}

func TestAClusterHoldsThreeCopies(t *testing.T) {
	t.Parallel()
	from, to := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))), migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	servers := cluster(t)
	var addresses []string
	for _, s := range servers {
		addresses = append(addresses, s.ClientURL())
	}
	b := open(t, Config{URL: strings.Join(addresses, ",")})
	o := NewOutbox(from)
	relaying(t, b, o)
	consuming(t, b, to, apply)
	emitMany(t, o, 50)
	applied(t, to, 50)
	var info *jetstream.StreamInfo
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		stream, err := js.Stream(ctx, streamName("ticket"))
		if err != nil {
			t.Fatal(err)
		}
		info = stream.CachedInfo()
	})
	if info.Config.Replicas != 3 {
		t.Errorf("the stream has %d copies, want 3", info.Config.Replicas)
	}
	for _, s := range servers {
		if s.Name() == info.Cluster.Leader {
			shut(s)
		}
	}
	emitMany(t, o, 50)
	applied(t, to, 100)
}

// cluster starts three servers that know each other.
func cluster(t *testing.T) (servers []*server.Server) {
	t.Helper()
	var routes []*url.URL
	ports := make([]int, 3)
	for i := range ports {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer l.Close() //nolint:errcheck // only its number was wanted
		ports[i] = l.Addr().(*net.TCPAddr).Port
		routes = append(routes, &url.URL{Scheme: "nats", Host: l.Addr().String()})
		l.Close() //nolint:errcheck,gosec // only its number was wanted
	}
	for i, port := range ports {
		s, err := server.NewServer(&server.Options{
			ServerName: fmt.Sprint("node-", i), Host: "127.0.0.1", Port: -1, NoSigs: true, NoLog: true,
			JetStream: true, StoreDir: t.TempDir(), Routes: routes,
			Cluster: server.ClusterOpts{Name: "test", Host: "127.0.0.1", Port: port},
		})
		if err != nil {
			t.Fatal(err)
		}
		s.Start()
		t.Cleanup(func() { shut(s) })
		servers = append(servers, s)
	}
	for _, s := range servers {
		eventually(t, "the cluster ready", func() bool { return s.ReadyForConnections(time.Second) && s.JetStreamIsCurrent() })
	}
	eventually(t, "three peers", func() bool {
		for _, s := range servers {
			if s.JetStreamIsLeader() {
				return len(s.JetStreamClusterPeers()) == 3
			}
		}
		return false
	})
	return servers
}

func TestSubjectsAreSafe(t *testing.T) {
	for _, tt := range []struct{ brand, want string }{
		{"acme", "concentric.ticket.acme.ticket_created"},
		{"", "concentric.ticket._.ticket_created"},
		{"a.b *>\n", "concentric.ticket.a_b____.ticket_created"},
	} {
		got := subject("ticket", tt.brand, "ticket_created")
		if got != tt.want {
			t.Errorf("subject of %q = %q, want %q", tt.brand, got, tt.want)
		}
	}
	b := &Bus{}
	if err := b.Relay(t.Context(), "no.service", nil); err == nil {
		t.Error("Relay took a service that cannot be in a subject")
	}
	if err := b.Consume(t.Context(), Consumer{Service: "journey"}); err == nil {
		t.Error("Consume took a consumer that lacks everything")
	}
	if _, err := Open(t.Context(), Config{}); err == nil {
		t.Error("Open took an embedded server without a folder")
	}
}

func TestARelayFindsWhatIsCommittedLate(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		o := NewOutbox(migrated(t, database(t)))
		relaying(t, embedded(t), o)
		for n, id := range []string{"c", "d", "b", "e", "a"} {
			e := reopened("a", n)
			e.Id = id
			emit(t, o, e)
			relayed(t, o.db)
		}
	})
}

func TestARelayLooksAboveWhatItSent(t *testing.T) {
	found := func(n int, last string) []parcel {
		all := make([]parcel, n)
		all[n-1].id = last
		return all
	}
	var g glance
	now := time.Now()
	for i, tt := range []struct {
		after time.Duration
		above string
		found []parcel
	}{
		{0, "", found(3, "d")},
		{1, "", found(3, "f")}, // nothing was sent before the last look at all
		{2, "d", found(3, "h")},
		{3, "d", nil}, // what rang has a lower id
		{4, "", found(1, "b")},
		{5, "b", found(relayBatch, "k")},
		{wholeEvery + 3, "b", found(1, "l")},
		{wholeEvery + 4, "", found(relayBatch, "c")}, // much is due again
		{wholeEvery + 5, "c", found(1, "n")},
		{2*wholeEvery + 4, "", found(1, "p")},
		{2*wholeEvery + 5, "n", found(1, "q")},
	} {
		if got := g.next(now.Add(tt.after)); got != tt.above {
			t.Errorf("look %d is above %q, want %q", i, got, tt.above)
		}
		g.saw(tt.found)
	}
}
