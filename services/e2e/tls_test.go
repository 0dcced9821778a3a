package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/certs"
	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// keyFile writes the file of one API key for everything, and returns its path.
func keyFile(t *testing.T, key string) string {
	t.Helper()
	hash := sha256.Sum256([]byte(key))
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, []byte(hex.EncodeToString(hash[:])+" * *\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// upTLS runs services with TLS and returns their address.
func upTLS(t *testing.T, args ...string) string {
	t.Helper()
	p, err := spawn(t, append([]string{"up", "--addr", "127.0.0.1:0", "--data", t.TempDir()}, args...)...)
	if err != nil {
		t.Fatal(err)
	}
	select {
	case addr := <-p.log.addr:
		return addr
	case <-p.done:
	case <-time.After(time.Minute):
	}
	t.Fatalf("up %v: %v: %s", args, p.err, p.log)
	return ""
}

// TestServicesApartWithTLS puts a gateway before a ticket service that only talks to
// peers with a certificate, and gives the gateway a new certificate under way.
func TestServicesApartWithTLS(t *testing.T) {
	ca, door, back := certstest.New(t), t.TempDir(), t.TempDir()
	cert, key := ca.Issue(t, door, 24*time.Hour)
	backCert, backKey := ca.Issue(t, back, 24*time.Hour)
	keys := keyFile(t, "secret")
	behind := upTLS(t, "ticket", "--keys", keys, "--tls-cert", backCert, "--tls-key", backKey, "--client-ca", ca.File)
	addr := upTLS(t, "gateway", "--keys", keys, "--tls-cert", cert, "--tls-key", key, "--upstream-ca", ca.File, "--trusted-proxy", "127.0.0.0/8",
		"--ticket-addr", behind, "--survey-addr", "127.0.0.1:1", "--journey-addr", "127.0.0.1:1")
	config, err := certs.Client(ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	open := func(addr string) ticketv1.TicketServiceClient {
		conn, err := rpc.Dial(addr, rpc.ClientConfig{TLS: config, Bearer: "secret"})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { conn.Close() })
		return ticketv1.NewTicketServiceClient(conn)
	}
	create := func(tickets ticketv1.TicketServiceClient) error {
		_, err := tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{Parent: "brands/acme", Ticket: &ticketv1.Ticket{
			Customer: "brands/acme/customers/ann", Subject: "Broken", Channel: typev1.Channel_CHANNEL_WEB,
		}})
		return err
	}
	tickets := open(addr)
	eventually(t, func() error { return create(tickets) })
	if err := create(open(behind)); status.Code(err) != codes.Unavailable {
		t.Errorf("a caller without a certificate: %v, want UNAVAILABLE", err)
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}}
	defer web.CloseIdleConnections()
	req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr+"/v1/brands/acme/tickets", nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer secret")
	res, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusOK || res.ProtoMajor != 2 {
		t.Errorf("REST = %d by %s", res.StatusCode, res.Proto)
	}

	partner, err := http.NewRequestWithContext(t.Context(), "POST", "https://"+addr+"/v1/brands/acme/partners?partnerId=bpo", strings.NewReader(`{"displayName": "A partner"}`))
	if err != nil {
		t.Fatal(err)
	}
	partner.Header.Set("Authorization", "Bearer secret")
	partner.Header.Set("Content-Type", "application/json")
	partner.Header.Set("X-Forwarded-For", "192.0.2.7")
	if res, err = web.Do(partner); err != nil {
		t.Fatal(err)
	}
	said, err := io.ReadAll(res.Body)
	if res.Body.Close(); err != nil || res.StatusCode != http.StatusOK {
		t.Fatalf("a new partner: %d %s, %v", res.StatusCode, said, err)
	}
	if got := changedFrom(t, behind, ca.File, cert, key); got != "192.0.2.7" {
		t.Errorf("a change came from %q, want what the proxy said", got)
	}

	before := serial(t, addr, config)
	ca.Issue(t, door, 25*time.Hour)
	eventually(t, func() error {
		if err := create(tickets); err != nil {
			t.Errorf("a call while the certificate changes: %v", err)
		}
		if serial(t, addr, config) == before {
			return errors.New("the old certificate is still served")
		}
		return nil
	})
}

// changedFrom returns the address that the last change of the brand came from, as the ticket
// service at addr has written it down.
func changedFrom(t *testing.T, addr, ca, cert, key string) string {
	t.Helper()
	pair, err := certs.Open(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	config, err := certs.Client(ca, pair)
	if err != nil {
		t.Fatal(err)
	}
	conn, err := rpc.Dial(addr, rpc.ClientConfig{TLS: config, Bearer: "secret"})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	res, err := eventv1.NewAuditLogServiceClient(conn).ListAuditLog(t.Context(), &eventv1.ListAuditLogRequest{Parent: "brands/acme", Service: "ticket", PageSize: 1})
	if err != nil || len(res.GetAuditEvents()) != 1 {
		t.Fatalf("the log has %v, %v", res.GetAuditEvents(), err)
	}
	return res.GetAuditEvents()[0].GetPeer()
}

// serial returns the serial number of the certificate that is served at addr.
func serial(t *testing.T, addr string, config *tls.Config) string {
	t.Helper()
	conn, err := tls.Dial("tcp", addr, config)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	return conn.ConnectionState().PeerCertificates[0].SerialNumber.String()
}

// TestUnsafeDoorsStayShut starts the suite in ways that would leave it open.
func TestUnsafeDoorsStayShut(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 24*time.Hour)
	expired, expiredKey := ca.Issue(t, t.TempDir(), time.Minute)
	loose := filepath.Join(t.TempDir(), "loose.key")
	text, err := os.ReadFile(key)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(loose, text, 0o644); err != nil {
		t.Fatal(err)
	}
	keys := keyFile(t, "secret")
	path, err := binary()
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name string
		args []string
		want string
	}{
		{"a network without TLS", []string{"--addr", "0.0.0.0:0", "--keys", keys}, "--tls-cert"},
		{"a network without authentication", []string{"--addr", "0.0.0.0:0", "--tls-cert", cert, "--tls-key", key}, "--keys"},
		{"a certificate without its key", []string{"--addr", "127.0.0.1:0", "--tls-cert", cert}, "needs its key"},
		{"a key without its certificate", []string{"--addr", "127.0.0.1:0", "--tls-key", key}, "needs its key"},
		{"a key that others may read", []string{"--addr", "127.0.0.1:0", "--tls-cert", cert, "--tls-key", loose}, "chmod 600"},
		{"an expired certificate", []string{"--addr", "127.0.0.1:0", "--tls-cert", expired, "--tls-key", expiredKey}, "expired"},
		{"authorities without TLS", []string{"--addr", "127.0.0.1:0", "--client-ca", ca.File}, "--client-ca"},
		{"any origin", []string{"--addr", "127.0.0.1:0", "--allow-origin", "*"}, "--allow-origin"},
		{"an origin with a path", []string{"--addr", "127.0.0.1:0", "--allow-origin", "https://app.example/"}, "--allow-origin"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			out, err := exec.CommandContext(t.Context(), path, append([]string{"up", "--data", t.TempDir()}, tt.args...)...).CombinedOutput()
			if _, ended := errors.AsType[*exec.ExitError](err); !ended || !strings.Contains(string(out), tt.want) {
				t.Errorf("it ends with %v and says %s, want %q", err, out, tt.want)
			}
		})
	}
}

// TestANetworkIsServedWithTLSToWhoIsKnown listens on every address of the machine.
func TestANetworkIsServedWithTLSToWhoIsKnown(t *testing.T) {
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 24*time.Hour)
	keys := keyFile(t, "secret")
	addr := upTLS(t, "--addr", "0.0.0.0:0", "--keys", keys, "--tls-cert", cert, "--tls-key", key)
	config, err := certs.Client(ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	_, port, _ := strings.Cut(addr, "]:") // [::]:port
	if port == "" {
		_, port, _ = strings.Cut(addr, ":")
	}
	web := &http.Client{Transport: &http.Transport{TLSClientConfig: config}}
	defer web.CloseIdleConnections()
	res, err := web.Get(fmt.Sprintf("https://127.0.0.1:%s/v1/brands", port)) //nolint:noctx // the client's
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusUnauthorized {
		t.Errorf("a stranger is answered %d", res.StatusCode)
	}
}
