package main

import (
	"context"
	"crypto/ed25519"
	"crypto/rand"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// connect connects to the suite with a credential until the test ends.
func connect(t *testing.T, addr, bearer string) *grpc.ClientConn {
	t.Helper()
	conn, err := rpc.Dial(addr, rpc.ClientConfig{Bearer: bearer})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// rooted returns a file of keys in which root may do everything.
func rooted(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "keys")
	if err := os.WriteFile(path, fmt.Appendf(nil, "%x * *\n", sha256.Sum256([]byte("root"))), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// lists lists the tickets of a brand.
func lists(t *testing.T, addr, bearer, brand string) codes.Code {
	t.Helper()
	_, err := ticketv1.NewTicketServiceClient(connect(t, addr, bearer)).ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: brand})
	return status.Code(err)
}

func TestAKeyOfTheGatewayReachesServicesElsewhereByPass(t *testing.T) {
	keys, data := rooted(t), t.TempDir()
	if _, err := signer(&upCmd{common: common{Data: data}}); err != nil { // as a first start does
		t.Fatal(err)
	}
	ticket := upWith(t, &upCmd{
		common: common{Data: t.TempDir()}, Services: []string{"ticket"},
		callers: callers{Keys: keys, PassPublicKey: filepath.Join(data, "pass.pub")},
	})
	gateway := func(data string) string {
		return upWith(t, &upCmd{
			common: common{Data: data}, Services: []string{"gateway"}, callers: callers{Keys: keys}, TicketAddr: ticket, SurveyAddr: ticket, JourneyAddr: ticket,
		})
	}
	addr := gateway(data)
	key, err := gatewayv1.NewApiKeyServiceClient(connect(t, addr, "root")).CreateApiKey(t.Context(), &gatewayv1.CreateApiKeyRequest{
		Parent: "brands/acme", ApiKey: &gatewayv1.ApiKey{DisplayName: "Shop", Scopes: []string{"tickets:read"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct {
		name, addr, bearer, brand string
		want                      codes.Code
	}{
		{"through the gateway", addr, key.GetSecret(), "brands/acme", codes.OK},
		{"another brand", addr, key.GetSecret(), "brands/other", codes.NotFound},
		{"straight to the service", ticket, key.GetSecret(), "brands/acme", codes.Unauthenticated},
		{"root through the gateway", addr, "root", "brands/other", codes.OK},
		{"nobody", addr, "", "brands/acme", codes.Unauthenticated},
	} {
		if got := lists(t, tt.addr, tt.bearer, tt.brand); got != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, got, tt.want)
		}
	}
	_, err = ticketv1.NewTicketServiceClient(connect(t, addr, key.GetSecret())).DeleteTicket(t.Context(), &ticketv1.DeleteTicketRequest{Name: "brands/acme/tickets/7"})
	if status.Code(err) != codes.PermissionDenied {
		t.Errorf("without the scope: %v, want PermissionDenied", err)
	}
	stranger := gateway(t.TempDir()) // whose key the service does not know
	other, err := gatewayv1.NewApiKeyServiceClient(connect(t, stranger, "root")).CreateApiKey(t.Context(), &gatewayv1.CreateApiKeyRequest{
		Parent: "brands/acme", ApiKey: &gatewayv1.ApiKey{DisplayName: "Shop", Scopes: []string{"*"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := lists(t, stranger, other.GetSecret(), "brands/acme"); got != codes.Unauthenticated {
		t.Errorf("through a strange gateway: %v, want Unauthenticated", got)
	}
}

func TestEachServiceChecksTheIssuersTokensItself(t *testing.T) {
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	var (
		issuer *httptest.Server
		up     atomic.Bool
	)
	issuer = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var answer any = map[string]string{"issuer": issuer.URL, "jwks_uri": issuer.URL + "/keys"}
		if r.URL.Path == "/keys" {
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: public, KeyID: "1"}}}
		}
		if !up.Load() {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		json.NewEncoder(w).Encode(answer) //nolint:errcheck // the test sees it
	}))
	t.Cleanup(issuer.Close)
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.EdDSA, Key: jose.JSONWebKey{Key: private, KeyID: "1"}}, nil)
	if err != nil {
		t.Fatal(err)
	}
	jws, err := signer.Sign(fmt.Appendf(nil, `{"iss":%q,"aud":"concentric","sub":"ann","exp":%d,"brand":"acme","scope":"tickets:read"}`,
		issuer.URL, time.Now().Add(time.Hour).Unix()))
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	who := callers{OIDCIssuer: issuer.URL, OIDCAudience: "concentric"}
	ticket := upWith(t, &upCmd{common: common{Data: t.TempDir()}, Services: []string{"ticket"}, callers: who})
	addr := upWith(t, &upCmd{
		common: common{Data: t.TempDir()}, Services: []string{"gateway"}, callers: who, TicketAddr: ticket, SurveyAddr: ticket, JourneyAddr: ticket,
	})
	ready := func() bool {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+addr+"/readyz", nil)
		if err != nil {
			t.Fatal(err)
		}
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			return false
		}
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	}
	if ready() { // K13
		t.Error("the gateway is ready before it knows the keys of its issuer")
	}
	up.Store(true)
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
	defer cancel()
	for !ready() || lists(t, ticket, token, "brands/acme") != codes.OK {
		select {
		case <-ctx.Done():
			t.Fatal("the suite does not become ready")
		case <-time.After(20 * time.Millisecond):
		}
	}
	if got := lists(t, addr, token, "brands/acme"); got != codes.OK {
		t.Errorf("through the gateway: %v, want OK", got)
	}
	if got := lists(t, addr, token, "brands/other"); got != codes.NotFound {
		t.Errorf("another brand: %v, want NotFound", got)
	}
	if got := lists(t, ticket, token+"x", "brands/acme"); got != codes.Unauthenticated {
		t.Errorf("a broken token: %v, want Unauthenticated", got)
	}
}

func TestCallersThatMakeNoSense(t *testing.T) {
	dir := t.TempDir()
	file := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	for name, c := range map[string]callers{
		"an issuer without an audience":    {OIDCIssuer: "https://login.example"},
		"an audience without an issuer":    {OIDCAudience: "concentric"},
		"an issuer everybody listens to":   {OIDCIssuer: "http://login.example", OIDCAudience: "concentric"},
		"public keys that are none":        {PassPublicKey: file("pub", "abcd\n")},
		"a file of public keys without":    {PassPublicKey: file("none", "\n")},
		"a file of API keys that has none": {Keys: file("keys", "secret\n")},
	} {
		if _, _, err := c.known(); err == nil {
			t.Errorf("%s is taken", name)
		}
	}
	if auth, oidc, err := (callers{}).known(); auth != nil || oidc != nil || err != nil {
		t.Errorf("without flags: %v, %v, want everybody", oidc, err)
	}
}

func TestWhatIsOpenToANetworkNeedsTLSAndCallers(t *testing.T) { // K65, C07
	for _, tt := range []struct {
		addr   string
		closed bool
		ok     bool
	}{
		{"127.0.0.1:0", false, true},
		{"[::1]:0", false, true},
		{":0", false, false},
		{"0.0.0.0:0", false, false},
		{"0.0.0.0:0", true, true},
	} {
		lis, err := listen(t.Context(), tt.addr, tt.closed)
		if err == nil {
			lis.Close()
		}
		if tt.addr == "[::1]:0" && err != nil && !strings.Contains(err.Error(), "--tls-cert") {
			continue // the machine has no IPv6
		}
		if (err == nil) != tt.ok {
			t.Errorf("listening on %s, closed %v: %v", tt.addr, tt.closed, err)
		}
		if err != nil && (strings.Count(err.Error(), "\n") != 2 || !strings.Contains(err.Error(), "--keys")) {
			t.Errorf("the refusal is %q, want two lines to add", err)
		}
	}
	for _, c := range []callers{{Keys: "x"}, {OIDCIssuer: "x"}, {PassPublicKey: "x"}} {
		if !c.authenticates() {
			t.Errorf("%+v lets everybody in", c)
		}
	}
	if (callers{PassKey: "x"}).authenticates() {
		t.Error("the key of passes keeps strangers out")
	}
}

func TestTheVerbsOfAKeyFollowEachOther(t *testing.T) {
	addr := upWith(t, &upCmd{common: common{Data: t.TempDir()}, callers: callers{Keys: rooted(t)}})
	verb := func(bearer string, args ...string) (string, error) {
		t.Helper()
		return prints(t, append([]string{"key", args[0], "--addr", addr, "--key", bearer, "--brand", "acme"}, args[1:]...)...)
	}
	told, err := verb("root", "create", "--name", "Shop", "--scopes", "tickets:read,apikeys:admin", "--id", "shop")
	_, secret, _ := strings.Cut(spaced(told), " ")
	if err != nil || !strings.HasPrefix(secret, "ck_acme_shop_") {
		t.Fatalf("key create = %q, %v", told, err)
	}
	if got, err := verb("root", "create", "--name", "App", "--scopes", "collect:write", "--id", "app", "--customer", "ann", "--expire", "1h"); err != nil || !strings.Contains(got, "pk_acme_app_") {
		t.Errorf("key create for a customer = %q, %v", got, err)
	}
	if got, err := verb(secret, "list"); err != nil || !strings.Contains(spaced(got), "shop good never used Shop tickets:read apikeys:admin") || !strings.Contains(spaced(got), "app good for ann") {
		t.Errorf("key list = %q, %v", got, err)
	}
	if got, err := verb(secret, "rotate", "shop", "--grace", "0s"); err != nil || !strings.HasPrefix(got, "shop  ck_acme_shop_") {
		t.Errorf("key rotate = %q, %v", got, err)
	}
	if _, err := verb(secret, "list"); err == nil {
		t.Error("the old key is taken")
	}
	if got, err := verb("root", "disable", "app"); err != nil || !strings.Contains(got, "disabled for ann") {
		t.Errorf("key disable = %q, %v", got, err)
	}
	if got, err := verb("root", "disable", "app", "--undo"); err != nil || !strings.Contains(got, "good for ann") {
		t.Errorf("key disable --undo = %q, %v", got, err)
	}
	if _, err := verb("root", "delete", "app"); err != nil {
		t.Errorf("key delete: %v", err)
	}
	if got, err := verb("root", "list", "-o", "json"); err != nil || strings.Contains(got, "brands/acme/apiKeys/app") || strings.Contains(got, secret) {
		t.Errorf("key list = %q, %v, want no app and no secret", got, err)
	}
}
