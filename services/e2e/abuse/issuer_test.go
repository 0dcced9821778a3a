package abuse

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// An issuer signs tokens with the keys ec and rsa, and with a strange one that nobody
// knows.
type issuer struct {
	url  string
	keys map[string]crypto.Signer
}

// newIssuer starts an issuer.
func newIssuer(t *testing.T) *issuer {
	t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	i := &issuer{keys: map[string]crypto.Signer{"rsa": r, "ec": e, "strange": d}}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		var answer any = map[string]string{"issuer": i.url, "jwks_uri": i.url + "/keys"}
		if req.URL.Path == "/keys" {
			answer = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: r.Public(), KeyID: "rsa"}, {Key: e.Public(), KeyID: "ec"}}}
		}
		json.NewEncoder(w).Encode(answer) //nolint:errcheck // the test sees it
	}))
	t.Cleanup(srv.Close)
	i.url = srv.URL
	return i
}

// known returns the Authenticator that knows the issuer's tokens.
func (i *issuer) known(t *testing.T) rpc.Authenticator {
	t.Helper()
	o, err := rpc.NewOIDC(i.url, "concentric")
	if err == nil {
		err = o.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return o.Authenticate
}

// A claim changes what a good token claims.
type claim func(map[string]any)

// set claims something else; nil takes a claim away.
func set(name string, value any) claim {
	return func(c map[string]any) {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
}

// in claims a time so many seconds from now.
func in(name string, seconds int64) claim {
	return func(c map[string]any) { c[name] = time.Now().Unix() + seconds }
}

// claims are those of a good token of acme's, with what change makes of them.
func (i *issuer) claims(change ...claim) map[string]any {
	c := map[string]any{"iss": i.url, "aud": "concentric", "sub": "ann", "exp": time.Now().Unix() + 300, "brand": "acme", "scope": "tickets:read"}
	for _, f := range change {
		f(c)
	}
	return c
}

// sign returns a token signed with ES256.
func (i *issuer) sign(t *testing.T, change ...claim) string {
	t.Helper()
	return i.with(t, jose.ES256, i.keys["ec"], map[string]any{"kid": "ec"}, i.claims(change...))
}

// with returns a token signed as told; body is claims or JSON.
func (i *issuer) with(t *testing.T, alg jose.SignatureAlgorithm, key any, header map[string]any, body any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	for name, value := range header {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	text, ok := body.([]byte)
	if !ok {
		if text, err = json.Marshal(maps.Clone(body.(map[string]any))); err != nil {
			t.Fatal(err)
		}
	}
	jws, err := signer.Sign(text)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

// headed returns a good token with another header, which nobody has signed.
func (i *issuer) headed(t *testing.T, header string) string {
	t.Helper()
	_, rest, _ := strings.Cut(i.sign(t), ".")
	return base64.RawURLEncoding.EncodeToString([]byte(header)) + "." + rest
}

// public returns the issuer's RSA key as anybody knows it.
func (i *issuer) public(t *testing.T) []byte {
	t.Helper()
	key, err := x509.MarshalPKIXPublicKey(i.keys["rsa"].Public())
	if err != nil {
		t.Fatal(err)
	}
	return key
}
