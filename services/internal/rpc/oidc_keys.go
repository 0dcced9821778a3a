package rpc

import (
	"context"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	keysFresh = time.Minute      // between two readings
	keysLast  = time.Hour        // keys are good while they cannot be read anew
	keysPause = 10 * time.Second // at least, between two readings that strange tokens ask for
	keysAgain = 2 * time.Second  // between two attempts at the start
	keysWait  = 5 * time.Second  // for an answer of the issuer
	keysBytes = 1 << 20
	keysMost  = 100
	minRSA    = 2048 // bits
)

// ErrIssuer says that the address of the issuer is somebody else's.
var ErrIssuer = errors.New("the OIDC issuer calls itself by another name")

// A keySet keeps the keys of an issuer. It is safe for concurrent use.
type keySet struct {
	issuer string
	client *http.Client

	turn  sync.Mutex // to read the keys
	mu    sync.Mutex
	keys  map[string]jose.JSONWebKey
	read  time.Time // when keys was read; zero before
	tried time.Time // when that was last tried
}

func newKeySet(issuer string) *keySet {
	transport := http.DefaultTransport.(*http.Transport).Clone() //nolint:errcheck // it is one
	transport.MaxIdleConns, transport.DisableKeepAlives = 0, true
	return &keySet{issuer: issuer, client: &http.Client{
		Transport: transport, Timeout: keysWait,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// find returns the key of that id, if tokens may be signed with it by the algorithm. A
// key it does not know makes it ask the issuer, but not each time.
func (s *keySet) find(ctx context.Context, id, algorithm string) (any, error) {
	if id == "" {
		return nil, badToken("TOKEN_KEY", "the token does not say which key has signed it")
	}
	key, known, ask := s.look(id)
	if !known && ask {
		_ = s.ask(ctx) //nolint:errcheck // what is missing shows below
		key, known, _ = s.look(id)
	}
	s.mu.Lock()
	old := time.Since(s.read) > keysLast
	s.mu.Unlock()
	switch {
	case old:
		return nil, fault.Unavailable("OIDC_UNAVAILABLE", "the keys of the OIDC issuer cannot be read", nil)
	case !known:
		return nil, badToken("TOKEN_KEY", "the issuer has no such key")
	case key.Algorithm != "" && key.Algorithm != algorithm:
		return nil, badToken("TOKEN_KEY", "the key is for another algorithm")
	}
	return key.Key, nil
}

// look returns the key of that id, and whether the issuer may be asked for it.
func (s *keySet) look(id string) (key jose.JSONWebKey, known, ask bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	key, known = s.keys[id]
	return key, known, time.Since(s.tried) >= keysPause
}

// ask reads the keys, unless somebody else has done so in the meantime.
func (s *keySet) ask(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	if _, _, ask := s.look(""); !ask {
		return nil
	}
	return s.fetch(ctx)
}

// load reads the keys.
func (s *keySet) load(ctx context.Context) error {
	s.turn.Lock()
	defer s.turn.Unlock()
	return s.fetch(ctx)
}

// fetch reads the keys. Those read before stay if that fails.
func (s *keySet) fetch(ctx context.Context) error {
	s.mu.Lock()
	s.tried = time.Now()
	s.mu.Unlock()
	var about struct {
		Issuer string `json:"issuer"`
		Keys   string `json:"jwks_uri"`
	}
	if err := s.get(ctx, strings.TrimSuffix(s.issuer, "/")+"/.well-known/openid-configuration", &about); err != nil {
		return fmt.Errorf("read the OIDC configuration: %w", err)
	}
	if about.Issuer != s.issuer {
		return fmt.Errorf("%w: it is %q at %q", ErrIssuer, about.Issuer, s.issuer)
	}
	if err := private(about.Keys); err != nil {
		return fmt.Errorf("the keys of the OIDC issuer: %w", err)
	}
	var set struct {
		Keys []json.RawMessage `json:"keys"`
	}
	if err := s.get(ctx, about.Keys, &set); err != nil {
		return fmt.Errorf("read the keys of the OIDC issuer: %w", err)
	}
	if len(set.Keys) > keysMost {
		return fmt.Errorf("the OIDC issuer has %d keys, want at most %d", len(set.Keys), keysMost)
	}
	keys := map[string]jose.JSONWebKey{}
	for _, raw := range set.Keys {
		var key jose.JSONWebKey
		if json.Unmarshal(raw, &key) == nil && usable(key) {
			keys[key.KeyID] = key
		}
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.keys, s.read = keys, time.Now()
	return nil
}

// get reads the JSON at an address.
func (s *keySet) get(ctx context.Context, address string, into any) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
	if err != nil {
		return err
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	if res.StatusCode != http.StatusOK {
		return fmt.Errorf("the answer is %s", res.Status)
	}
	body, err := io.ReadAll(io.LimitReader(res.Body, keysBytes+1))
	if err != nil {
		return err
	}
	if len(body) > keysBytes {
		return fmt.Errorf("the answer has more than %d bytes", keysBytes)
	}
	return json.Unmarshal(body, into)
}

// usable reports whether a key may sign tokens: a public one for signatures, strong
// enough, of an algorithm that is taken.
func usable(key jose.JSONWebKey) bool {
	if key.KeyID == "" || key.Use != "" && key.Use != "sig" || !key.Valid() {
		return false
	}
	switch k := key.Key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256()
	case ed25519.PublicKey:
		return true
	}
	return false
}
