package rpc

import (
	"bytes"
	"context"
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
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"
)

// An issuer is an OpenID Connect issuer that does what each test says.
type issuer struct {
	*httptest.Server
	mu    sync.Mutex
	name  string // that it calls itself
	keys  []jose.JSONWebKey
	body  []byte // instead of the keys
	down  bool
	reads int // of the keys
}

// newIssuer starts an issuer with a key for each algorithm: rsa, ec and ed.
func newIssuer(t testing.TB) (*issuer, map[string]any) {
	t.Helper()
	r, err1 := rsa.GenerateKey(rand.Reader, 2048)
	e, err2 := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	_, d, err3 := ed25519.GenerateKey(rand.Reader)
	if err := errors.Join(err1, err2, err3); err != nil {
		t.Fatal(err)
	}
	s := &issuer{keys: []jose.JSONWebKey{
		{Key: r.Public(), KeyID: "rsa", Use: "sig"}, {Key: e.Public(), KeyID: "ec", Algorithm: "ES256"}, {Key: d.Public(), KeyID: "ed"},
	}}
	s.Server = httptest.NewServer(s)
	t.Cleanup(s.Close)
	s.name = s.URL
	return s, map[string]any{"rsa": r, "ec": e, "ed": d}
}

func (s *issuer) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.down:
		w.WriteHeader(http.StatusServiceUnavailable)
	case r.URL.Path == "/keys" && s.body != nil:
		s.reads++
		w.Write(s.body) //nolint:errcheck // the test sees it
	case r.URL.Path == "/keys":
		s.reads++
		json.NewEncoder(w).Encode(jose.JSONWebKeySet{Keys: s.keys}) //nolint:errcheck // the test sees it
	default:
		json.NewEncoder(w).Encode(map[string]string{"issuer": s.name, "jwks_uri": s.URL + "/keys"}) //nolint:errcheck // the test sees it
	}
}

// set changes the issuer.
func (s *issuer) set(change func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	change()
}

// known returns what knows the issuer's tokens, with its keys.
func (s *issuer) known(t testing.TB) *OIDC {
	t.Helper()
	o, err := NewOIDC(s.URL, "concentric")
	if err == nil {
		err = o.Load(t.Context())
	}
	if err != nil {
		t.Fatal(err)
	}
	return o
}

// good are claims that are taken, with what change makes of them.
func (s *issuer) good(change func(map[string]any)) map[string]any {
	now := time.Now().Unix()
	c := map[string]any{
		"iss": s.URL, "sub": "ann", "aud": "concentric", "exp": now + 300, "nbf": now, "iat": now, "brand": "acme", "scope": "tickets:read tickets:write",
	}
	if change != nil {
		change(c)
	}
	return c
}

// mint signs a token; payload is claims or text.
func mint(t testing.TB, alg jose.SignatureAlgorithm, key any, header map[string]any, payload any) string {
	t.Helper()
	opts := &jose.SignerOptions{}
	opts.WithType("JWT")
	for name, value := range header {
		opts.WithHeader(jose.HeaderKey(name), value)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: alg, Key: key}, opts)
	if err != nil {
		t.Fatal(err)
	}
	body, ok := payload.([]byte)
	if !ok {
		if body, err = json.Marshal(payload); err != nil {
			t.Fatal(err)
		}
	}
	jws, err := signer.Sign(body)
	if err != nil {
		t.Fatal(err)
	}
	token, err := jws.CompactSerialize()
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func kid(id string) map[string]any { return map[string]any{"kid": id} }

func TestATokenSaysWhoItsCallerIs(t *testing.T) {
	s, keys := newIssuer(t)
	o := s.known(t)
	for _, tt := range []struct {
		name, key string
		alg       jose.SignatureAlgorithm
		change    func(map[string]any)
		want      Caller
	}{
		{"RS256", "rsa", jose.RS256, nil, Caller{Brand: "acme"}},
		{"ES256", "ec", jose.ES256, nil, Caller{Brand: "acme"}},
		{"EdDSA", "ed", jose.EdDSA, nil, Caller{Brand: "acme"}},
		{"a partner", "ed", jose.EdDSA, func(c map[string]any) { c["partner"] = "bpo_1" }, Caller{Brand: "acme", Partner: "bpo_1"}},
		{"K19 an audience among others", "ed", jose.EdDSA, func(c map[string]any) { c["aud"] = []string{"x", "concentric"} }, Caller{Brand: "acme"}},
		{"K20 just expired", "ed", jose.EdDSA, func(c map[string]any) { c["exp"] = time.Now().Unix() - 1 }, Caller{Brand: "acme"}},
		{"good in a moment", "ed", jose.EdDSA, func(c map[string]any) { c["nbf"] = time.Now().Unix() + 25 }, Caller{Brand: "acme"}},
		{"K31 scopes in a list", "ed", jose.EdDSA, func(c map[string]any) { c["scope"] = []string{"tickets:read", "tickets:write"} }, Caller{Brand: "acme"}},
		{"for 24 hours", "ed", jose.EdDSA, func(c map[string]any) { c["exp"] = time.Now().Unix() + 86400 }, Caller{Brand: "acme"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.want.Scopes, tt.want.Subject = []string{"tickets:read", "tickets:write"}, "oidc:ann"
			got, err := o.Authenticate(t.Context(), mint(t, tt.alg, keys[tt.key], kid(tt.key), s.good(tt.change)))
			if err != nil || fmt.Sprint(got) != fmt.Sprint(tt.want) {
				t.Errorf("the caller is %+v, %v, want %+v", got, err, tt.want)
			}
		})
	}
}

// TestTokensThatNobodyTakes is about what is signed well and says the wrong thing.
func TestTokensThatNobodyTakes(t *testing.T) {
	s, keys := newIssuer(t)
	o := s.known(t)
	now := time.Now().Unix()
	const unauthenticated, denied = codes.Unauthenticated, codes.PermissionDenied
	for _, tt := range []struct {
		name   string
		set    map[string]any // nil takes a claim away
		code   codes.Code
		reason string
	}{
		{"K17 another issuer", map[string]any{"iss": "https://else.example"}, unauthenticated, "TOKEN_ISSUER"},
		{"K17 no issuer", map[string]any{"iss": nil}, unauthenticated, "TOKEN_ISSUER"},
		{"K17 an issuer with a slash more", map[string]any{"iss": s.URL + "/"}, unauthenticated, "TOKEN_ISSUER"},
		{"K18 another audience", map[string]any{"aud": "else"}, unauthenticated, "TOKEN_AUDIENCE"},
		{"K18 no audience", map[string]any{"aud": nil}, unauthenticated, "TOKEN_AUDIENCE"},
		{"K21 expired", map[string]any{"exp": now - 31}, unauthenticated, "TOKEN_EXPIRED"},
		{"K22 without an end", map[string]any{"exp": nil}, unauthenticated, "TOKEN_INVALID"},
		{"K22 an end before all time", map[string]any{"exp": -1}, unauthenticated, "TOKEN_INVALID"},
		{"an end beyond all time", map[string]any{"exp": 1e300}, unauthenticated, "TOKEN_INVALID"},
		{"K23 good for ten years", map[string]any{"exp": now + 10*365*86400}, unauthenticated, "TOKEN_LIFETIME"},
		{"issued long before it ends", map[string]any{"iat": now - 86400}, unauthenticated, "TOKEN_LIFETIME"},
		{"K24 not good yet", map[string]any{"nbf": now + 33}, unauthenticated, "TOKEN_EARLY"},
		{"K25 issued tomorrow", map[string]any{"iat": now + 3600, "exp": now + 7200}, unauthenticated, "TOKEN_EARLY"},
		{"K26 a brand in a list", map[string]any{"brand": []string{"acme"}}, unauthenticated, "TOKEN_INVALID"},
		{"K26 an issuer in a list", map[string]any{"iss": []string{s.URL}}, unauthenticated, "TOKEN_INVALID"},
		{"K26 an end in text", map[string]any{"exp": "never"}, unauthenticated, "TOKEN_INVALID"},
		{"K26 scopes in an object", map[string]any{"scope": map[string]bool{"*": true}}, unauthenticated, "TOKEN_INVALID"},
		{"of nobody", map[string]any{"sub": nil}, unauthenticated, "TOKEN_INVALID"},
		{"of somebody with a long name", map[string]any{"sub": strings.Repeat("x", 256)}, unauthenticated, "TOKEN_INVALID"},
		{"K27 without a brand", map[string]any{"brand": nil}, denied, "BRAND_CLAIM"},
		{"K27 a brand in capitals alone", map[string]any{"brand": nil, "BRAND": "acme"}, denied, "BRAND_CLAIM"},
		{"K29 an empty brand", map[string]any{"brand": ""}, denied, "BRAND_CLAIM"},
		{"K29 any brand", map[string]any{"brand": "*"}, denied, "BRAND_CLAIM"},
		{"K29 a brand with a slash", map[string]any{"brand": "acme/partners/bpo"}, denied, "BRAND_CLAIM"},
		{"a partner with a slash", map[string]any{"partner": "bpo/agents/x"}, denied, "BRAND_CLAIM"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			token := mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(func(c map[string]any) {
				maps.Copy(c, tt.set)
				maps.DeleteFunc(c, func(_ string, v any) bool { return v == nil })
			}))
			_, err := o.Authenticate(t.Context(), token)
			refused(t, err, tt.code, tt.reason)
		})
	}
	t.Run("K30 two brands", func(t *testing.T) {
		body := fmt.Appendf(nil, `{"iss":%q,"sub":"ann","aud":"concentric","exp":%d,"brand":"acme","brand":"other"}`, s.URL, now+60)
		_, err := o.Authenticate(t.Context(), mint(t, jose.EdDSA, keys["ed"], kid("ed"), body))
		refused(t, err, denied, "BRAND_CLAIM")
	})
	t.Run("two ends", func(t *testing.T) {
		body := fmt.Appendf(nil, `{"iss":%q,"sub":"ann","aud":"concentric","exp":1,"exp":%d,"brand":"acme"}`, s.URL, now+60)
		_, err := o.Authenticate(t.Context(), mint(t, jose.EdDSA, keys["ed"], kid("ed"), body))
		refused(t, err, unauthenticated, "TOKEN_INVALID")
	})
	t.Run("K32 a scope that does not exist", func(t *testing.T) {
		c, err := o.Authenticate(t.Context(), mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(func(c map[string]any) { c["scope"] = "admin" })))
		if err != nil || c.May("tickets:read") || c.May("brands:admin") {
			t.Errorf("the caller is %+v, %v, and may do something", c, err)
		}
	})
}

// TestTokensThatTheIssuerDidNotSign is about signatures, algorithms and headers.
func TestTokensThatTheIssuerDidNotSign(t *testing.T) {
	s, keys := newIssuer(t)
	o := s.known(t)
	good := mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(nil))
	other := mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(func(c map[string]any) { c["sub"] = "ben" }))
	parts, theirs := strings.Split(good, "."), strings.Split(other, ".")
	public, err := x509.MarshalPKIXPublicKey(keys["rsa"].(crypto.Signer).Public())
	if err != nil {
		t.Fatal(err)
	}
	_, strange, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	head := func(h string) string { return base64.RawURLEncoding.EncodeToString([]byte(h)) }
	const invalid, key = "TOKEN_INVALID", "TOKEN_KEY"
	for _, tt := range []struct{ name, token, reason string }{
		{"K04 alg none", head(`{"alg":"none","kid":"ed"}`) + "." + parts[1] + ".", invalid},
		{"K04 alg None", head(`{"alg":"None","kid":"ed"}`) + "." + parts[1] + ".", invalid},
		{"K04 alg nOnE", head(`{"alg":"nOnE","kid":"ed"}`) + "." + parts[1] + "." + parts[2], invalid},
		{"K05 HS256 with the public key", mint(t, jose.HS256, public, kid("rsa"), s.good(nil)), invalid},
		{"K06 an RSA algorithm over an EC key", head(`{"alg":"RS256","kid":"ec"}`) + "." + parts[1] + "." + parts[2], key},
		{"K06 an EC algorithm over an RSA key", mint(t, jose.ES256, keys["ec"], kid("rsa"), s.good(nil)), invalid},
		{"RS512, which nobody takes", mint(t, jose.RS512, keys["rsa"], kid("rsa"), s.good(nil)), invalid},
		{"K07 no signature", parts[0] + "." + parts[1] + ".", invalid},
		{"K08 the signature of another token", parts[0] + "." + parts[1] + "." + theirs[2], invalid},
		{"K08 the claims of another token", parts[0] + "." + theirs[1] + "." + parts[2], invalid},
		{"K09 signed by somebody else", mint(t, jose.EdDSA, strange, kid("ed"), s.good(nil)), invalid},
		{"K10 an unknown key", mint(t, jose.EdDSA, strange, kid("new"), s.good(nil)), key},
		{"no key id", mint(t, jose.EdDSA, keys["ed"], nil, s.good(nil)), key},
		{"K11 a path for a key id", mint(t, jose.EdDSA, strange, kid("../../dev/null"), s.good(nil)), key},
		{"K11 an address for a key id", mint(t, jose.EdDSA, strange, kid(s.URL+"/keys"), s.good(nil)), key},
		{"K11 an address of keys", mint(t, jose.EdDSA, strange, map[string]any{"kid": "ed", "jku": s.URL, "x5u": s.URL}, s.good(nil)), invalid},
		{"a critical header", mint(t, jose.EdDSA, keys["ed"], map[string]any{"kid": "ed", "crit": []string{"x"}, "x": 1}, s.good(nil)), invalid},
		{"another type", mint(t, jose.EdDSA, keys["ed"], map[string]any{"kid": "ed", "typ": "logout+jwt"}, s.good(nil)), invalid},
		{"K03 a token of 10 KB", mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(func(c map[string]any) { c["x"] = strings.Repeat("x", 10<<10) })), invalid},
		{"K03 two dots", "..", invalid},
		{"K03 one dot", parts[0] + "." + parts[1], unauthenticated},
		{"K03 three dots", good + "." + parts[2], unauthenticated},
		{"nothing", "", unauthenticated},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := o.Authenticate(t.Context(), tt.token)
			refused(t, err, codes.Unauthenticated, tt.reason)
		})
	}
	for i := range len(good) {
		flipped := []byte(good)
		flipped[i] ^= 1
		if c, err := o.Authenticate(t.Context(), string(flipped)); err == nil {
			t.Fatalf("with character %d changed it is of %+v", i, c)
		}
	}
}

func TestStrangeKeysMakeTheIssuerAskedNowAndThen(t *testing.T) { // K10
	s, keys := newIssuer(t)
	o := s.known(t)
	o.keys.tried = time.Now().Add(-keysPause)
	var wg sync.WaitGroup
	for i := range 50 {
		token := mint(t, jose.EdDSA, keys["ed"], kid(fmt.Sprint("strange", i)), s.good(nil))
		wg.Go(func() {
			if _, err := o.Authenticate(t.Context(), token); err == nil {
				t.Error("a strange key is taken")
			}
		})
	}
	wg.Wait()
	if s.reads != 2 {
		t.Errorf("the keys were read %d times, want once at the start and once for all", s.reads)
	}
}

func TestKeysComeAndGo(t *testing.T) {
	s, keys := newIssuer(t)
	o := s.known(t)
	old := mint(t, jose.EdDSA, keys["ed"], kid("ed"), s.good(nil))
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	s.set(func() { s.keys = append(s.keys, jose.JSONWebKey{Key: public, KeyID: "next"}) })
	fresh := mint(t, jose.EdDSA, private, kid("next"), s.good(nil))
	takes := func(what, token string, code codes.Code, reason string) {
		t.Helper()
		_, err := o.Authenticate(t.Context(), token)
		if code == codes.OK && err == nil {
			return
		}
		t.Log(what)
		refused(t, err, code, reason)
	}
	takes("the new key, right after a reading", fresh, codes.Unauthenticated, "TOKEN_KEY")
	o.keys.tried = time.Now().Add(-keysPause)
	takes("the new key, a while later", fresh, codes.OK, "")
	takes("K15 the old key beside it", old, codes.OK, "")

	s.set(func() { s.down = true })
	if err := o.Load(t.Context()); err == nil {
		t.Error("the keys were read from an issuer that is down")
	}
	takes("K12 while the issuer is down", old, codes.OK, "")
	for _, body := range [][]byte{
		bytes.Repeat([]byte(" "), keysBytes+1), []byte(`{"keys":[` + strings.Repeat(`{},`, 10_000) + `{}]}`), []byte(`<html>`),
	} { // K14
		s.set(func() { s.down, s.body = false, body })
		if err := o.Load(t.Context()); err == nil {
			t.Errorf("%.20q was taken for keys", body)
		}
		takes("K14 while the issuer talks nonsense", old, codes.OK, "")
	}
	o.keys.read = time.Now().Add(-keysLast - time.Second)
	takes("after an hour of that", old, codes.Unavailable, "OIDC_UNAVAILABLE")

	s.set(func() { s.body, s.keys = nil, s.keys[3:] })
	if err := o.Load(t.Context()); err != nil {
		t.Fatal(err)
	}
	takes("K16 the old key afterwards", old, codes.Unauthenticated, "TOKEN_KEY")
	takes("the new key afterwards", fresh, codes.OK, "")
}

func TestKeysThatAreTooWeakOrForSomethingElseSignNothing(t *testing.T) {
	s, keys := newIssuer(t)
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	ed := keys["ed"].(crypto.Signer)
	s.set(func() {
		s.keys = []jose.JSONWebKey{
			{Key: small.Public(), KeyID: "small"},
			{Key: ed.Public(), KeyID: "enc", Use: "enc"},
			{Key: []byte("secret"), KeyID: "oct"},
			{Key: ed.Public()},
			{Key: ed.Public(), KeyID: "other", Algorithm: "RS256"},
		}
	})
	o := s.known(t)
	for _, tt := range []struct {
		id  string
		alg jose.SignatureAlgorithm
		key any
	}{{"small", jose.RS256, small}, {"enc", jose.EdDSA, ed}, {"oct", jose.HS256, []byte(strings.Repeat("secret", 8))}, {"other", jose.EdDSA, ed}} {
		if c, err := o.Authenticate(t.Context(), mint(t, tt.alg, tt.key, kid(tt.id), s.good(nil))); err == nil {
			t.Errorf("the key %s has signed for %+v", tt.id, c)
		}
	}
}

func TestAnIssuerMustBeWhoItSays(t *testing.T) {
	for _, tt := range []struct{ issuer, audience string }{
		{"http://login.example", "concentric"}, // C45
		{"login.example", "concentric"},
		{"", "concentric"},
		{"https://login.example?x=1", "concentric"},
		{"https://login.example", ""}, // C47
	} {
		if _, err := NewOIDC(tt.issuer, tt.audience); err == nil {
			t.Errorf("%q with the audience %q is taken", tt.issuer, tt.audience)
		}
	}
	s, _ := newIssuer(t)
	s.name = "https://else.example"
	o, err := NewOIDC(s.URL, "concentric")
	if err != nil {
		t.Fatal(err)
	}
	if err := o.Await(t.Context()); !errors.Is(err, ErrIssuer) { // C46
		t.Errorf("Await = %v, want ErrIssuer", err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	s.set(func() { s.down = true })
	if err := o.Await(ctx); !errors.Is(err, context.DeadlineExceeded) { // K13
		t.Errorf("Await of one that is down = %v, want it to go on", err)
	}
	_, err = o.Authenticate(t.Context(), "a.b.c")
	refused(t, err, codes.Unauthenticated, "TOKEN_INVALID")
}

func BenchmarkToken(b *testing.B) {
	s, keys := newIssuer(b)
	o := s.known(b)
	for _, tt := range []struct {
		key string
		alg jose.SignatureAlgorithm
	}{{"rsa", jose.RS256}, {"ec", jose.ES256}, {"ed", jose.EdDSA}} {
		token := mint(b, tt.alg, keys[tt.key], kid(tt.key), s.good(nil))
		b.Run(string(tt.alg), func(b *testing.B) {
			for b.Loop() {
				if _, err := o.Authenticate(b.Context(), token); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	b.Run("refused", func(b *testing.B) {
		token := mint(b, jose.EdDSA, keys["ed"], kid("strange"), s.good(nil))
		for b.Loop() {
			if _, err := o.Authenticate(b.Context(), token); err == nil {
				b.Fatal("taken")
			}
		}
	})
}
