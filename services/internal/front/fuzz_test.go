package front

import (
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// handler returns what answers HTTP, without a socket.
func handler(t testing.TB) http.Handler {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{})
	gatewayv1.RegisterAdminServiceServer(srv, brands{})
	ticketv1.RegisterTicketServiceServer(srv, newTickets())
	f, err := New(t.Context(), srv, Config{})
	if err != nil {
		t.Fatal(err)
	}
	return f.http.Handler
}

// sound fails unless an answer is one that a client can work with: no fault of the
// server's, and a problem where it is no success.
func sound(t *testing.T, res *httptest.ResponseRecorder, rest bool) {
	t.Helper()
	switch res.Code {
	case http.StatusNotImplemented, http.StatusServiceUnavailable, http.StatusGatewayTimeout, http.StatusHTTPVersionNotSupported:
	default:
		if res.Code >= 500 {
			t.Fatalf("answer = %d %s", res.Code, res.Body)
		}
	}
	if !rest || res.Code < 400 {
		return
	}
	var p problem
	if err := json.Unmarshal(res.Body.Bytes(), &p); err != nil || p.Status != res.Code || p.Type == "" || p.Code == "" || res.Header().Get("Content-Type") != problemType {
		t.Fatalf("answer = %d %s %s, %v, want a problem", res.Code, res.Header().Get("Content-Type"), res.Body, err)
	}
}

func FuzzBody(f *testing.F) {
	h := handler(f)
	for _, seed := range []string{
		`{"displayName":"Acme"}`, `{"displayName":"Acme"}{}`, `null`, `[]`, `"x"`, `{"display_name":1,"displayName":"a"}`, `{"displayName":"\ud800"}`, "\ufeff{}",
		`{"displayName":1e999}`, strings.Repeat(`{"a":`, 200) + "1" + strings.Repeat("}", 200), "{\"displayName\":\"\xff\"}", `{"@type":"x"}`,
	} {
		f.Add(seed, "application/json", false)
		f.Add(seed, "application/connect+json", true)
	}
	f.Add("\x0a\x04acme", "application/proto", true)
	f.Add("\x00\x00\x00\x00\x02{}", "application/grpc-web+json", true)
	f.Add("\x01\x00\x00\x00\x02{}", "application/connect+proto", true)
	f.Fuzz(func(t *testing.T, body, kind string, call bool) {
		path := "/v1/brands?brand_id=acme"
		if call {
			path = gatewayv1.AdminService_CreateBrand_FullMethodName
		}
		req := httptest.NewRequestWithContext(t.Context(), http.MethodPost, "http://localhost"+path, strings.NewReader(body))
		req.Header.Set("Content-Type", kind)
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		sound(t, res, !call)
	})
}

func FuzzPath(f *testing.F) {
	h := handler(f)
	for _, seed := range []string{
		"/v1/brands/acme", "/v1/brands?pageSize=2", "/v1/brands/acme/tickets:batchGet?names=a&names=b", "/v1//brands", "/v1/brands/%00", "/v1/brands/a%2fb",
		"/v1/brands/acme/tickets/7:resolve", "/v1/brands/acme/tickets?filter=((", "/v1/brands/acme/tickets?a.b.c[d]=1", "/concentric.ticket.v1.TicketService/GetTicket", "/v1/brands/..%2f", "*",
	} {
		f.Add("GET", seed, "*/*", "")
		f.Add("DELETE", seed, "text/event-stream", "1n")
	}
	f.Fuzz(func(t *testing.T, method, target, accept, timeout string) {
		if strings.Contains(target, ":watch") || strings.Contains(target, "Watch") {
			t.Skip("a watch has no end")
		}
		req, err := http.NewRequestWithContext(t.Context(), method, "http://localhost", nil)
		if err != nil {
			t.Skip("no method")
		}
		if req.URL, err = req.URL.Parse(target); err != nil || req.URL.Host != "localhost" {
			t.Skip("no path")
		}
		req.Header.Set("Accept", accept)
		req.Header.Set("Grpc-Timeout", timeout)
		res := httptest.NewRecorder()
		h.ServeHTTP(res, req)
		sound(t, res, strings.HasPrefix(target, "/v1/") && (res.Code < 300 || res.Code >= 400))
	})
}
