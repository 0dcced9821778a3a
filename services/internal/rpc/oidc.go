package rpc

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

const maxToken = 8 << 10 // characters

// OIDC knows callers by the tokens of one OpenID Connect issuer: signed with RS256, ES256
// or EdDSA by a key that the issuer publishes, for one audience, good for 24 hours at
// most. Their claims brand, partner and scope say who they are. It is safe for concurrent
// use.
type OIDC struct {
	issuer, audience string
	keys             *keySet
}

// NewOIDC returns what knows the tokens of the issuer for the audience. The issuer is an
// https address, or an http one on this machine's loopback. [OIDC.Run] keeps its keys.
func NewOIDC(issuer, audience string) (*OIDC, error) {
	if err := private(issuer); err != nil {
		return nil, fmt.Errorf("the OIDC issuer: %w", err)
	}
	if audience == "" {
		return nil, errors.New("the OIDC audience is empty; name what the issuer puts into aud of tokens for this suite")
	}
	return &OIDC{issuer, audience, newKeySet(issuer)}, nil
}

// private returns an error if others can listen in on what is read from an address.
func private(address string) error {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.RawQuery != "" || u.Fragment != "" || u.User != nil {
		return fmt.Errorf("%q is no address", address)
	}
	ip, err := netip.ParseAddr(u.Hostname())
	here := u.Hostname() == "localhost" || err == nil && ip.Unmap().IsLoopback()
	if u.Scheme != "https" && (u.Scheme != "http" || !here) {
		return fmt.Errorf("%q is not https", address)
	}
	return nil
}

// Load reads the issuer's keys. It fails with [ErrIssuer] if the issuer is somebody else,
// which will not pass, and with another error if it cannot be asked now.
func (o *OIDC) Load(ctx context.Context) error { return o.keys.load(ctx) }

// Await is Load until that succeeds, fails for good, or ctx ends.
func (o *OIDC) Await(ctx context.Context) error {
	for {
		err := o.Load(ctx)
		if err == nil || errors.Is(err, ErrIssuer) {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(keysAgain):
		}
	}
}

// Run reads the issuer's keys every minute until ctx ends, so that those it withdraws are
// good no longer. While it cannot be asked the keys stay as they are, for an hour.
func (o *OIDC) Run(ctx context.Context) {
	tick := time.NewTicker(keysFresh)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			_ = o.Load(ctx) //nolint:errcheck // calls say what they lack
		}
	}
}

// Authenticate is an [Authenticator]. Tokens that are refused are UNAUTHENTICATED with a
// reason; a token of nobody's brand is PERMISSION_DENIED, reason BRAND_CLAIM.
func (o *OIDC) Authenticate(ctx context.Context, bearer string) (Caller, error) {
	if strings.Count(bearer, ".") != 2 {
		return Caller{}, Unauthenticated()
	}
	payload, err := o.verify(ctx, bearer)
	if err != nil {
		return Caller{}, err
	}
	c, err := parseClaims(payload)
	if err != nil {
		return Caller{}, err
	}
	if err := o.accept(c, time.Now()); err != nil {
		return Caller{}, err
	}
	return c.caller()
}

// verify returns what the issuer has signed.
func (o *OIDC) verify(ctx context.Context, bearer string) ([]byte, error) {
	if len(bearer) > maxToken {
		return nil, badToken("TOKEN_INVALID", "the token is too long")
	}
	jws, err := jose.ParseSignedCompact(bearer, []jose.SignatureAlgorithm{jose.RS256, jose.ES256, jose.EdDSA})
	if err != nil || len(jws.Signatures) != 1 {
		return nil, badToken("TOKEN_INVALID", "the token is no JWT signed with RS256, ES256 or EdDSA")
	}
	if text, err := jws.CompactSerialize(); err != nil || text != bearer { // one token has one form
		return nil, badToken("TOKEN_INVALID", "the token is no JWT in its compact form")
	}
	header := jws.Signatures[0].Protected
	if typ, _ := header.ExtraHeaders[jose.HeaderType].(string); !slices.Contains([]string{"", "jwt", "at+jwt", "application/at+jwt"}, strings.ToLower(typ)) {
		return nil, badToken("TOKEN_INVALID", "the token is of another type")
	}
	key, err := o.keys.find(ctx, header.KeyID, header.Algorithm)
	if err != nil {
		return nil, err
	}
	payload, err := jws.Verify(key)
	if err != nil {
		return nil, badToken("TOKEN_INVALID", "the signature is not the issuer's")
	}
	return payload, nil
}

// accept holds the claims to what was asked of the issuer.
func (o *OIDC) accept(c *claims, now time.Time) error {
	const leeway, longest = 30, 24 * 60 * 60 // seconds
	at := float64(now.UnixMilli()) / 1000
	switch {
	case c.issuer != o.issuer:
		return badToken("TOKEN_ISSUER", "the token is of another issuer")
	case !slices.Contains(c.audience, o.audience):
		return badToken("TOKEN_AUDIENCE", "the token is for another audience")
	case c.expire+leeway <= at:
		return badToken("TOKEN_EXPIRED", "the token has expired")
	case c.expire-at > longest+leeway, c.issued != 0 && c.expire-c.issued > longest+leeway:
		return badToken("TOKEN_LIFETIME", "the token is good for more than 24 hours")
	case c.notBefore > at+leeway, c.issued > at+leeway:
		return badToken("TOKEN_EARLY", "the token is not good yet")
	}
	return nil
}

func badToken(reason, message string) error {
	return &fault.Error{Code: codes.Unauthenticated, Reason: reason, Message: message}
}
