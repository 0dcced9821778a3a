package api

import (
	"encoding/base64"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// FuzzToken makes up tokens and nonces. There is one way to write each, and none that was
// not given is taken.
func FuzzToken(f *testing.F) {
	s := &Server{TokenKey: []byte("key"), Now: func() time.Time { return time.Unix(1767600000, 0) }}
	good := s.token(store.Invitation{Brand: "acme", Survey: "s", ID: "i"})
	for _, seed := range []string{good, good[:42], good + "A", good[:42] + "\n", good[:41] + "\r\n", "", "é" + good[2:], good[:42] + "="} {
		f.Add(seed, s.nonce(good))
		f.Add(seed, s.nonce(seed))
	}
	f.Add(good, "-zzzzzzzzzzzzz."+good)
	f.Add(good, "1y2p0ij32e8e8."+good)
	f.Fuzz(func(t *testing.T, token, nonce string) {
		if wellFormed(token) {
			raw, err := base64.RawURLEncoding.DecodeString(token)
			if err != nil || len(raw) != 32 || base64.RawURLEncoding.EncodeToString(raw) != token {
				t.Fatalf("%q is well formed and not what its 32 bytes are: %v", token, err)
			}
		}
		if taken := s.checkNonce(token, nonce); taken && !wasGiven(s, token, nonce) {
			t.Fatalf("the nonce %q of %q is taken", nonce, token)
		}
		if !s.checkNonce(token, s.nonce(token)) || token != good && s.checkNonce(good, s.nonce(token)) {
			t.Fatalf("the nonce of %q is not taken for it alone", token)
		}
	})
}

// wasGiven reports whether the nonce was made for the token in an hour that counts.
func wasGiven(s *Server, token, nonce string) bool {
	now := hour(s.Now())
	for at := now - nonceHours; at <= now+1; at++ {
		if nonce == s.nonceOf(token, at) {
			return true
		}
	}
	return false
}
