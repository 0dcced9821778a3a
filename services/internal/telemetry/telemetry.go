// Package telemetry sends what a process does to where its operator looks:
// traces, metrics and logs over OTLP, and logs to standard error in any case. It
// exists so that every command sets it up the same way. The OTEL_* variables of
// the OpenTelemetry specification say where to; a signal nobody configured costs
// nothing: no listener, no goroutine, no provider.
package telemetry

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"strings"

	"go.opentelemetry.io/contrib/bridges/otelslog"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
	sdklog "go.opentelemetry.io/otel/sdk/log"
	"go.opentelemetry.io/otel/sdk/resource"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"
	"go.opentelemetry.io/otel/trace/noop"
)

// sampled is the share of new traces that is kept unless OTEL_TRACES_SAMPLER says
// otherwise. A trace that a caller samples is kept in any case.
const sampled = 0.01

// Telemetry is where a process reports to.
type Telemetry struct {
	Log     *slog.Logger         // JSON on standard error with trace_id and span_id, and OTLP if configured; never nil
	Traces  trace.TracerProvider // nil if nobody configured traces
	Metrics metric.MeterProvider // nil if nobody configured metrics or wants to scrape them
	Scrape  http.Handler         // answers who scrapes, as Prometheus does; nil unless asked for

	version string
	scraped bool
	stop    []func(context.Context) error
}

// Config says what reports, and how beside what the environment says.
type Config struct {
	Service, Version string
	Scraped          bool // somebody wants to scrape metrics
}

// Start sets the three signals up as the environment says, and metrics also where they are
// scraped. It reaches out to nobody: a collector that is down costs spans, never calls. What
// the exporters have to say goes to standard error. Traces and metrics become OpenTelemetry's
// own, until Shutdown: call it once in a process, before what it is to record.
func Start(ctx context.Context, cfg Config) (*Telemetry, error) {
	return start(ctx, os.Stderr, cfg)
}

func start(ctx context.Context, stderr io.Writer, cfg Config) (*Telemetry, error) {
	local := handler{slog.NewJSONHandler(stderr, nil)}
	t := &Telemetry{Log: slog.New(local), version: cfg.Version, scraped: cfg.Scraped}
	if !Configured("TRACES") && !Configured("METRICS") && !Configured("LOGS") && !cfg.Scraped {
		return t, nil
	}
	// OpenTelemetry has one place for its own errors. They must not go to its own
	// logs, whose export may be what fails.
	otel.SetErrorHandler(otel.ErrorHandlerFunc(func(err error) {
		slog.New(local).Warn("telemetry failed", "err", err)
	}))
	who, err := resource.New(ctx,
		resource.WithAttributes(attribute.String("service.name", cfg.Service), attribute.String("service.version", cfg.Version)),
		resource.WithTelemetrySDK(), resource.WithFromEnv())
	if err != nil {
		return nil, fmt.Errorf("start telemetry: %w", err)
	}
	for _, start := range []func(context.Context, *resource.Resource) error{t.startTraces, t.startMetrics, t.startLogs} {
		if err := start(ctx, who); err != nil {
			return nil, errors.Join(fmt.Errorf("start telemetry: %w", err), t.Shutdown(ctx))
		}
	}
	return t, nil
}

// Shutdown sends what is still held back and stops everything that Start began. It
// returns when ctx ends at the latest.
func (t *Telemetry) Shutdown(ctx context.Context) error {
	var errs []error
	for _, stop := range t.stop {
		errs = append(errs, stop(ctx))
	}
	t.stop = nil
	return errors.Join(errs...)
}

func (t *Telemetry) startTraces(ctx context.Context, who *resource.Resource) error {
	if !Configured("TRACES") {
		return nil
	}
	exporter, err := autoexport.NewSpanExporter(ctx)
	if err != nil {
		return err
	}
	opts := []sdktrace.TracerProviderOption{sdktrace.WithBatcher(scrubber{exporter}), sdktrace.WithResource(who)}
	if os.Getenv("OTEL_TRACES_SAMPLER") == "" {
		opts = append(opts, sdktrace.WithSampler(sdktrace.ParentBased(sdktrace.TraceIDRatioBased(sampled))))
	}
	provider := sdktrace.NewTracerProvider(opts...)
	t.Traces = provider
	otel.SetTracerProvider(provider)
	t.stop = append(t.stop, func(ctx context.Context) error {
		otel.SetTracerProvider(noop.NewTracerProvider())
		return provider.Shutdown(ctx)
	})
	return nil
}

func (t *Telemetry) startLogs(ctx context.Context, who *resource.Resource) error {
	if !Configured("LOGS") {
		return nil
	}
	exporter, err := autoexport.NewLogExporter(ctx)
	if err != nil {
		return err
	}
	provider := sdklog.NewLoggerProvider(sdklog.WithProcessor(sdklog.NewBatchProcessor(exporter)), sdklog.WithResource(who))
	t.Log = slog.New(slog.NewMultiHandler(t.Log.Handler(),
		otelslog.NewHandler("concentric", otelslog.WithLoggerProvider(provider))))
	t.stop = append(t.stop, provider.Shutdown)
	return nil
}

// Configured reports whether the environment asks for a signal: by an exporter of
// its own or, as most set-ups do, by an endpoint.
func Configured(signal string) bool {
	if strings.EqualFold(os.Getenv("OTEL_SDK_DISABLED"), "true") {
		return false
	}
	if exporter := os.Getenv("OTEL_" + signal + "_EXPORTER"); exporter != "" {
		return exporter != "none"
	}
	return os.Getenv("OTEL_EXPORTER_OTLP_ENDPOINT") != "" || os.Getenv("OTEL_EXPORTER_OTLP_"+signal+"_ENDPOINT") != ""
}

// A handler adds the ids of the trace and the span at hand to each record.
type handler struct{ slog.Handler }

// Handle implements [slog.Handler].
func (h handler) Handle(ctx context.Context, r slog.Record) error {
	if span := trace.SpanContextFromContext(ctx); span.IsValid() {
		r = r.Clone()
		r.AddAttrs(slog.String("trace_id", span.TraceID().String()), slog.String("span_id", span.SpanID().String()))
	}
	return h.Handler.Handle(ctx, r)
}

// WithAttrs implements [slog.Handler].
func (h handler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return handler{h.Handler.WithAttrs(attrs)}
}

// WithGroup implements [slog.Handler].
func (h handler) WithGroup(name string) slog.Handler { return handler{h.Handler.WithGroup(name)} }
