package rpc

import (
	"bufio"
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/name"
)

// A key is one API key: the hash of its secret, never the secret.
type key struct {
	hash   [sha256.Size]byte
	caller Caller
}

// subject is how many digits of its hash tell a key from others.
const subject = 12

// Keys returns an Authenticator that knows the API keys listed in r, one a line:
// the SHA-256 of the key in hex, whom it acts for (brands/{brand}, or * for any, or
// brands/{brand}/partners/{partner} for an outsourcing partner) and its scopes,
// separated by commas (* for all). Empty lines and those that begin with # say
// nothing. The subject of a caller is keys/ and the first 12 digits of the hash. Errors name the line and quote nothing.
func Keys(r io.Reader) (Authenticator, error) {
	var keys []key
	lines := bufio.NewScanner(r)
	for n := 1; lines.Scan(); n++ {
		line := strings.TrimSpace(lines.Text())
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		k, err := parseKey(line)
		if err != nil {
			return nil, fmt.Errorf("keys, line %d: %w", n, err)
		}
		if slices.ContainsFunc(keys, func(other key) bool { return other.hash == k.hash }) {
			return nil, fmt.Errorf("keys, line %d: the key is listed twice", n)
		}
		keys = append(keys, k)
	}
	if err := lines.Err(); err != nil {
		return nil, fmt.Errorf("keys: %w", err)
	}
	return func(_ context.Context, bearer string) (Caller, error) {
		hash := sha256.Sum256([]byte(bearer))
		found := -1
		for i := range keys { // all of them, so that the time says nothing
			if subtle.ConstantTimeCompare(hash[:], keys[i].hash[:]) == 1 {
				found = i
			}
		}
		if bearer == "" || found < 0 {
			return Caller{}, Unauthenticated()
		}
		return keys[found].caller, nil
	}, nil
}

func parseKey(line string) (key, error) {
	var k key
	parts := strings.Fields(line)
	if len(parts) != 3 {
		return k, fmt.Errorf("has %d words, want 3: hash, brand, scopes", len(parts))
	}
	hash, err := hex.DecodeString(parts[0])
	if err != nil || len(hash) != len(k.hash) {
		return k, fmt.Errorf("the hash is not a SHA-256 in hex")
	}
	copy(k.hash[:], hash)
	k.caller.Subject = "keys/" + hex.EncodeToString(hash)[:subject]
	if err := k.caller.bind(parts[1]); err != nil {
		return k, err
	}
	k.caller.Scopes = strings.Split(parts[2], ",")
	if slices.Contains(k.caller.Scopes, "") {
		return k, fmt.Errorf("a scope is empty")
	}
	return k, nil
}

// bind limits c to a brand, or to a partner of one, unless whom is *.
func (c *Caller) bind(whom string) error {
	if whom == "*" {
		return nil
	}
	bound := name.Join("brands", name.Brand(whom))
	if partner := name.ID(whom); partner != "" && name.Join(bound, "partners", partner) == whom {
		c.Partner, bound = partner, whom
	}
	if c.Brand = name.Brand(whom); c.Brand == "" || bound != whom {
		return fmt.Errorf("the brand is neither brands/{brand} nor brands/{brand}/partners/{partner} nor *")
	}
	return nil
}
