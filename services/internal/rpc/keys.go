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

// Keys returns an Authenticator that knows the API keys listed in r, one a line:
// the SHA-256 of the key in hex, the brand it acts for (brands/{brand}, or * for
// any) and its scopes, separated by commas (* for all). Empty lines and those that
// begin with # say nothing. Errors name the line and quote nothing.
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
	if parts[1] != "*" {
		k.caller.Brand = name.Brand(parts[1])
		if k.caller.Brand == "" || name.Join("brands", k.caller.Brand) != parts[1] {
			return k, fmt.Errorf("the brand is neither brands/{brand} nor *")
		}
	}
	k.caller.Scopes = strings.Split(parts[2], ",")
	if slices.Contains(k.caller.Scopes, "") {
		return k, fmt.Errorf("a scope is empty")
	}
	return k, nil
}
