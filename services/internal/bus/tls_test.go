package bus

import (
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/concentric-cx/concentric/services/internal/certs"
	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
)

// TestAClusterThatKnowsItsClientsByTheirCertificates asks for one of an authority of its own.
func TestAClusterThatKnowsItsClientsByTheirCertificates(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 2*time.Hour)
	pair, err := certs.Open(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	serving, err := pair.Server(ca.File, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	s, err := server.NewServer(&server.Options{
		Host: "127.0.0.1", Port: server.RANDOM_PORT, NoSigs: true, NoLog: true, JetStream: true, StoreDir: t.TempDir(),
		TLS: true, TLSVerify: true, TLSMap: true, TLSConfig: serving, TLSTimeout: 5, Users: []*server.User{{Username: "localhost"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	s.Start()
	defer s.WaitForShutdown()
	defer s.Shutdown()
	if !s.ReadyForConnections(20 * time.Second) {
		t.Fatal("the server does not start")
	}
	reach := func(cfg Config) string {
		t.Helper()
		b, err := Open(t.Context(), cfg)
		if err != nil {
			t.Fatal(err)
		}
		defer b.Close()
		for _, s := range b.Inspect(t.Context(), nil) {
			if s.Name == "reach" {
				return s.Value
			}
		}
		return ""
	}
	known, err := certs.Client(ca.File, pair)
	if err != nil {
		t.Fatal(err)
	}
	stranger, err := certs.Client(ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	url := strings.Replace(s.ClientURL(), "tls://", "nats://", 1)
	if got := reach(Config{URL: url, TLS: known}); got != "" {
		t.Errorf("with a certificate: %s", got)
	}
	for name, cfg := range map[string]Config{"without a certificate": {URL: url, TLS: stranger}, "without the authority": {URL: url}} {
		if got := reach(cfg); !strings.Contains(got, "out of reach") {
			t.Errorf("%s the server is reached: %q", name, got)
		}
	}
}
