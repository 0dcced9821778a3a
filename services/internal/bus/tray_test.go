package bus

import (
	"context"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// named is an event with an id.
func named(id string) *eventv1.Event {
	e := reopened("key", 1)
	e.Id = id
	return e
}

// ids returns those of the parcels.
func ids(parcels []parcel) (all []string) {
	for _, p := range parcels {
		all = append(all, p.id)
	}
	return all
}

func TestATrayHoldsWhatCameWhileItWasOpen(t *testing.T) {
	var tr tray
	tr.put(parcel{id: "before"})
	tr.open()
	tr.put(parcel{id: "b"})
	tr.put(parcel{id: "a"})
	if got, all := tr.take(); !slices.Equal(ids(got), []string{"b", "a"}) || !all {
		t.Errorf("the tray held %v, %v, want b, a and nothing else", ids(got), all)
	}
	tr.put(parcel{id: "c", payload: make([]byte, trayBytes-10)})
	tr.put(parcel{id: "d", payload: make([]byte, 20)})
	tr.put(parcel{id: "e"}) // there would be room, but it is behind d
	if got, all := tr.take(); !slices.Equal(ids(got), []string{"c"}) || all {
		t.Errorf("the tray held %v, %v, want c and a note that others came", ids(got), all)
	}
	tr.put(parcel{id: "f"})
	tr.close()
	tr.put(parcel{id: "g"})
	if got, all := tr.take(); got != nil || !all {
		t.Errorf("the closed tray held %v, %v, want nothing", ids(got), all)
	}
}

func TestARelaySendsWhatItHeardOfWithoutReadingIt(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		here := migrated(t, database(t))
		o, elsewhere := NewOutbox(here), NewOutbox(here)
		o.tray.open()
		r := &relay{bus: embedded(t), out: o, service: "ticket", lead: leading(t, o)}
		look := func(why string, want ...string) {
			t.Helper()
			parcels, err := r.find(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if got := ids(parcels); !slices.Equal(got, want) {
				t.Errorf("%s: found %v, want %v", why, got, want)
			}
		}
		emit(t, o, named("b"), named("a"))
		look("at first it reads all", "a", "b")
		emit(t, o, named("d"))
		emit(t, o, named("c"))
		emit(t, elsewhere, named("e"))
		look("then it hears", "d", "c")
		look("that was all")
		r.elsewhere.Store(true)
		look("another replica told", "a", "b", "c", "d", "e") // none was marked
		o.tray.put(parcel{id: "c"})
		o.tray.put(parcel{id: "f"})
		look("what it has just read comes late", "f")
		r.looked = time.Now().Add(-wholeEvery)
		emit(t, o, named("g"))
		look("each second it reads all", "a", "b", "c", "d", "e", "g")
		o.tray.put(parcel{id: "h", payload: make([]byte, trayBytes+1)})
		look("more came than it can hold", "a", "b", "c", "d", "e", "g")
		emit(t, o, named("i"))
		look("then it hears again", "i")
	})
}

func TestARelayTakesABatchAtATime(t *testing.T) {
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))))
	r := &relay{bus: embedded(t), out: o, service: "ticket", lead: leading(t, o)}
	place := uint64(0)
	events := func(n int) (all []*eventv1.Event) {
		for i := range n {
			all = append(all, reopened("key", i))
		}
		return all
	}
	send := func(want ...int) {
		t.Helper()
		for _, n := range want {
			parcels, err := r.find(t.Context())
			if err != nil || len(parcels) != n {
				t.Fatalf("found %d rows, %v, want %d", len(parcels), err, n)
			}
			var receipts []receipt
			for _, p := range parcels {
				place++
				receipts = append(receipts, receipt{p.id, place})
			}
			if err := o.mark(t.Context(), 1, receipts, time.Now()); err != nil {
				t.Fatal(err)
			}
		}
	}
	emit(t, o, events(relayBatch+5)...)
	send(relayBatch, 5, 0)
	o.tray.open()
	r.looked = time.Now().Add(time.Hour)
	emit(t, o, events(relayBatch+7)...)
	send(relayBatch, 7, 0)
	if n := count(t, o.db, `SELECT COUNT(*) FROM outbox WHERE stream = 0`); n != 0 {
		t.Errorf("%d rows are due, want 0", n)
	}
}

func TestARowOfEventsIsWhereItsEndsAre(t *testing.T) {
	b := embedded(t)
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		// As ours, but for shorter messages.
		stream, err := js.CreateStream(ctx, jetstream.StreamConfig{
			Name: streamName("ticket"), Subjects: []string{"concentric.ticket.>"}, MaxMsgSize: 200,
		})
		if err != nil {
			t.Fatal(err)
		}
		r := &relay{bus: b, service: "ticket", js: js}
		for _, tt := range []struct {
			why  string
			row  string // of letters, each an event
			want string // in the stream, of each row
		}{
			{"all are new", "abcd", "abcd"},
			{"two have no row", "ef", "ef"},
			{"what was in between is not known again", "gbh", "gbh"},
			{"the first is known", "aij", "ij"},
			{"the last is known", "kld", "kll"}, // l is sent once more, to know where it is
			{"both are, as far apart as if they were not", "amnd", "mn"},
		} {
			before := last(ctx, t, stream)
			receipts, err := r.publish(ctx, lettered(tt.row))
			if err != nil || len(receipts) != len(tt.row) {
				t.Fatalf("%s: publish = %v, %v, want %d receipts", tt.why, receipts, err, len(tt.row))
			}
			for i, got := range receipts {
				if id := heldAt(ctx, t, stream, got.sequence); got.id != tt.row[i:i+1] || id != got.id {
					t.Errorf("%s: %s is said to be where %s is", tt.why, got.id, id)
				}
			}
			got := ""
			for n := before + 1; n <= last(ctx, t, stream); n++ {
				got += heldAt(ctx, t, stream, n)
			}
			if got != tt.want {
				t.Errorf("%s: the stream got %s, want %s", tt.why, got, tt.want)
			}
		}
		row := lettered("opq")
		row[1].payload = make([]byte, 300)
		receipts, err := r.publish(ctx, row)
		if err == nil || len(receipts) != 2 || receipts[0].id != "o" || receipts[1].id != "q" || heldAt(ctx, t, stream, receipts[1].sequence) != "q" {
			t.Errorf("with one too long publish = %v, %v, want the places of the others", receipts, err)
		}
	})
}

// lettered returns an event for each letter.
func lettered(row string) (parcels []parcel) {
	for _, c := range row {
		parcels = append(parcels, parcel{id: string(c), brand: "acme", key: "key", kind: "ticket_reopened", payload: []byte(string(c))})
	}
	return parcels
}

// last returns the last place of a stream.
func last(ctx context.Context, t *testing.T, stream jetstream.Stream) uint64 {
	t.Helper()
	info, err := stream.Info(ctx)
	if err != nil {
		t.Fatal(err)
	}
	return info.State.LastSeq
}

// heldAt returns what a stream holds at a place.
func heldAt(ctx context.Context, t *testing.T, stream jetstream.Stream, place uint64) string {
	t.Helper()
	msg, err := stream.GetMsg(ctx, place)
	if err != nil {
		t.Fatal(err)
	}
	return string(msg.Data)
}
