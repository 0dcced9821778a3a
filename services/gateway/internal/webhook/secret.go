package webhook

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// Secrets of the specification: 24 to 64 bytes, written with a prefix that says what
// they are.
const (
	prefix    = "whsec_"
	minSecret = 24
	maxSecret = 64
	newSecret = 32
)

// A Secret is what messages are signed with. It does not show itself.
type Secret []byte

// String hides the secret from logs.
func (s Secret) String() string { return prefix + "…" }

// NewSecret returns a secret of 256 random bits.
func NewSecret() Secret {
	s := make(Secret, newSecret)
	rand.Read(s) //nolint:errcheck,gosec // it never fails
	return s
}

// ParseSecret reads a secret as Text writes it.
func ParseSecret(text string) (Secret, error) {
	body, ok := strings.CutPrefix(text, prefix)
	raw, err := base64.StdEncoding.DecodeString(body)
	if !ok || err != nil || len(raw) < minSecret || len(raw) > maxSecret {
		return nil, fmt.Errorf("must be %s and %d to %d bytes in base64", prefix, minSecret, maxSecret)
	}
	return raw, nil
}

// Text returns the secret for who is to know it.
func (s Secret) Text() string { return prefix + base64.StdEncoding.EncodeToString(s) }

// sign returns the value of the header webhook-signature: one signature a secret.
func sign(id string, at time.Time, body []byte, secrets []Secret) string {
	var all []string
	for _, s := range secrets {
		mac := hmac.New(sha256.New, s)
		fmt.Fprintf(mac, "%s.%s.", id, seconds(at))
		mac.Write(body)
		all = append(all, "v1,"+base64.StdEncoding.EncodeToString(mac.Sum(nil)))
	}
	return strings.Join(all, " ")
}

func seconds(t time.Time) string { return strconv.FormatInt(t.Unix(), 10) }
