package meter

import (
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
)

func TestOneIsCountedForEachService(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	c := Counter{Name: "concentric.done", Unit: "{thing}", Description: "Things done."}
	for _, service := range []string{"ticket", "survey", "journey"} {
		c.Begin(t.Context(), service, "concentric.outcome", "good")
	}
	for _, service := range []string{"ticket", "survey", "ticket"} {
		c.Add(t.Context(), service, "concentric.outcome", "good")
	}
	var got metricdata.ResourceMetrics
	if err := reader.Collect(t.Context(), &got); err != nil {
		t.Fatal(err)
	}
	sum, ok := got.ScopeMetrics[0].Metrics[0].Data.(metricdata.Sum[int64])
	if !ok || len(sum.DataPoints) != 3 {
		t.Fatalf("metrics = %v, want a sum of three services", got)
	}
	for _, p := range sum.DataPoints {
		service, _ := p.Attributes.Value("concentric.service")
		outcome, _ := p.Attributes.Value(attribute.Key("concentric.outcome"))
		if want := map[string]int64{"ticket": 2, "survey": 1, "journey": 0}[service.AsString()]; p.Value != want || outcome.AsString() != "good" {
			t.Errorf("%s = %d %s, want %d good", service.AsString(), p.Value, outcome.AsString(), want)
		}
	}
}
