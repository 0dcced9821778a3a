package rpc

import (
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric"
	nometric "go.opentelemetry.io/otel/metric/noop"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	notrace "go.opentelemetry.io/otel/trace/noop"
	"google.golang.org/grpc/stats"
)

// serverStats and clientStats return the handlers that make spans and metrics of
// calls. Only methods that wanted knows are recorded: the names of methods become
// labels, and strangers invent names. Baggage ends here. Nil is for a signal that nobody wants.
func serverStats(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) stats.Handler {
	return otelgrpc.NewServerHandler(statsOptions(traces, metrics, wanted)...)
}

func clientStats(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) stats.Handler {
	return otelgrpc.NewClientHandler(statsOptions(traces, metrics, wanted)...)
}

func statsOptions(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) []otelgrpc.Option {
	if traces == nil {
		traces = notrace.NewTracerProvider()
	}
	if metrics == nil {
		metrics = nometric.NewMeterProvider()
	}
	return []otelgrpc.Option{
		otelgrpc.WithFilter(wanted), otelgrpc.WithPropagators(propagation.TraceContext{}),
		otelgrpc.WithTracerProvider(traces), otelgrpc.WithMeterProvider(metrics),
	}
}

// known reports whether a service of the suite has the method.
func (s *Server) known(info *stats.RPCTagInfo) bool { return s.methods[info.FullMethodName] != nil }

// everyMethod takes what this process calls itself, but for health watches.
func everyMethod(info *stats.RPCTagInfo) bool {
	return !strings.HasPrefix(info.FullMethodName, "/grpc.health.v1.")
}
