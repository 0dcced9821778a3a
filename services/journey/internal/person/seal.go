package person

import (
	"crypto/hkdf"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"strconv"

	"github.com/concentric-cx/concentric/services/internal/seal"
)

// KeySize is the length of the secret that [Keys] are made of.
const KeySize = 32

// Keys hash identities and seal what few may read. They are safe for concurrent use.
type Keys struct {
	secret []byte // of the hashes
	box    *seal.Box
}

// NewKeys returns the keys that follow from a secret of KeySize bytes.
func NewKeys(secret []byte) (*Keys, error) {
	if len(secret) != KeySize {
		return nil, fmt.Errorf("the identity key has %d bytes, want %d", len(secret), KeySize)
	}
	hash, err := hkdf.Key(sha256.New, secret, nil, "concentric identity hash", KeySize)
	if err != nil {
		return nil, err
	}
	box, err := seal.New(secret, "concentric customer seal")
	if err != nil {
		return nil, err
	}
	return &Keys{hash, box}, nil
}

// Fingerprint tells these keys from others and nothing else about them.
func (k *Keys) Fingerprint() string { return k.mac("fingerprint") }

// Hash returns what the brand's identity is looked up by, in hex.
func (k *Keys) Hash(brand string, id Identity) string {
	return k.mac("identity", brand, strconv.Itoa(int(id.Type)), id.Source, id.Value)
}

// mac returns 256 bits in hex. No two lists of parts are alike to it.
func (k *Keys) mac(parts ...string) string {
	h := hmac.New(sha256.New, k.secret)
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint32(nil, uint32(len(p)))) //nolint:gosec // parts of requests
		h.Write([]byte(p))
	}
	return hex.EncodeToString(h.Sum(nil))
}

// A Private is what few may read about a customer.
type Private struct {
	DisplayName string            `json:"name,omitempty"`
	Custom      map[string]string `json:"custom,omitempty"`
}

// Seal encrypts p for the customer of a name; nothing for nothing.
func (k *Keys) Seal(name string, p Private) (string, error) {
	if p.DisplayName == "" && len(p.Custom) == 0 {
		return "", nil
	}
	text, err := json.Marshal(p)
	if err != nil {
		return "", err
	}
	return k.box.Seal(name, text), nil
}

// Open is the reverse of Seal.
func (k *Keys) Open(name, sealed string) (p Private, err error) {
	if sealed == "" {
		return p, nil
	}
	text, err := k.box.Open(name, sealed)
	if err != nil {
		return p, fmt.Errorf("read what is kept of a customer: %w", err)
	}
	return p, json.Unmarshal(text, &p)
}
