package bus

import (
	"context"
	"time"

	"github.com/nats-io/nats.go"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/bus"

// watchLag reports how far the relay of o is behind, until stop is called.
func watchLag(service string, o *Outbox) (stop func(), err error) {
	meter := otel.Meter(scope)
	depth, err := meter.Int64ObservableGauge("concentric.outbox.depth",
		metric.WithDescription("Events that wait to be published."), metric.WithUnit("{event}"))
	if err != nil {
		return nil, err
	}
	age, err := meter.Float64ObservableGauge("concentric.outbox.age",
		metric.WithDescription("Since when the oldest of them waits."), metric.WithUnit("s"))
	if err != nil {
		return nil, err
	}
	attributes := metric.WithAttributes(attribute.String("concentric.service", service))
	registration, err := meter.RegisterCallback(func(ctx context.Context, out metric.Observer) error {
		n, since, err := o.lag(ctx)
		if err != nil {
			return err
		}
		out.ObserveInt64(depth, n, attributes)
		var seconds float64
		if n > 0 {
			seconds = time.Since(sqldb.Time(since)).Seconds()
		}
		out.ObserveFloat64(age, seconds, attributes)
		return nil
	}, depth, age)
	if err != nil {
		return nil, err
	}
	return func() { registration.Unregister() }, nil //nolint:errcheck // nothing is left to do
}

// traceSend begins the span of a parcel and writes it into header if somebody
// records it.
func traceSend(ctx context.Context, p parcel, header nats.Header) (end func()) {
	ctx, span := otel.Tracer(scope).Start(ctx, "send "+p.kind, trace.WithSpanKind(trace.SpanKindProducer))
	if !span.IsRecording() {
		return func() {}
	}
	span.SetAttributes(attribute.String("messaging.message.id", p.id))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	return func() { span.End() }
}

// traceApply begins the span of a delivery that carries one.
func traceApply(ctx context.Context, header nats.Header) (_ context.Context, end func()) {
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	if !trace.SpanContextFromContext(ctx).IsValid() {
		return ctx, func() {}
	}
	ctx, span := otel.Tracer(scope).Start(ctx, "apply event", trace.WithSpanKind(trace.SpanKindConsumer))
	return ctx, func() { span.End() }
}
