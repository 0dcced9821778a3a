package bus

import (
	"testing"
	"time"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestATraceGoesFromTheRelayToTheConsumer(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	before := otel.GetTracerProvider()
	otel.SetTracerProvider(sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder)))
	defer otel.SetTracerProvider(before)
	from, to := migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t))), migrated(t, sqldbtest.Open(t, sqldbtest.SQLite(t)))
	o, b := NewOutbox(from), embedded(t)
	relaying(t, b, o)
	consuming(t, b, to, apply)
	emitMany(t, o, 1)
	eventually(t, "two spans", func() bool { return len(recorder.Ended()) == 2 })
	send, apply := recorder.Ended()[0], recorder.Ended()[1]
	if send.Name() != "send ticket_reopened" {
		send, apply = apply, send
	}
	if apply.Name() != "apply event" || apply.Parent().SpanID() != send.SpanContext().SpanID() {
		t.Errorf("spans %q and %q, want the second to be the child of the first", send.Name(), apply.Name())
	}
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
