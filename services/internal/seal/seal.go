// Package seal encrypts what a service keeps but must not leave lying open in its
// database: AES-256-GCM under a key that follows from a secret of the installation and
// the purpose, bound to the name of what it belongs to.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"errors"
)

// ErrSealed says that something was not sealed with this key, or for somebody else.
var ErrSealed = errors.New("what is sealed cannot be read with this key")

// A Box seals and opens. It is safe for concurrent use.
type Box struct{ aead cipher.AEAD }

// New returns the box that follows from the secret, of 32 bytes, and the purpose.
func New(secret []byte, purpose string) (*Box, error) {
	key, err := hkdf.Key(sha256.New, secret, nil, purpose, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(key)
	if err != nil {
		return nil, err
	}
	aead, err := cipher.NewGCM(block)
	if err != nil {
		return nil, err
	}
	return &Box{aead}, nil
}

// Seal encrypts text for what has the name, in base64. The same text never looks the
// same twice.
func (b *Box) Seal(name string, text []byte) string {
	nonce := make([]byte, b.aead.NonceSize(), b.aead.NonceSize()+len(text)+b.aead.Overhead())
	rand.Read(nonce) //nolint:errcheck,gosec // it never fails
	return base64.StdEncoding.EncodeToString(b.aead.Seal(nonce, nonce, text, []byte(name)))
}

// Open is the reverse of Seal. It returns [ErrSealed] for what Seal did not make with
// this key and name.
func (b *Box) Open(name, sealed string) ([]byte, error) {
	raw, err := base64.StdEncoding.DecodeString(sealed)
	if err != nil || len(raw) < b.aead.NonceSize() {
		return nil, ErrSealed
	}
	text, err := b.aead.Open(nil, raw[:b.aead.NonceSize()], raw[b.aead.NonceSize():], []byte(name))
	if err != nil {
		return nil, ErrSealed
	}
	return text, nil
}
