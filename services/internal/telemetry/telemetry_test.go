package telemetry

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	collectorlogs "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	collectormetrics "go.opentelemetry.io/proto/otlp/collector/metrics/v1"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	commonv1 "go.opentelemetry.io/proto/otlp/common/v1"
	"go.uber.org/goleak"
	"google.golang.org/protobuf/proto"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// A collector keeps the OTLP requests it gets, by path.
type collector struct {
	mu  sync.Mutex
	got map[string][]byte
}

func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.got[r.URL.Path] = body
	w.Header().Set("Content-Type", "application/x-protobuf")
}

// clean unsets every OTEL_* variable for the test.
func clean(t *testing.T) {
	t.Helper()
	for _, kv := range os.Environ() {
		if key, _, _ := strings.Cut(kv, "="); strings.HasPrefix(key, "OTEL_") {
			t.Setenv(key, "")
		}
	}
}

func TestTheThreeSignalsArriveAtACollector(t *testing.T) {
	clean(t)
	c := &collector{got: map[string][]byte{}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_ENDPOINT", srv.URL)
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")

	var stderr bytes.Buffer
	tel, err := start(t.Context(), &stderr, Config{Service: "concentric-ticket", Version: "1.2.3"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, span := tel.Traces.Tracer("test").Start(t.Context(), "work")
	counter, err := tel.Metrics.Meter("test").Int64Counter("done")
	if err != nil {
		t.Fatal(err)
	}
	counter.Add(ctx, 7)
	tel.Log.InfoContext(ctx, "worked", "items", 7)
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	checkSpan(t, c)
	checkMetric(t, c)
	checkLog(t, c, span.SpanContext().TraceID().String())

	var line map[string]any
	if err := json.Unmarshal(stderr.Bytes(), &line); err != nil {
		t.Fatalf("standard error has %q: %v", stderr.String(), err)
	}
	for key, want := range map[string]string{
		"msg": "worked", "trace_id": span.SpanContext().TraceID().String(), "span_id": span.SpanContext().SpanID().String(),
	} {
		if line[key] != want {
			t.Errorf("%s on standard error = %v, want %s", key, line[key], want)
		}
	}
}

// arrived decodes what came in at path.
func arrived[M proto.Message](t *testing.T, c *collector, path string, into M) M {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	body, ok := c.got[path]
	if !ok {
		t.Fatalf("nothing came in at %s", path)
	}
	if err := proto.Unmarshal(body, into); err != nil {
		t.Fatal(err)
	}
	return into
}

func checkSpan(t *testing.T, c *collector) {
	t.Helper()
	rs := arrived(t, c, "/v1/traces", &collectortrace.ExportTraceServiceRequest{}).GetResourceSpans()[0]
	if got := rs.GetScopeSpans()[0].GetSpans()[0].GetName(); got != "work" {
		t.Errorf("span = %q, want work", got)
	}
	if got := attributeOf(rs.GetResource().GetAttributes(), "service.name"); got != "concentric-ticket" {
		t.Errorf("service.name = %q, want concentric-ticket", got)
	}
	if got := attributeOf(rs.GetResource().GetAttributes(), "service.version"); got != "1.2.3" {
		t.Errorf("service.version = %q, want 1.2.3", got)
	}
}

func checkMetric(t *testing.T, c *collector) {
	t.Helper()
	rm := arrived(t, c, "/v1/metrics", &collectormetrics.ExportMetricsServiceRequest{}).GetResourceMetrics()[0]
	for _, scope := range rm.GetScopeMetrics() {
		for _, m := range scope.GetMetrics() {
			if m.GetName() == "done" && m.GetSum().GetDataPoints()[0].GetAsInt() == 7 {
				return
			}
		}
	}
	t.Errorf("metrics = %v, want done 7 among them", rm)
}

func checkLog(t *testing.T, c *collector, traceID string) {
	t.Helper()
	rl := arrived(t, c, "/v1/logs", &collectorlogs.ExportLogsServiceRequest{}).GetResourceLogs()[0]
	r := rl.GetScopeLogs()[0].GetLogRecords()[0]
	if got := r.GetBody().GetStringValue(); got != "worked" {
		t.Errorf("log = %q, want worked", got)
	}
	if got := hex.EncodeToString(r.GetTraceId()); got != traceID {
		t.Errorf("trace of the log = %s, want %s", got, traceID)
	}
}

func attributeOf(attrs []*commonv1.KeyValue, key string) string {
	for _, kv := range attrs {
		if kv.GetKey() == key {
			return kv.GetValue().GetStringValue()
		}
	}
	return ""
}

func TestNothingRunsUnlessConfigured(t *testing.T) {
	for _, tt := range []struct {
		name                  string
		env                   map[string]string
		traces, metrics, logs bool
	}{
		{name: "nothing set"},
		{name: "switched off", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_SDK_DISABLED": "true"}},
		{name: "an exporter of none", env: map[string]string{"OTEL_TRACES_EXPORTER": "none"}},
		{name: "one endpoint for all", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1"}, traces: true, metrics: true, logs: true},
		{name: "traces only", env: map[string]string{"OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "http://127.0.0.1:1/v1/traces"}, traces: true},
		{name: "all but metrics", env: map[string]string{"OTEL_EXPORTER_OTLP_ENDPOINT": "http://127.0.0.1:1", "OTEL_METRICS_EXPORTER": "none"}, traces: true, logs: true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			clean(t)
			for key, value := range tt.env {
				t.Setenv(key, value)
			}
			tel, err := start(t.Context(), io.Discard, Config{})
			if err != nil {
				t.Fatal(err)
			}
			if got := tel.Traces != nil; got != tt.traces {
				t.Errorf("traces are on = %v, want %v", got, tt.traces)
			}
			if got := tel.Metrics != nil; got != tt.metrics {
				t.Errorf("metrics are on = %v, want %v", got, tt.metrics)
			}
			if got := len(tel.stop)-count(tt.traces, tt.metrics) == 1; got != tt.logs {
				t.Errorf("logs are on = %v, want %v", got, tt.logs)
			}
			ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
			defer cancel()
			_ = tel.Shutdown(ctx) // nobody listens there
		})
	}
}

func count(on ...bool) int {
	n := 0
	for _, x := range on {
		if x {
			n++
		}
	}
	return n
}

func TestACollectorThatIsDownIsReportedAndHoldsNobodyUp(t *testing.T) {
	clean(t)
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "http://127.0.0.1:1/v1/traces")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
	tel, err := start(t.Context(), io.Discard, Config{})
	if err != nil {
		t.Fatal(err)
	}
	_, span := tel.Traces.Tracer("test").Start(t.Context(), "work")
	span.End()
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	began := time.Now()
	_ = tel.Shutdown(ctx) // says that it could not send
	if took := time.Since(began); took > 5*time.Second {
		t.Errorf("Shutdown took %v, want about 100 ms", took)
	}
}

func TestAnUnknownExporterIsRefused(t *testing.T) {
	clean(t)
	t.Setenv("OTEL_LOGS_EXPORTER", "pigeon")
	if _, err := start(t.Context(), io.Discard, Config{}); err == nil {
		t.Error("no error for an exporter nobody knows")
	}
}

func TestNewTracesAreSampledRarely(t *testing.T) {
	clean(t)
	srv := httptest.NewServer(&collector{got: map[string][]byte{}})
	defer srv.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", srv.URL+"/v1/traces")
	tel, err := start(t.Context(), io.Discard, Config{})
	if err != nil {
		t.Fatal(err)
	}
	kept := 0
	for range 1000 {
		_, span := tel.Traces.Tracer("test").Start(t.Context(), "work")
		if span.SpanContext().IsSampled() {
			kept++
		}
	}
	if kept > 100 {
		t.Errorf("kept %d of 1000 traces, want about 10", kept)
	}
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Error(err)
	}
}
