package bus

import (
	"context"
	"sync"
	"testing"

	"github.com/nats-io/nats.go/jetstream"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// BenchmarkEmitToApplied is the whole way of an event: a commit with it, the
// relay, the stream, and a commit with its effect. 16 writers emit.
func BenchmarkEmitToApplied(b *testing.B) {
	for _, kind := range []struct {
		name string
		open func(testing.TB) string
	}{{"sqlite", sqldbtest.SQLite}, {"postgres", sqldbtest.DurablePostgres}} {
		b.Run(kind.name, func(b *testing.B) {
			from, to := migrated(b, sqldbtest.Open(b, kind.open(b))), migrated(b, sqldbtest.Open(b, kind.open(b)))
			o, bus := NewOutbox(from), embedded(b)
			relaying(b, bus, o)
			consuming(b, bus, to, apply)
			b.ResetTimer()
			emitConcurrently(b, o)
			applied(b, to, b.N)
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkEmit is the first commit alone.
func BenchmarkEmit(b *testing.B) {
	o := NewOutbox(migrated(b, sqldbtest.Open(b, sqldbtest.SQLite(b))))
	b.ResetTimer()
	emitConcurrently(b, o)
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// emitConcurrently emits b.N events of as many keys, a transaction each.
func emitConcurrently(b *testing.B, o *Outbox) {
	var wg sync.WaitGroup
	work := make(chan *eventv1.Event, 64)
	for range 16 {
		wg.Go(func() {
			for e := range work {
				emit(b, o, e)
			}
		})
	}
	for i := range b.N {
		work <- reopened(name.NewID(), i)
	}
	close(work)
	wg.Wait()
}

// BenchmarkPublishOnly is the limit: JetStream's asynchronous publish of the
// same payload, without a database.
func BenchmarkPublishOnly(b *testing.B) {
	bus := embedded(b)
	err := bus.session(context.Background(), func(ctx context.Context, js jetstream.JetStream) error {
		if _, err := ensureStream(ctx, js, "ticket"); err != nil {
			return err
		}
		payload := marshal(b, reopened(name.NewID(), 1))
		b.ResetTimer()
		for range b.N {
			if _, err := js.PublishAsync(subject("ticket", "acme", "ticket_reopened"), payload, jetstream.WithMsgID(name.NewID())); err != nil {
				return err
			}
		}
		<-js.PublishAsyncComplete()
		return nil
	})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}

// BenchmarkConsume is the second commit alone: an event applied with its inbox row.
func BenchmarkConsume(b *testing.B) {
	db := migrated(b, sqldbtest.Open(b, sqldbtest.SQLite(b)))
	a := &applier{db: db, handle: func(*sqldb.Tx, *eventv1.Event) error { return nil }}
	var wg sync.WaitGroup
	work := make(chan *eventv1.Event, workers)
	b.ResetTimer()
	for range workers {
		wg.Go(func() {
			for e := range work {
				if _, err := a.once(context.Background(), e, nil); err != nil {
					b.Error(err)
				}
			}
		})
	}
	for i := range b.N {
		e := reopened(name.NewID(), i)
		e.Id = name.NewID()
		work <- e
	}
	close(work)
	wg.Wait()
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "events/s")
}
