package bus

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestAStreamThatLostSomethingIsMadeAnew(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name string
		harm func(context.Context, jetstream.Stream, *Outbox) error
		want bool
	}{
		{"nothing is lost", func(context.Context, jetstream.Stream, *Outbox) error { return nil }, false},
		{"a row has a later place", func(ctx context.Context, s jetstream.Stream, o *Outbox) error {
			e := reopened("key", 4)
			emit(t, o, e)
			return o.mark(ctx, incarnation(s.CachedInfo()), []receipt{{e.GetId(), 4}}, time.Now())
		}, true},
		{"a consumer has a later place", func(ctx context.Context, s jetstream.Stream, _ *Outbox) error {
			_, err := s.CreateConsumer(ctx, jetstream.ConsumerConfig{
				Durable: "ahead", DeliverPolicy: jetstream.DeliverByStartSequencePolicy, OptStartSeq: 5,
				AckPolicy: jetstream.AckExplicitPolicy,
			})
			return err
		}, true},
		{"it has a hole", func(ctx context.Context, s jetstream.Stream, _ *Outbox) error {
			return s.DeleteMsg(ctx, 2)
		}, true},
		{"its beginning is gone", func(ctx context.Context, s jetstream.Stream, _ *Outbox) error {
			return s.Purge(ctx)
		}, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			o, b := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))), embedded(t)
			connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
				// As ours, but open to harm.
				_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: streamName("ticket"), Subjects: []string{"concentric.ticket.>"}})
				if err != nil {
					t.Fatal(err)
				}
				r := &relay{bus: b, out: o, service: "ticket", js: js, lead: leading(t, o)}
				if err := r.check(ctx); err != nil {
					t.Fatal(err)
				}
				emitMany(t, o, 3)
				if _, err := r.pass(ctx); err != nil {
					t.Fatal(err)
				}
				before := r.stream
				stream, err := ensureStream(ctx, js, "ticket")
				if err != nil {
					t.Fatal(err)
				}
				if err := tt.harm(ctx, stream, o); err != nil {
					t.Fatal(err)
				}
				if err := r.check(ctx); err != nil {
					t.Fatal(err)
				}
				if got := r.stream != before; got != tt.want {
					t.Errorf("made anew: %v, want %v", got, tt.want)
				}
				if due := count(t, o.db, `SELECT COUNT(*) FROM outbox WHERE stream = 0`); (due > 0) != tt.want {
					t.Errorf("%d rows are due again", due)
				}
			})
		})
	}
}

func TestALateAcknowledgementHitsNoOtherEvent(t *testing.T) {
	b := embedded(t)
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		// next publishes one event to an incarnation and has it delivered.
		next := func() (jetstream.Consumer, jetstream.Msg) {
			stream, err := ensureStream(ctx, js, "ticket")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := js.Publish(ctx, subject("ticket", "acme", "ticket_created"), nil); err != nil {
				t.Fatal(err)
			}
			consumer, err := stream.CreateConsumer(ctx, jetstream.ConsumerConfig{
				Durable: durable("journey", stream, nil), AckPolicy: jetstream.AckExplicitPolicy,
			})
			if err != nil {
				t.Fatal(err)
			}
			msg, err := consumer.Next(jetstream.FetchMaxWait(time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			return consumer, msg
		}
		_, late := next()
		if err := js.DeleteStream(ctx, streamName("ticket")); err != nil {
			t.Fatal(err)
		}
		consumer, _ := next()
		if err := late.Ack(); err != nil {
			t.Fatal(err)
		}
		info, err := consumer.Info(ctx) // on the same connection, so after the acknowledgement
		if err != nil {
			t.Fatal(err)
		}
		if info.NumAckPending != 1 {
			t.Errorf("%d events wait for their acknowledgement, want 1", info.NumAckPending)
		}
	})
}
