package telemetry

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/metric"
)

func TestMetricsAreThereForWhoScrapes(t *testing.T) {
	clean(t)
	tel, err := start(t.Context(), t.Output(), Config{Service: "concentric", Version: "1.2.3", Scraped: true})
	if err != nil {
		t.Fatal(err)
	}
	meter := otel.Meter("test")
	took, err := meter.Float64Histogram("rpc.client.call.duration", metric.WithUnit("s"))
	if err != nil {
		t.Fatal(err)
	}
	took.Record(t.Context(), 0.003, metric.WithAttributes(attribute.String("rpc.method", "a.B/C"), attribute.String("server.address", "10.0.0.7")))
	text := scrape(t, tel)
	for _, want := range []string{
		`rpc_client_call_duration_seconds_bucket{rpc_method="a.B/C",le="0.005"} 1`, `concentric_version="1.2.3"`,
		"go_goroutine_count", "process_resident_memory_bytes", `target_info{service_name="concentric"`,
	} {
		if !strings.Contains(text, want) {
			t.Errorf("there is no %s among\n%s", want, text)
		}
	}
	if strings.Contains(text, "10.0.0.7") {
		t.Error("the address of a replica is a label")
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}

func scrape(t *testing.T, tel *Telemetry) string {
	t.Helper()
	res := httptest.NewRecorder()
	tel.Scrape.ServeHTTP(res, httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/metrics", nil))
	if res.Code != http.StatusOK {
		t.Fatalf("/metrics answers %d %s", res.Code, res.Body)
	}
	return res.Body.String()
}
