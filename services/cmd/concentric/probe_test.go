package main

import (
	"net"
	"strings"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
)

func TestProbesHaveAnAddressOfTheirOwn(t *testing.T) {
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	addr := lis.Addr().String()
	if err := run(t.Context(), append(here[:3:3], "ticket", "--data", t.TempDir(), "--health-addr", addr)); code(err) != 2 || !strings.Contains(err.Error(), "--health-addr: listen tcp "+addr) {
		t.Errorf("at an address that is taken it ends with %v", err)
	}
	lis.Close()
	good(t, "ticket", "--data", t.TempDir(), "--health-addr", addr)
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, service := range []string{"live", "ready"} {
		got, err := healthv1.NewHealthClient(conn).Check(t.Context(), &healthv1.HealthCheckRequest{Service: service})
		if err != nil || got.GetStatus() != healthv1.HealthCheckResponse_SERVING {
			t.Errorf("health of %s = %v, %v", service, got.GetStatus(), err)
		}
	}
}
