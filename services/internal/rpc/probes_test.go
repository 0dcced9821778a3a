package rpc

import (
	"net"
	"testing"

	"google.golang.org/grpc/codes"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// TestProbesTellOfHealthAndDoNothingElse asks without a credential, where one is needed
// for everything else.
func TestProbesTellOfHealthAndDoNothingElse(t *testing.T) {
	srv := newTickets(Config{}, tickets{})
	probes := srv.Probes()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- probes.Serve(lis) }()
	defer func() {
		probes.Stop()
		if err := <-served; err != nil {
			t.Error(err)
		}
	}()
	conn := dial(t, lis.Addr().String(), ClientConfig{})
	check := func(service string, want healthv1.HealthCheckResponse_ServingStatus) {
		t.Helper()
		got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != want {
			t.Errorf("health of %q = %v, %v, want %v", service, got.GetStatus(), err, want)
		}
	}
	for _, ready := range []bool{true, false} {
		srv.SetReady(ready)
		check("ready", serving(ready))
		check("", serving(ready))
		check("live", serving(true))
	}
	if _, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: "nobody"}); status.Code(err) != codes.NotFound {
		t.Errorf("health of nobody: %v, want NOT_FOUND", err)
	}
	watch, err := healthv1.NewHealthClient(conn).Watch(t.Context(), &healthv1.HealthCheckRequest{})
	if err == nil {
		_, err = watch.Recv()
	}
	if status.Code(err) != codes.Unimplemented {
		t.Errorf("a watch: %v, want UNIMPLEMENTED", err)
	}
	if _, err := ticketv1.NewTicketServiceClient(conn).GetTicket(t.Context(), get()); status.Code(err) != codes.Unimplemented {
		t.Errorf("a call: %v, want UNIMPLEMENTED", err)
	}
	srv.Stop()
	check("live", serving(false))
}
