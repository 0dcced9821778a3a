package rpc

import (
	"bytes"
	"encoding/json"
	"errors"
	"math"
	"strings"

	"google.golang.org/grpc/codes"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// claims are what a token says, times in seconds since 1970.
type claims struct {
	issuer, subject           string
	audience                  []string
	expire, notBefore, issued float64
	brand, partner            string
	scopes                    []string
}

// A word is a claim of text, or one of several.
type word []string

// UnmarshalJSON implements [json.Unmarshaler].
func (w *word) UnmarshalJSON(body []byte) error {
	var one string
	if json.Unmarshal(body, &one) == nil {
		*w = word{one}
		return nil
	}
	return json.Unmarshal(body, (*[]string)(w))
}

// errTwice says that a claim is there twice.
var errTwice = errors.New("a claim is made twice")

// parseClaims reads what the issuer has signed. It looks at names letter by letter and
// takes none twice: what another reader makes of such a token is anybody's guess.
func parseClaims(payload []byte) (*claims, error) {
	all, err := members(payload)
	if _, brand := all["brand"]; errors.Is(err, errTwice) && brand {
		return nil, noBrand()
	}
	if err != nil {
		return nil, malformed()
	}
	var (
		c        claims
		audience word
		scope    word
	)
	for claim, into := range map[string]any{
		"iss": &c.issuer, "sub": &c.subject, "aud": &audience, "exp": &c.expire, "nbf": &c.notBefore, "iat": &c.issued,
		"brand": &c.brand, "partner": &c.partner, "scope": &scope,
	} {
		if raw, ok := all[claim]; ok && json.Unmarshal(raw, into) != nil {
			return nil, malformed()
		}
	}
	c.audience = audience
	for _, s := range scope {
		c.scopes = append(c.scopes, strings.Fields(s)...)
	}
	if c.subject == "" || len(c.subject) > 255 || c.expire <= 0 || math.Max(c.expire, math.Max(c.notBefore, c.issued)) > 1e12 {
		return nil, malformed()
	}
	return &c, nil
}

// members returns the members of a JSON object. With [errTwice] it returns those that are
// there twice.
func members(object []byte) (map[string]json.RawMessage, error) {
	d := json.NewDecoder(bytes.NewReader(object))
	if open, err := d.Token(); err != nil || open != json.Delim('{') {
		return nil, malformed()
	}
	all, twice := map[string]json.RawMessage{}, map[string]json.RawMessage{}
	for d.More() {
		key, err := d.Token()
		if err != nil {
			return nil, err
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return nil, err
		}
		if _, ok := all[key.(string)]; ok {
			twice[key.(string)] = value
		}
		all[key.(string)] = value
	}
	if len(twice) > 0 {
		return twice, errTwice
	}
	return all, nil
}

// caller returns whom the claims speak of.
func (c *claims) caller() (Caller, error) {
	if !isBrand(c.brand) || c.partner != "" && !isPartner(c.partner) {
		return Caller{}, noBrand()
	}
	return Caller{Brand: c.brand, Partner: c.partner, Scopes: c.scopes, Subject: "oidc:" + c.subject}, nil
}

// isPartner reports whether id is one that a partner may have.
func isPartner(id string) bool { return isBrand(strings.ReplaceAll(id, "_", "-")) && id[0] != '_' }

func malformed() error { return badToken("TOKEN_INVALID", "the claims of the token are malformed") }

func noBrand() error {
	return &fault.Error{
		Code: codes.PermissionDenied, Reason: "BRAND_CLAIM",
		Message: "the token must name one brand, by its id, in the claim brand, and at most one of its partners in the claim partner",
	}
}
