package telemetry

import (
	"context"
	"slices"
	"strings"

	"go.opentelemetry.io/otel/attribute"
	sdktrace "go.opentelemetry.io/otel/sdk/trace"
)

// said are the attributes that spans may have, by what they begin with. None of them says
// whom a call is about or from where it came.
var said = []string{
	"concentric.", "db.", "error.type", "http.request.method", "http.response.status_code", "http.route",
	"messaging.", "rpc.method", "rpc.response.status_code", "rpc.system",
}

// A scrubber sends spans on with what is said of them alone: no other attributes, no
// events, and no words of errors, in which names of customers may be.
type scrubber struct{ sdktrace.SpanExporter }

// ExportSpans implements sdktrace.SpanExporter.
func (s scrubber) ExportSpans(ctx context.Context, spans []sdktrace.ReadOnlySpan) error {
	scrubbed := make([]sdktrace.ReadOnlySpan, len(spans))
	for i, span := range spans {
		scrubbed[i] = scrubbedSpan{span}
	}
	return s.SpanExporter.ExportSpans(ctx, scrubbed)
}

type scrubbedSpan struct{ sdktrace.ReadOnlySpan }

// Attributes returns those that are among what may be said.
func (s scrubbedSpan) Attributes() []attribute.KeyValue {
	return slices.DeleteFunc(slices.Clone(s.ReadOnlySpan.Attributes()), func(a attribute.KeyValue) bool {
		return !slices.ContainsFunc(said, func(begin string) bool { return strings.HasPrefix(string(a.Key), begin) })
	})
}

// Status returns whether it went well.
func (s scrubbedSpan) Status() sdktrace.Status {
	return sdktrace.Status{Code: s.ReadOnlySpan.Status().Code}
}

// Events returns none.
func (scrubbedSpan) Events() []sdktrace.Event { return nil }
