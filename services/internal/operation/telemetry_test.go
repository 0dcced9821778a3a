package operation

import (
	"maps"
	"testing"

	"go.opentelemetry.io/otel"
	sdkmetric "go.opentelemetry.io/otel/sdk/metric"
	"go.opentelemetry.io/otel/sdk/metric/metricdata"
	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// TestOutcomesAreCountedFromZero holds that each outcome is shown before there is one, so
// that the first is an increase.
func TestOutcomesAreCountedFromZero(t *testing.T) {
	reader := sdkmetric.NewManualReader()
	before := otel.GetMeterProvider()
	otel.SetMeterProvider(sdkmetric.NewMeterProvider(sdkmetric.WithReader(reader)))
	defer otel.SetMeterProvider(before)
	d := desk(sqldbtest.Open(t, sqldbtest.SQLite(t)), nil)
	want := func(want map[string]int64) {
		t.Helper()
		var all metricdata.ResourceMetrics
		if err := reader.Collect(t.Context(), &all); err != nil {
			t.Fatal(err)
		}
		got := map[string]int64{}
		for _, scope := range all.ScopeMetrics {
			for _, m := range scope.Metrics {
				sum, _ := m.Data.(metricdata.Sum[int64])
				for _, p := range sum.DataPoints {
					how, _ := p.Attributes.Value(outcome)
					got[how.AsString()] = p.Value
				}
			}
		}
		if !maps.Equal(got, want) {
			t.Errorf("ended are %v, want %v", got, want)
		}
	}
	d.observe(t.Context())
	want(map[string]int64{"done": 0, "failed": 0, "cancelled": 0})
	for code, n := range map[codes.Code]int{codes.OK: 3, codes.Internal: 2, codes.Canceled: 1} {
		for range n {
			d.count(t.Context(), code)
		}
	}
	want(map[string]int64{"done": 3, "failed": 2, "cancelled": 1})
}
