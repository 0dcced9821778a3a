package bus

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// A ward delivers one event, whose handler fails with err, as often as asked.
type ward struct {
	*delivery
	consumer jetstream.Consumer
	err      error
	tries    int
	over     error // why the session ended
}

// inWard runs f with an event on its way.
func inWard(t *testing.T, db *sqldb.DB, f func(context.Context, *ward)) {
	t.Helper()
	b := embedded(t)
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		stream, err := ensureStream(ctx, js, "ticket")
		if err != nil {
			t.Fatal(err)
		}
		e := reopened("a", 1)
		e.Id = "event"
		if _, err := js.Publish(ctx, subject("ticket", "acme", kind(e)), marshal(t, e)); err != nil {
			t.Fatal(err)
		}
		w := &ward{}
		w.consumer, err = stream.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "journey", AckPolicy: jetstream.AckExplicitPolicy})
		if err != nil {
			t.Fatal(err)
		}
		a := &applier{db: migrated(t, db), handle: func(*sqldb.Tx, *eventv1.Event) error {
			w.tries++
			return w.err
		}}
		heard, stop, err := newEar("journey", "ticket")
		if err != nil {
			t.Fatal(err)
		}
		defer stop()
		w.delivery = &delivery{bus: b, apply: a, service: "journey", source: "ticket", ear: heard, cancel: func(err error) { w.over = err }}
		f(ctx, w)
	})
}

// next returns the next delivery of the event.
func (w *ward) next(t *testing.T) message {
	t.Helper()
	msg, err := w.consumer.Next(jetstream.FetchMaxWait(time.Minute))
	if err != nil {
		t.Fatal(err)
	}
	return read(msg)
}

func (w *ward) letters(t *testing.T) []letter {
	t.Helper()
	letters, err := w.apply.list(t.Context(), 0, "", 10)
	if err != nil {
		t.Fatal(err)
	}
	return letters
}

func TestAFailureThatMayPassIsTriedTenTimes(t *testing.T) {
	t.Parallel()
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		inWard(t, database(t), func(ctx context.Context, w *ward) {
			w.err = fault.Unavailable("BUSY", "come again", nil)
			for n := 1; n <= maxAttempts; n++ {
				m := w.next(t)
				if m.attempts != n {
					t.Fatalf("delivery %d came as number %d", n, m.attempts)
				}
				if n > 1 && n < maxAttempts {
					m.Nak() //nolint:errcheck,gosec // without the growing delay
					continue
				}
				w.settle(ctx, m)
			}
			letters := w.letters(t)
			if len(letters) != 1 || letters[0].reason != "BUSY" || letters[0].attempts != maxAttempts || w.tries != 2 {
				t.Errorf("after %d calls: %v, want it dead after %d attempts", w.tries, letters, maxAttempts)
			}
		})
	})
}

func TestADatabaseOutOfReachKillsNoEvent(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, database func(*testing.T) *sqldb.DB) {
		inWard(t, database(t), func(ctx context.Context, w *ward) {
			w.err = fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", nil)
			m := w.next(t)
			m.attempts = 10 * maxAttempts
			w.settle(ctx, m)
			if letters := w.letters(t); len(letters) != 0 || w.over == nil {
				t.Errorf("letters %v and the end %v, want none and to wait for the database", letters, w.over)
			}
			w.err = nil
			if w.settle(ctx, w.next(t)); w.tries != 2 {
				t.Errorf("tried %d times, want again when the database is back", w.tries)
			}
		})
	})
}

func TestWhatMayPass(t *testing.T) {
	for _, tt := range []struct {
		err  error
		want bool
	}{
		{errors.New("anything"), false},
		{fault.NotFound("brands/acme"), false},
		{fault.Precondition("TOO_EARLY", "events/1", "too early"), false},
		{fault.Unavailable("STORAGE_UNAVAILABLE", "the storage is out of reach", nil), true},
		{fmt.Errorf("apply: %w", fault.Stale("brands/acme")), true},
		{fmt.Errorf("apply: %w", context.DeadlineExceeded), true},
	} {
		if got := passing(tt.err); got != tt.want {
			t.Errorf("passing(%v) = %v, want %v", tt.err, got, tt.want)
		}
	}
	for attempts, want := range map[int]time.Duration{1: 100 * time.Millisecond, 3: 400 * time.Millisecond, 10: 30 * time.Second, 100: 30 * time.Second} {
		if got := backoff(attempts); got != want {
			t.Errorf("backoff(%d) = %v, want %v", attempts, got, want)
		}
	}
}

func TestAConsumerGetsTheKindsItHasAUseForAndNoOthers(t *testing.T) {
	from, to := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))), migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	o, b := NewOutbox(from), embedded(t)
	relaying(t, b, o)
	background(t, func(ctx context.Context) error {
		return b.Consume(ctx, Consumer{
			Service: "journey", From: []string{"survey", "ticket"}, DB: to, Handle: apply, Kinds: []string{"response_submitted", "ticket_reopened"},
		})
	})
	for i := range 20 {
		emit(t, o, &eventv1.Event{Brand: "brands/acme", Key: "a", Payload: &eventv1.Event_TicketCreated{
			TicketCreated: &eventv1.TicketCreated{},
		}}, reopened("a", i))
	}
	applied(t, to, 20)
	if n := count(t, to, `SELECT COUNT(*) FROM inbox`); n != 20 {
		t.Errorf("the inbox holds %d events, want the 20 of the kind", n)
	}

	// A version that has a use for the other kind too gets those of the past.
	background(t, func(ctx context.Context) error {
		return b.Consume(ctx, Consumer{Service: "journey", From: []string{"survey", "ticket"}, DB: to, Handle: apply})
	})
	applied(t, to, 40)
}
