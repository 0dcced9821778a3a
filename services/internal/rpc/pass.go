package rpc

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const (
	passPrefix = "cp_"
	passLife   = time.Minute
	passSkew   = 30 * time.Second // that the clock of its maker may be ahead of ours
)

// A claim is what a pass says.
type claim struct {
	Brand    string   `json:"b,omitempty"`
	Partner  string   `json:"p,omitempty"`
	Customer string   `json:"c,omitempty"`
	Scopes   []string `json:"s"`
	Subject  string   `json:"u"`
	Expire   int64    `json:"e"` // Unix milliseconds
}

// A Signer makes passes: tokens, good for a minute, that say whom a call acts for, so
// that the server called need not know the credential of who asked. It may be used
// concurrently.
type Signer struct{ key ed25519.PrivateKey }

// NewSigner returns a Signer with the key.
func NewSigner(key ed25519.PrivateKey) *Signer { return &Signer{key} }

// pass returns one for c. What is signed says that it is a pass, so that no other
// signature of the key is one.
func (s *Signer) pass(c Caller) (string, error) {
	body, err := json.Marshal(claim{c.Brand, c.Partner, c.Customer, c.Scopes, c.Subject, time.Now().Add(passLife).UnixMilli()})
	if err != nil {
		return "", err
	}
	text := passPrefix + base64.RawURLEncoding.EncodeToString(body)
	return text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(s.key, []byte(text))), nil
}

// Passes returns an Authenticator that knows the callers of passes signed with one of the
// keys. An old pass is refused with UNAUTHENTICATED, reason PASS_EXPIRED.
func Passes(keys ...ed25519.PublicKey) Authenticator {
	return func(_ context.Context, bearer string) (Caller, error) {
		text, signature, _ := strings.Cut(bearer, ".")
		encoded, ok := strings.CutPrefix(text, passPrefix)
		if !ok || !signed(keys, text, signature) {
			return Caller{}, Unauthenticated()
		}
		body, err := base64.RawURLEncoding.DecodeString(encoded)
		if err != nil {
			return Caller{}, Unauthenticated()
		}
		var c claim
		if err := json.Unmarshal(body, &c); err != nil {
			return Caller{}, Unauthenticated()
		}
		left := time.Until(time.UnixMilli(c.Expire))
		if left <= 0 || left > passLife+passSkew {
			return Caller{}, &fault.Error{
				Code: codes.Unauthenticated, Reason: "PASS_EXPIRED",
				Message: "the pass is not of the last minute; check the clocks of both sides",
			}
		}
		return Caller{Brand: c.Brand, Partner: c.Partner, Customer: c.Customer, Scopes: c.Scopes, Subject: c.Subject}, nil
	}
}

// signed reports whether one of the keys has signed text.
func signed(keys []ed25519.PublicKey, text, signature string) bool {
	sig, err := base64.RawURLEncoding.Strict().DecodeString(signature)
	if err != nil {
		return false
	}
	for _, key := range keys {
		if ed25519.Verify(key, []byte(text), sig) {
			return true
		}
	}
	return false
}
