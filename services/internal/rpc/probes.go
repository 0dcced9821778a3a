package rpc

import (
	"context"

	"google.golang.org/grpc"
	"google.golang.org/grpc/health"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

// Probes returns a server that says how s is, to whoever asks, and does nothing else: for an
// orchestrator that has neither a certificate nor a credential. "live" is SERVING until
// s is told to stop, "ready" and the names of services as [Server.SetReady] says. The
// caller serves and stops it.
func (s *Server) Probes() *grpc.Server {
	p := grpc.NewServer(settings()...)
	healthv1.RegisterHealthServer(p, probes{of: s.health})
	return p
}

// probes answers questions one at a time: a watch would outlast who asked for it.
type probes struct {
	healthv1.UnimplementedHealthServer
	of *health.Server
}

// Check implements the method.
func (p probes) Check(ctx context.Context, req *healthv1.HealthCheckRequest) (*healthv1.HealthCheckResponse, error) {
	return p.of.Check(ctx, req)
}
