package bus

import (
	"context"
	"errors"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/oklog/ulid/v2"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/bus"

// lagTime is how long the server may take to say how far behind the consumers are.
const lagTime = 2 * time.Second

// watchLag reports what o emits and how far its relay is behind, until stop is called.
func watchLag(service string, o *Outbox) (stop func(), err error) {
	meter := otel.Meter(scope)
	depth, err := meter.Int64ObservableGauge("concentric.outbox.depth",
		metric.WithDescription("Events that wait to be published, as far as they have been counted."), metric.WithUnit("{event}"))
	if err != nil {
		return nil, err
	}
	age, err := meter.Float64ObservableGauge("concentric.outbox.age",
		metric.WithDescription("Since when the oldest of them waits."), metric.WithUnit("s"))
	if err != nil {
		return nil, err
	}
	emitted, err := meter.Int64ObservableCounter("concentric.events.emitted",
		metric.WithDescription("Events committed by this process, by kind."), metric.WithUnit("{event}"))
	if err != nil {
		return nil, err
	}
	attributes := metric.WithAttributes(attribute.String("concentric.service", service))
	registration, err := meter.RegisterCallback(func(ctx context.Context, out metric.Observer) error {
		for kind, count := range o.emitted {
			if n := count.Load(); n > 0 {
				out.ObserveInt64(emitted, n, metric.WithAttributes(attribute.String("concentric.service", service), attribute.String("concentric.event", kind)))
			}
		}
		n, since, err := o.lag(sqldb.ForAll(ctx))
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
	}, depth, age, emitted)
	if err != nil {
		return nil, err
	}
	return func() { registration.Unregister() }, nil //nolint:errcheck // nothing is left to do
}

// letters are the figures of what was put aside.
var letters = []sqldb.Gauge{
	{
		Name: "concentric.dead_letters", Unit: "{event}", Description: "Events that could not be applied, for an operator to retry or drop.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM dead_letter WHERE reason <> '' LIMIT 100000) AS some`,
	},
	{
		Name: "concentric.dead_letters.waiting", Unit: "{event}", Description: "Events that wait behind one of their key that could not be applied.",
		Query: `SELECT COUNT(*) FROM (SELECT 1 FROM dead_letter WHERE reason = '' LIMIT 100000) AS some`,
	},
}

// traceSend begins the span of a parcel that is part of a trace and writes it into header.
func traceSend(ctx context.Context, p parcel, header nats.Header) (end func()) {
	if p.trace == "" {
		return func() {}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.MapCarrier{"traceparent": p.trace})
	ctx, span := otel.Tracer(scope).Start(ctx, "send "+p.kind, trace.WithSpanKind(trace.SpanKindProducer),
		trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.message.id", p.id)))
	propagation.TraceContext{}.Inject(ctx, propagation.HeaderCarrier(header))
	return func() { span.End() }
}

// traceApply begins the span of a delivery that carries one, linked to others it goes
// along with.
func traceApply(ctx context.Context, header nats.Header, links ...trace.Link) (_ context.Context, end func()) {
	if propagation.HeaderCarrier(header).Get("traceparent") == "" {
		return ctx, func() {}
	}
	ctx = propagation.TraceContext{}.Extract(ctx, propagation.HeaderCarrier(header))
	ctx, span := otel.Tracer(scope).Start(ctx, "apply event", trace.WithSpanKind(trace.SpanKindConsumer),
		trace.WithAttributes(attribute.String("messaging.system", "nats"), attribute.String("messaging.message.id", strings.ToLower(header.Get(jetstream.MsgIDHeader)))),
		trace.WithLinks(links...))
	return ctx, func() { span.End() }
}

// traceAll begins the spans of deliveries that are applied together. What they have in
// common goes into the first trace, to which the others are linked.
func traceAll(ctx context.Context, batch []message) (_ context.Context, end func()) {
	common, ends, links := ctx, []func(){}, []trace.Link(nil)
	for _, m := range batch {
		one, end := traceApply(ctx, m.Headers(), links...)
		ends = append(ends, end)
		if span := trace.SpanContextFromContext(one); links == nil && span.IsValid() {
			common, links = one, []trace.Link{{SpanContext: span}}
		}
	}
	return common, func() {
		for _, end := range ends {
			end()
		}
	}
}

// An ear counts what one service hears of another. It is safe for concurrent use.
type ear struct {
	applied, repeated, redelivered, failed, aside atomic.Int64

	delay metric.Float64Histogram
	with  metric.MeasurementOption

	mu        sync.Mutex
	consumers map[jetstream.Consumer]struct{} // that it has just now
}

// newEar returns an ear that shows what it counts until stop is called.
func newEar(service, source string) (e *ear, stop func(), err error) {
	meter := otel.Meter(scope)
	e = &ear{consumers: map[jetstream.Consumer]struct{}{}, with: metric.WithAttributeSet(attribute.NewSet(
		attribute.String("concentric.service", service), attribute.String("concentric.source", source)))}
	e.delay, err = meter.Float64Histogram("concentric.consumer.delay", metric.WithUnit("s"),
		metric.WithDescription("From the commit of an event to that of its effect in another service."),
		metric.WithExplicitBucketBoundaries(.01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200))
	if err != nil {
		return nil, nil, err
	}
	counters := []struct {
		name, description string
		count             *atomic.Int64
	}{
		{"concentric.consumer.applied", "Events that had their effect.", &e.applied},
		{"concentric.consumer.repeated", "Events that the inbox knew and dropped.", &e.repeated},
		{"concentric.consumer.redelivered", "Deliveries that were not the first of their event.", &e.redelivered},
		{"concentric.consumer.failed", "Attempts to apply an event that failed.", &e.failed},
		{"concentric.consumer.put_aside", "Events that became dead letters.", &e.aside},
	}
	observed := make([]metric.Observable, 0, len(counters)+1)
	made := make([]metric.Int64Observable, len(counters))
	for i, c := range counters {
		counter, err := meter.Int64ObservableCounter(c.name, metric.WithUnit("{event}"), metric.WithDescription(c.description))
		if err != nil {
			return nil, nil, err
		}
		made[i], observed = counter, append(observed, counter)
	}
	lag, err := meter.Int64ObservableGauge("concentric.consumer.lag", metric.WithUnit("{event}"),
		metric.WithDescription("Events that the stream holds and this replica has yet to apply."))
	if err != nil {
		return nil, nil, err
	}
	registration, err := meter.RegisterCallback(func(ctx context.Context, out metric.Observer) error {
		for i, c := range counters {
			out.ObserveInt64(made[i], c.count.Load(), e.with)
		}
		behind, known, err := e.behind(ctx)
		if known {
			out.ObserveInt64(lag, behind, e.with)
		}
		return err
	}, append(observed, lag)...)
	if err != nil {
		return nil, nil, err
	}
	return e, func() { registration.Unregister() }, nil //nolint:errcheck // nothing is left to do
}

// attend counts the lag of a consumer until the function it returns is called.
func (e *ear) attend(c jetstream.Consumer) (leave func()) {
	e.mu.Lock()
	defer e.mu.Unlock()
	e.consumers[c] = struct{}{}
	return func() {
		e.mu.Lock()
		defer e.mu.Unlock()
		delete(e.consumers, c)
	}
}

// behind returns how many events the consumers have not acknowledged, as far as they say, and
// whether any of them says something: nothing is known while there is none.
func (e *ear) behind(ctx context.Context) (n int64, known bool, err error) {
	e.mu.Lock()
	all := make([]jetstream.Consumer, 0, len(e.consumers))
	for c := range e.consumers {
		all = append(all, c)
	}
	e.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, lagTime)
	defer cancel()
	for _, c := range all {
		info, e := c.Info(ctx)
		if e != nil {
			err = errors.Join(err, e)
			continue
		}
		known = true
		n += int64(info.NumPending) + int64(info.NumAckPending) //nolint:gosec // far below
	}
	return n, known, err
}

// arrived counts a delivery.
func (e *ear) arrived(m message) {
	if m.attempts > 1 {
		e.redelivered.Add(1)
	}
}

// heard counts an event that is dealt with: it had its effect, or the inbox knew it. How
// old it is says its id.
func (e *ear) heard(m message, known bool) {
	if known {
		e.repeated.Add(1)
		return
	}
	e.applied.Add(1)
	if !e.delay.Enabled(context.Background()) {
		return
	}
	if id, err := ulid.ParseStrict(strings.ToUpper(m.event.GetId())); err == nil {
		e.delay.Record(context.Background(), max(0, time.Since(id.Timestamp()).Seconds()), e.with)
	}
}
