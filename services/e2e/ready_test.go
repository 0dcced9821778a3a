package e2e

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
)

// TestASuiteSaysThatItIsReady: over HTTP and over gRPC, in one process and in each
// of four.
func TestASuiteSaysThatItIsReady(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *suite) {
		for service, part := range s.parts {
			for _, path := range []string{"/healthz", "/readyz"} {
				code, text, err := fetch(t.Context(), http.MethodGet, "http://"+part.addr+path, "", nil)
				if err != nil || code != http.StatusOK || string(text) != "ok\n" {
					t.Errorf("%s of %s: %d %q %v", path, service, code, text, err)
				}
			}
			conn, err := grpc.NewClient(part.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
			if err != nil {
				t.Fatal(err)
			}
			answer, err := healthpb.NewHealthClient(conn).Check(t.Context(), &healthpb.HealthCheckRequest{})
			if err != nil || answer.GetStatus() != healthpb.HealthCheckResponse_SERVING {
				t.Errorf("the health of %s is %v %v", service, answer, err)
			}
			conn.Close()
		}
	})
}

// TestOneFolderOneSuite: a second suite on the same folder would write the same
// files, so it does not start; when the first has ended, it does.
func TestOneFolderOneSuite(t *testing.T) {
	t.Parallel()
	s := single(t)
	says(t, "another process uses "+s.data, "up", "--addr", "127.0.0.1:0", "--data", s.data)
	says(t, "another process uses "+s.data, "up", "survey", "--addr", "127.0.0.1:0", "--data", s.data, "--bus", "nats://127.0.0.1:1")
	s.grpc().brand(t) // the first one is none the worse
	s.parts["gateway"].stop(t)
	s.start(t, "gateway")
}

// TestOnlyLoopbackIsServed: what others could reach needs TLS and authentication.
func TestOnlyLoopbackIsServed(t *testing.T) {
	t.Parallel()
	for _, addr := range []string{"0.0.0.0:0", ":0", "[::]:0", "192.0.2.1:0"} {
		says(t, "is not on this machine's loopback", "up", "--addr", addr, "--data", t.TempDir())
	}
}

// says runs the binary, which must refuse with a few lines that hold want.
func says(t *testing.T, want string, args ...string) {
	t.Helper()
	p, err := spawnProgram(t, must(shipped())(t), args...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case <-p.done:
	case <-time.After(30 * time.Second):
		t.Fatalf("%v goes on: %s", args, p.log)
	}
	text := p.log.String()
	if p.cmd.ProcessState.ExitCode() != 2 || !strings.Contains(text, want) || strings.Count(text, "\n") > 3 {
		t.Errorf("%v ended with %d and said %q, want 2 and %q", args, p.cmd.ProcessState.ExitCode(), text, want)
	}
}
