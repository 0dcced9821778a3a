package front

import (
	"net/http"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
)

// scope names this package in telemetry.
const scope = "github.com/concentric-cx/concentric/services/internal/front"

// A tracer makes a span of each request over HTTP, in the trace that its client began if it
// did. The span names the route and never the path, which names customers.
type tracer struct {
	traces trace.TracerProvider
	routes routes
	next   http.Handler
}

// ServeHTTP implements http.Handler.
func (t *tracer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	ctx := propagation.TraceContext{}.Extract(r.Context(), propagation.HeaderCarrier(r.Header))
	ctx, span := t.traces.Tracer(scope).Start(ctx, "HTTP", trace.WithSpanKind(trace.SpanKindServer))
	defer span.End()
	r = r.WithContext(ctx)
	if !span.IsRecording() {
		t.next.ServeHTTP(w, r)
		return
	}
	seen := &spokenTo{ResponseWriter: w, code: http.StatusOK}
	t.next.ServeHTTP(seen, r)
	span.SetAttributes(attribute.Int("http.response.status_code", seen.code))
	if seen.code >= http.StatusInternalServerError {
		span.SetStatus(codes.Error, "")
	}
	if route := t.route(r); route != "" {
		span.SetName(route)
		span.SetAttributes(attribute.String("http.route", route))
	}
}

// route returns what the request was for, as far as it is one of a fixed set.
func (t *tracer) route(r *http.Request) string {
	if r.Pattern != "/v1/" {
		return r.Pattern // of the mux
	}
	if found, ok := t.routes.find(r.Method, r.URL.Path); ok {
		return r.Method + " " + found.shape
	}
	return r.Pattern
}

// A spokenTo response notes its status.
type spokenTo struct {
	http.ResponseWriter
	code int
}

// WriteHeader implements http.ResponseWriter.
func (s *spokenTo) WriteHeader(code int) {
	if code >= http.StatusOK {
		s.code = code
	}
	s.ResponseWriter.WriteHeader(code)
}

// Unwrap lets http.ResponseController find what is beneath.
func (s *spokenTo) Unwrap() http.ResponseWriter { return s.ResponseWriter }

// Flush implements http.Flusher.
func (s *spokenTo) Flush() { _ = http.NewResponseController(s.ResponseWriter).Flush() }
