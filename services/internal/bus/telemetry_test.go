package bus

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// recorded has spans recorded until the test ends.
func recorded(t *testing.T) *tracetest.SpanRecorder {
	t.Helper()
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	t.Cleanup(func() { otel.SetTracerProvider(before) })
	return recorder
}

func TestATraceGoesFromTheChangeToItsEffect(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		recorder := recorded(t)
		from, to := migrated(t, open(t)), migrated(t, open(t))
		o, b := NewOutbox(from), embedded(t)
		relaying(t, b, o)
		consuming(t, b, to, apply)
		emitMany(t, o, 1) // which nobody records
		ctx, span := otel.Tracer("test").Start(t.Context(), "call")
		err := from.Write(ctx, func(tx *sqldb.Tx) error {
			o.Emit(tx, reopened("recorded", 2))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		span.End()
		applied(t, to, 2)
		path := []string{"call", "write", "send ticket_reopened", "apply event", "write"}
		eventually(t, "a path of spans "+strings.Join(path, ", "), func() bool {
			return follows(recorder.Ended(), trace.SpanID{}, path)
		})
		for _, s := range recorder.Ended() {
			if s.SpanContext().TraceID() != span.SpanContext().TraceID() {
				t.Errorf("%s is of another trace", s.Name())
			}
		}
	})
}

// A headed message has nothing but its header.
type headed struct {
	jetstream.Msg
	header nats.Header
}

func (m headed) Headers() nats.Header { return m.header }

func TestWhatIsAppliedTogetherIsInTheFirstTraceAndLinkedToByTheOthers(t *testing.T) {
	recorder := recorded(t)
	batch := []message{{Msg: headed{header: nats.Header{}}}}
	for i := range 3 {
		header := nats.Header{}
		_, span := otel.Tracer("test").Start(t.Context(), "call")
		end := traceSend(t.Context(), parcel{id: fmt.Sprint("event-", i), kind: "ticket_reopened", trace: traceparent(span)}, header)
		end()
		batch = append(batch, message{Msg: headed{header: header}})
	}
	recorder.Reset()
	ctx, end := traceAll(t.Context(), batch)
	end()
	spans := recorder.Ended()
	if len(spans) != 3 {
		t.Fatalf("%d spans, want one for each that is part of a trace", len(spans))
	}
	common := trace.SpanContextFromContext(ctx)
	for i, s := range spans {
		switch {
		case i == 0 && (s.SpanContext().SpanID() != common.SpanID() || len(s.Links()) != 0):
			t.Errorf("what they share is in %v, want it in the first, %v", common.SpanID(), s.SpanContext().SpanID())
		case i > 0 && (len(s.Links()) != 1 || s.Links()[0].SpanContext.SpanID() != common.SpanID()):
			t.Errorf("span %d has the links %v, want one to the first", i, s.Links())
		}
	}
}

// traceparent returns what a header has of the span.
func traceparent(s trace.Span) string {
	return "00-" + s.SpanContext().TraceID().String() + "-" + s.SpanContext().SpanID().String() + "-01"
}

// follows reports whether the spans lead from the parent along the path.
func follows(spans []sdktrace.ReadOnlySpan, parent trace.SpanID, path []string) bool {
	if len(path) == 0 {
		return true
	}
	for _, s := range spans {
		if s.Name() == path[0] && s.Parent().SpanID() == parent && follows(spans, s.SpanContext().SpanID(), path[1:]) {
			return true
		}
	}
	return false
}

func TestTheLagIsAMetric(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	o := NewOutbox(migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))))
	stop, err := watchLag("ticket", o)
	if err != nil {
		t.Fatal(err)
	}
	read := func() map[string]float64 {
		var got metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &got); err != nil {
			t.Fatal(err)
		}
		values := map[string]float64{}
		for _, s := range got.ScopeMetrics {
			for _, m := range s.Metrics {
				switch data := m.Data.(type) {
				case metricdata.Gauge[int64]:
					values[m.Name] = float64(data.DataPoints[0].Value)
				case metricdata.Gauge[float64]:
					values[m.Name] = data.DataPoints[0].Value
				}
			}
		}
		return values
	}
	if got := read(); got["concentric.outbox.depth"] != 0 || got["concentric.outbox.age"] != 0 || len(got) != 2 {
		t.Errorf("of an empty outbox: %v, want zeros", got)
	}
	emitMany(t, o, 3)
	eventually(t, "an age that grows", func() bool {
		got := read()
		return got["concentric.outbox.depth"] == 3 && got["concentric.outbox.age"] > (10*time.Millisecond).Seconds()
	})
	stop()
	if got := read(); len(got) != 0 {
		t.Errorf("after the relay ended: %v, want nothing", got)
	}
}

func TestAConsumerCountsWhatItHears(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	from, to := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))), migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	o, b := NewOutbox(from), embedded(t)
	relaying(t, b, o)
	stop := consuming(t, b, to, func(tx *sqldb.Tx, e *eventv1.Event) error {
		if e.GetKey() == "poison" {
			return errors.New("no")
		}
		return apply(tx, e)
	})
	emitMany(t, o, 3)
	emit(t, o, reopened("poison", 1))
	eventually(t, "three applied and one put aside", func() bool {
		got := counts(t, reader)
		return got["concentric.consumer.applied"] == 3 && got["concentric.consumer.put_aside"] == 1 && got["concentric.consumer.failed"] == 1 &&
			got["concentric.consumer.delay"] == 3 && got["concentric.events.emitted"] == 4 && got["concentric.consumer.lag"] == 0
	})
	// What the stream is made to send again, the inbox knows.
	if err := from.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`UPDATE outbox SET stream = 0, sequence = 0`)
		return err
	}); err != nil {
		t.Fatal(err)
	}
	stop()
	connected(t, b, func(ctx context.Context, js jetstream.JetStream) {
		if err := js.DeleteStream(ctx, streamName("ticket")); err != nil {
			t.Fatal(err)
		}
	})
	consuming(t, b, to, apply)
	eventually(t, "repeats", func() bool { return counts(t, reader)["concentric.consumer.repeated"] == 4 })
	if got := counts(t, reader)["concentric.consumer.applied"]; got != 0 {
		t.Errorf("%d of the repeats are counted as applied", got)
	}
}

// counts returns the sum of each metric, and of histograms the number of values.
func counts(t *testing.T, reader sdkmetric.Reader) map[string]int64 {
	t.Helper()
	var all metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &all); err != nil {
		t.Fatal(err)
	}
	got := map[string]int64{}
	add := func(name string, points []metricdata.DataPoint[int64]) {
		for _, p := range points {
			got[name] += p.Value
		}
	}
	for _, s := range all.ScopeMetrics {
		for _, m := range s.Metrics {
			switch data := m.Data.(type) {
			case metricdata.Sum[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Gauge[int64]:
				add(m.Name, data.DataPoints)
			case metricdata.Histogram[float64]:
				got[m.Name] = int64(data.DataPoints[0].Count) //nolint:gosec // a few
			}
		}
	}
	return got
}
