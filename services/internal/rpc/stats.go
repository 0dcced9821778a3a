package rpc

import (
	"strings"

	"go.opentelemetry.io/contrib/instrumentation/google.golang.org/grpc/otelgrpc"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/propagation"
	"go.opentelemetry.io/otel/trace"
	"google.golang.org/grpc/stats"
)

// serverStats and clientStats return the handlers that make spans and metrics of
// calls. Only methods that wanted knows are recorded: the names of methods become
// labels, and strangers invent names. Baggage ends here.
func serverStats(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) stats.Handler {
	return otelgrpc.NewServerHandler(statsOptions(traces, metrics, wanted)...)
}

func clientStats(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) stats.Handler {
	return otelgrpc.NewClientHandler(statsOptions(traces, metrics, wanted)...)
}

func statsOptions(traces trace.TracerProvider, metrics metric.MeterProvider, wanted otelgrpc.Filter) []otelgrpc.Option {
	opts := []otelgrpc.Option{otelgrpc.WithFilter(wanted), otelgrpc.WithPropagators(propagation.TraceContext{})}
	if traces != nil {
		opts = append(opts, otelgrpc.WithTracerProvider(traces))
	}
	if metrics != nil {
		opts = append(opts, otelgrpc.WithMeterProvider(metrics))
	}
	return opts
}

// known reports whether a service of the suite has the method.
func (s *Server) known(info *stats.RPCTagInfo) bool { return s.methods[info.FullMethodName] != nil }

// everyMethod takes what this process calls itself, but for health watches.
func everyMethod(info *stats.RPCTagInfo) bool {
	return !strings.HasPrefix(info.FullMethodName, "/grpc.health.v1.")
}
