package api

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"strconv"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

const (
	tokenLength = 43 // of 32 bytes in base64url
	nonceHours  = 24
)

// token returns the capability to answer v. It is made from what v is about and the
// key of the service, so that it need not be kept to be told again.
func (s *Server) token(v store.Invitation) string {
	return s.mac("invitation", v.Brand, v.Survey, strconv.FormatInt(v.SurveyRevision, 10), v.ID, v.Customer, v.Interaction)
}

// mac returns 256 bits, in base64url, that nobody without the key can guess. No two
// lists of parts are alike to it.
func (s *Server) mac(parts ...string) string {
	h := hmac.New(sha256.New, s.TokenKey)
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) //nolint:gosec // parts of requests
		h.Write([]byte(p))
	}
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

// hashed returns a token as the store keeps it.
func hashed(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}

// redeem returns the invitation of a token. It is for the caller to see whether it is
// still to be answered.
func (s *Server) redeem(ctx context.Context, brand, token string) (store.Invitation, error) {
	unknown := &fault.Error{Code: codes.NotFound, Reason: "TOKEN_UNKNOWN", Message: "the token is of no invitation"}
	if !wellFormed(token) {
		return store.Invitation{}, unknown
	}
	v, err := s.Store.InvitationByToken(ctx, brand, hashed(token))
	if errors.Is(err, store.ErrNotFound) {
		return store.Invitation{}, unknown
	}
	return v, err
}

// wellFormed reports whether token can be one.
func wellFormed(token string) bool {
	if len(token) != tokenLength || strings.ContainsAny(token, "\r\n") { // which the decoder skips
		return false
	}
	_, err := base64.RawURLEncoding.Strict().DecodeString(token)
	return err == nil
}

// nonce returns the proof that the form of a token was shown now.
func (s *Server) nonce(token string) string { return s.nonceOf(token, hour(s.Now())) }

func (s *Server) nonceOf(token string, hour int64) string {
	at := strconv.FormatInt(hour, 36)
	return at + "." + s.mac("nonce", token, at)
}

// checkNonce reports whether nonce was made for the token in the last 24 hours, by any
// replica.
func (s *Server) checkNonce(token, nonce string) bool {
	at, _, _ := strings.Cut(nonce, ".")
	made, err := strconv.ParseInt(at, 36, 64)
	now := hour(s.Now())
	if err != nil || made > now+1 || made < now-nonceHours { // clocks differ
		return false
	}
	return hmac.Equal([]byte(nonce), []byte(s.nonceOf(token, made)))
}

// hour returns the number of the hour that t is in.
func hour(t time.Time) int64 { return t.Unix() / int64(time.Hour/time.Second) }
