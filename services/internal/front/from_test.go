package front

import (
	"bytes"
	"context"
	"net/http"
	"net/netip"
	"testing"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// origins answers with the address that a call comes from.
type origins struct {
	gatewayv1.UnimplementedAdminServiceServer
}

func (origins) GetBrand(ctx context.Context, req *gatewayv1.GetBrandRequest) (*gatewayv1.Brand, error) {
	return &gatewayv1.Brand{Name: req.GetName(), DisplayName: rpc.Address(ctx)}, nil
}

func TestARequestComesFromWhomATrustedProxySays(t *testing.T) {
	for _, tt := range []struct {
		name    string
		proxies rpc.Proxies
		want    string
	}{
		{"nobody is believed", nil, "127.0.0.1"},
		{"another network is", rpc.Proxies{netip.MustParsePrefix("10.0.0.0/8")}, "127.0.0.1"},
		{"this one is", rpc.Proxies{netip.MustParsePrefix("127.0.0.0/8")}, "192.0.2.1"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			srv := rpc.NewServer(rpc.Config{Proxies: tt.proxies})
			gatewayv1.RegisterAdminServiceServer(srv, origins{})
			addr := serveWith(t, srv, Config{Proxies: tt.proxies})
			for protocol, path := range map[string]string{"REST": "/v1/brands/acme", "Connect": "/concentric.gateway.v1.AdminService/GetBrand"} {
				method, body := http.MethodGet, ""
				if protocol == "Connect" {
					method, body = http.MethodPost, `{"name": "brands/acme"}`
				}
				req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, bytes.NewBufferString(body))
				if err != nil {
					t.Fatal(err)
				}
				req.Header.Set("Content-Type", "application/json")
				req.Header.Set("X-Forwarded-For", "203.0.113.7, 192.0.2.1")
				res, err := http.DefaultClient.Do(req)
				if err != nil {
					t.Fatal(err)
				}
				defer res.Body.Close()
				var got bytes.Buffer
				if _, err := got.ReadFrom(res.Body); err != nil {
					t.Fatal(err)
				}
				if !bytes.Contains(got.Bytes(), []byte(`"`+tt.want+`"`)) {
					t.Errorf("by %s it comes from %s, want %s", protocol, &got, tt.want)
				}
			}
		})
	}
}
