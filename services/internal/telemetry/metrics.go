package telemetry

import (
	"context"
	"runtime"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"
	"go.opentelemetry.io/contrib/exporters/autoexport"
	contrib "go.opentelemetry.io/contrib/instrumentation/runtime"
	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	otelprometheus "go.opentelemetry.io/otel/exporters/prometheus"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/metric/noop"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/exemplar"
	"go.opentelemetry.io/otel/sdk/resource"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/telemetry"

// startMetrics gathers metrics for who scrapes them, for the environment's exporter, or for
// both. They become OpenTelemetry's own, where the packages that measure find them.
func (t *Telemetry) startMetrics(ctx context.Context, who *resource.Resource) error {
	opts := []sdkmetric.Option{sdkmetric.WithResource(who), sdkmetric.WithExemplarFilter(exemplar.AlwaysOffFilter)}
	for _, view := range views() {
		opts = append(opts, sdkmetric.WithView(view))
	}
	if Configured("METRICS") {
		reader, err := autoexport.NewMetricReader(ctx)
		if err != nil {
			return err
		}
		opts = append(opts, sdkmetric.WithReader(reader))
	}
	if t.scraped {
		reader, err := t.scrape()
		if err != nil {
			return err
		}
		opts = append(opts, sdkmetric.WithReader(reader))
	}
	if !t.scraped && !Configured("METRICS") {
		return nil
	}
	provider := sdkmetric.NewMeterProvider(opts...)
	t.Metrics = provider
	otel.SetMeterProvider(provider)
	t.stop = append(t.stop, func(ctx context.Context) error {
		otel.SetMeterProvider(noop.NewMeterProvider())
		return provider.Shutdown(ctx)
	})
	if err := contrib.Start(contrib.WithMeterProvider(provider)); err != nil {
		return err
	}
	return t.tellBuild(provider.Meter(scope))
}

// scrape makes the handler of who scrapes.
func (t *Telemetry) scrape() (sdkmetric.Reader, error) {
	registry := prometheus.NewRegistry()
	if err := registry.Register(collectors.NewProcessCollector(collectors.ProcessCollectorOpts{})); err != nil {
		return nil, err
	}
	t.Scrape = promhttp.HandlerFor(registry, promhttp.HandlerOpts{ErrorHandling: promhttp.ContinueOnError, MaxRequestsInFlight: 4})
	return otelprometheus.New(otelprometheus.WithRegisterer(registry), otelprometheus.WithoutScopeInfo())
}

// tellBuild says which release runs.
func (t *Telemetry) tellBuild(meter metric.Meter) error {
	build, err := meter.Int64ObservableGauge("concentric.build.info", metric.WithDescription("Always 1, with the release that runs."))
	if err != nil {
		return err
	}
	with := metric.WithAttributes(attribute.String("concentric.version", t.version), attribute.String("go.version", runtime.Version()))
	_, err = meter.RegisterCallback(func(_ context.Context, out metric.Observer) error {
		out.ObserveInt64(build, 1, with)
		return nil
	}, build)
	return err
}

// views keep to few buckets and to labels of fixed sets: what otelgrpc says of the other
// side, its address for one, is another with each replica that comes and goes.
func views() []sdkmetric.View {
	var all []sdkmetric.View
	for _, name := range []string{"rpc.server.call.duration", "rpc.client.call.duration"} {
		all = append(all, sdkmetric.NewView(sdkmetric.Instrument{Name: name}, sdkmetric.Stream{
			Aggregation:     sdkmetric.AggregationExplicitBucketHistogram{Boundaries: []float64{.0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 10}, NoMinMax: true},
			AttributeFilter: attribute.NewAllowKeysFilter("rpc.method", "rpc.response.status_code"),
		}))
	}
	return all
}
