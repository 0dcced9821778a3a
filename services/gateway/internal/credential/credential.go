// Package credential knows what an API key looks like: ck_{brand}_{id}_{secret}, or
// pk_ for one that an app shows to everybody. What it is recognized by is its hash;
// nobody keeps the key.
package credential

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"strings"
)

const (
	private     = "ck"
	publishable = "pk"
	most        = 256 // characters of a key
)

// New returns a new key with some 130 random bits.
func New(brand, id string, public bool) string {
	kind := private
	if public {
		kind = publishable
	}
	return strings.Join([]string{kind, brand, id, strings.ToLower(rand.Text())}, "_")
}

// Parse returns whose key text is, if it looks like one: no id has a _.
func Parse(text string) (brand, id string, ok bool) {
	parts := strings.Split(text[:min(len(text), most+1)], "_")
	if len(text) > most || len(parts) != 4 || parts[0] != private && parts[0] != publishable {
		return "", "", false
	}
	for _, r := range parts[1] + parts[2] {
		if (r < 'a' || r > 'z') && (r < '0' || r > '9') && r != '-' {
			return "", "", false
		}
	}
	return parts[1], parts[2], parts[1] != "" && parts[2] != ""
}

// Hash returns the SHA-256 of text in hex.
func Hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return hex.EncodeToString(sum[:])
}

// Matches reports whether hash is that of text, in a time that does not depend on where
// they differ.
func Matches(text, hash string) bool {
	return subtle.ConstantTimeCompare([]byte(Hash(text)), []byte(hash)) == 1
}
