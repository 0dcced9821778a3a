package front

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	sdktrace "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/sdk/trace/tracetest"
	"go.opentelemetry.io/otel/trace"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

func TestARequestContinuesTheTraceOfItsClient(t *testing.T) {
	recorder := tracetest.NewSpanRecorder()
	traces := sdktrace.NewTracerProvider(sdktrace.WithSpanProcessor(recorder))
	srv := rpc.NewServer(rpc.Config{Traces: traces})
	ticketv1.RegisterTicketServiceServer(srv, reads{})
	f, err := New(t.Context(), srv, Config{Traces: traces})
	if err != nil {
		t.Fatal(err)
	}
	const id = "0af7651916cd43dd8448eb211c80319c"
	for _, tt := range []struct {
		method, path, kind, body string
		code                     int
		want                     []string // the last span to end is the request's
	}{
		{method: http.MethodGet, path: "/v1/brands/acme/tickets/canary", code: http.StatusOK, want: []string{
			"concentric.ticket.v1.TicketService/GetTicket", "concentric.ticket.v1.TicketService/GetTicket", "GET /v1/brands/*/tickets/*",
		}},
		{method: http.MethodGet, path: "/v1/canary", code: http.StatusNotFound, want: []string{"/v1/"}},
		{method: http.MethodGet, path: "/canary", code: http.StatusNotFound, want: []string{"/"}},
		{
			method: http.MethodPost, path: "/concentric.ticket.v1.TicketService/GetTicket", kind: "application/json", body: `{"name": "brands/acme/tickets/canary"}`,
			code: http.StatusOK, want: []string{
				"concentric.ticket.v1.TicketService/GetTicket", "concentric.ticket.v1.TicketService/GetTicket", "/concentric.ticket.v1.TicketService/GetTicket",
			},
		},
	} {
		recorder.Reset()
		req := httptest.NewRequestWithContext(t.Context(), tt.method, "http://localhost"+tt.path, strings.NewReader(tt.body))
		req.Header.Set("Traceparent", "00-"+id+"-b7ad6b7169203331-01")
		req.Header.Set("Content-Type", tt.kind)
		res := httptest.NewRecorder()
		f.http.Handler.ServeHTTP(res, req)
		if res.Code != tt.code {
			t.Errorf("%s answers %d %s, want %d", tt.path, res.Code, res.Body, tt.code)
		}
		spans := recorder.Ended()
		if len(spans) != len(tt.want) {
			t.Fatalf("%s has %d spans, want %d", tt.path, len(spans), len(tt.want))
		}
		parent := spans[len(spans)-1].Parent()
		if parent.SpanID().String() != "b7ad6b7169203331" || !parent.IsRemote() {
			t.Errorf("%s is the child of %v, want the client's span", tt.path, parent)
		}
		for i, s := range spans {
			if s.Name() != tt.want[i] || s.SpanContext().TraceID().String() != id {
				t.Errorf("span %d of %s is %q of %s, want %q", i, tt.path, s.Name(), s.SpanContext().TraceID(), tt.want[i])
			}
			if i+1 < len(spans) && s.Parent().SpanID() != spans[i+1].SpanContext().SpanID() {
				t.Errorf("span %d of %s is not below the next", i, tt.path)
			}
			for _, a := range s.Attributes() {
				if strings.Contains(a.Value.String(), "canary") {
					t.Errorf("%s says %v", s.Name(), a)
				}
			}
		}
		if kind := spans[len(spans)-1].SpanKind(); kind != trace.SpanKindServer {
			t.Errorf("the span of %s is of the kind %v", tt.path, kind)
		}
	}
}
