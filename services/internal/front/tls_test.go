package front

import (
	"crypto/tls"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"connectrpc.com/connect/v2"
	"connectrpc.com/connect/v2/connecthttp"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/certs"
	"github.com/concentric-cx/concentric/services/internal/certs/certstest"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// serveTLS starts a front with TLS and returns its address and what a client needs.
func serveTLS(t *testing.T, tickets tickets) (string, *tls.Config) {
	t.Helper()
	ca := certstest.New(t)
	cert, key := ca.Issue(t, t.TempDir(), 2*time.Hour)
	pair, err := certs.Open(cert, key, slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	server, err := pair.Server("", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	client, err := certs.Client(ca.File, nil)
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(rpc.Config{})
	gatewayv1.RegisterAdminServiceServer(srv, brands{})
	ticketv1.RegisterTicketServiceServer(srv, tickets)
	return serveWith(t, srv, Config{TLS: server}), client
}

// browser returns a client that offers HTTP/2 and HTTP/1.1, as browsers do.
func browser(t *testing.T, config *tls.Config) *http.Client {
	t.Helper()
	transport := &http.Transport{TLSClientConfig: config, ForceAttemptHTTP2: true}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport}
}

func TestEveryProtocolByTLS(t *testing.T) {
	news := newTickets()
	addr, config := serveTLS(t, news)
	web := browser(t, config)
	t.Run("gRPC", func(t *testing.T) {
		conn, err := rpc.Dial(addr, rpc.ClientConfig{TLS: config})
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if b, err := gatewayv1.NewAdminServiceClient(conn).GetBrand(t.Context(), &gatewayv1.GetBrandRequest{Name: "brands/acme"}); err != nil || b.GetName() != "brands/acme" {
			t.Errorf("GetBrand = %v, %v", b, err)
		}
	})
	t.Run("REST", func(t *testing.T) {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr+"/v1/brands/acme", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Origin", "https://"+addr)
		res, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		if body, err := io.ReadAll(res.Body); err != nil || res.StatusCode != 200 || res.Proto != "HTTP/2.0" || !strings.Contains(string(body), "brands/acme") {
			t.Errorf("answer = %s %d %s, %v", res.Proto, res.StatusCode, body, err)
		}
	})
	all := protocols()
	all["gRPC beside others"] = []connecthttp.Option{connecthttp.WithGRPC()}
	for name, opts := range all {
		t.Run(name, func(t *testing.T) {
			c := connect.NewClient(connecthttp.NewTransport(web, "https://"+addr, opts...))
			got := &gatewayv1.Brand{}
			req := &gatewayv1.CreateBrandRequest{BrandId: "taken", Brand: &gatewayv1.Brand{DisplayName: "Acme"}}
			wantFault(t, c.CallUnary(t.Context(), unarySpec(gatewayv1.AdminService_CreateBrand_FullMethodName), req, got), connect.CodeAlreadyExists, "ALREADY_EXISTS")
			stream, err := c.CallServerStream(t.Context(), connect.Spec{Procedure: ticketv1.TicketService_WatchTickets_FullMethodName, StreamType: connect.StreamTypeServer},
				&ticketv1.WatchTicketsRequest{Parent: "brands/acme"})
			if err != nil {
				t.Fatal(err)
			}
			defer stream.Close() //nolint:errcheck // the watch ends with it
			for range 2 {
				news.news <- nil
				if err := stream.Receive(&ticketv1.WatchTicketsResponse{}); err != nil {
					t.Fatal(err)
				}
			}
		})
	}
}

func TestWhatIsNoTLSIsClosed(t *testing.T) {
	addr, config := serveTLS(t, newTickets())
	for _, hello := range []string{"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"} {
		conn, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, hello); err != nil {
			t.Fatal(err)
		}
		if answer, _ := io.ReadAll(conn); strings.Contains(string(answer), "HTTP") {
			t.Errorf("%q is answered %q", hello, answer)
		}
	}
	old := config.Clone()
	old.MinVersion, old.MaxVersion = tls.VersionTLS10, tls.VersionTLS12
	if conn, err := tls.Dial("tcp", addr, old); err == nil {
		conn.Close()
		t.Error("TLS 1.2 is accepted")
	}
}

func TestWithTLSAnyHostIsItsOwn(t *testing.T) {
	addr, config := serveTLS(t, newTickets())
	web := browser(t, config)
	for _, tt := range []struct {
		host, origin string
		code         int
	}{
		{"suite.example", "", 200},
		{"suite.example", "https://suite.example", 200},
		{"suite.example", "http://suite.example", 403},
		{"suite.example", "https://evil.example", 403},
	} {
		req, err := http.NewRequestWithContext(t.Context(), "GET", "https://"+addr+"/v1/brands/acme", nil)
		if err != nil {
			t.Fatal(err)
		}
		req.Host = tt.host
		if tt.origin != "" {
			req.Header.Set("Origin", tt.origin)
		}
		res, err := web.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != tt.code {
			t.Errorf("%+v is answered %d", tt, res.StatusCode)
		}
	}
}
