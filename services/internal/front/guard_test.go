package front

import (
	"net/http"
	"strings"
	"testing"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

func TestPagesOfOtherOrigins(t *testing.T) {
	srv := rpc.NewServer(rpc.Config{})
	gatewayv1.RegisterAdminServiceServer(srv, brands{})
	addr := serveWith(t, srv, Config{Origins: []string{"https://app.example"}})
	for _, tt := range []struct {
		name, method, origin, ask string
		code                      int
		allowed                   string
	}{
		{"no page", "GET", "", "", 200, ""},
		{"its own", "GET", "http://" + addr, "", 200, ""},
		{"a listed one", "GET", "https://app.example", "", 200, "https://app.example"},
		{"one that is listed with another scheme", "GET", "http://app.example", "", 403, ""},
		{"one that begins alike", "GET", "https://app.example.evil.example", "", 403, ""},
		{"another", "GET", "https://evil.example", "", 403, ""},
		{"none", "GET", "null", "", 403, ""},
		{"a preflight of a listed one", "OPTIONS", "https://app.example", "POST", 204, "https://app.example"},
		{"a preflight of another", "OPTIONS", "https://evil.example", "POST", 403, ""},
		{"options of a listed one, no preflight", "OPTIONS", "https://app.example", "", 405, "https://app.example"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			req, err := http.NewRequestWithContext(t.Context(), tt.method, "http://"+addr+"/v1/brands/acme", strings.NewReader(""))
			if err != nil {
				t.Fatal(err)
			}
			if tt.origin != "" {
				req.Header.Set("Origin", tt.origin)
			}
			if tt.ask != "" {
				req.Header.Set("Access-Control-Request-Method", tt.ask)
			}
			res, err := http.DefaultClient.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			defer res.Body.Close()
			h := res.Header
			if res.StatusCode != tt.code || h.Get("Access-Control-Allow-Origin") != tt.allowed || h.Get("Access-Control-Allow-Credentials") != "" {
				t.Errorf("answer = %d %v, want %d for %q", res.StatusCode, h, tt.code, tt.allowed)
			}
			if preflight := tt.code == 204; preflight != strings.Contains(h.Get("Access-Control-Allow-Headers"), "Idempotency-Key") {
				t.Errorf("allowed headers = %q", h.Get("Access-Control-Allow-Headers"))
			}
			if tt.allowed != "" && h.Get("Vary") != "Origin" {
				t.Errorf("Vary = %q", h.Get("Vary"))
			}
		})
	}
}
