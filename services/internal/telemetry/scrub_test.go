package telemetry

import (
	"net/http/httptest"
	"strings"
	"testing"

	"go.opentelemetry.io/otel"
	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/trace"
	collectortrace "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	tracev1 "go.opentelemetry.io/proto/otlp/trace/v1"
)

func TestSpansSayNothingOfTheirCallers(t *testing.T) {
	clean(t)
	c := &collector{got: map[string][]byte{}}
	srv := httptest.NewServer(c)
	defer srv.Close()
	t.Setenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", srv.URL+"/v1/traces")
	t.Setenv("OTEL_TRACES_SAMPLER", "always_on")
	tel, err := start(t.Context(), t.Output(), Config{})
	if err != nil {
		t.Fatal(err)
	}
	const canary = "ann@example.com"
	_, span := otel.Tracer("test").Start(t.Context(), "work", trace.WithAttributes(
		attribute.String("network.peer.address", canary), attribute.String("rpc.method", "GetTicket")))
	span.AddEvent("event", trace.WithAttributes(attribute.String("db.query.summary", canary)))
	span.SetStatus(codes.Error, canary+" does not exist")
	span.End()
	if err := tel.Shutdown(t.Context()); err != nil {
		t.Fatal(err)
	}
	got := arrived(t, c, "/v1/traces", &collectortrace.ExportTraceServiceRequest{})
	if strings.Contains(got.String(), canary) {
		t.Errorf("the spans name a customer: %v", got)
	}
	s := got.GetResourceSpans()[0].GetScopeSpans()[0].GetSpans()[0]
	if s.GetStatus().GetCode() != tracev1.Status_STATUS_CODE_ERROR || attributeOf(s.GetAttributes(), "rpc.method") != "GetTicket" {
		t.Errorf("span = %v, want its method, and that it failed", s)
	}
}
