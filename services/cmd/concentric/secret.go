package main

import (
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"github.com/concentric-cx/concentric/services/gateway"
	"github.com/concentric-cx/concentric/services/journey"
	"github.com/concentric-cx/concentric/services/survey"
)

// tokenKey returns the key that the tokens of invitations are made with: from the file
// of the flag, or else from one in the data folder, which the first start makes.
func tokenKey(c *upCmd) ([]byte, error) {
	return key(c, secret{"token", c.TokenKey, survey.TokenKeySize})
}

// identityKey returns, from a file found alike, the key that identities of customers are
// hashed with, and their names encrypted.
func identityKey(c *upCmd) ([]byte, error) {
	return key(c, secret{"identity", c.IdentityKey, journey.IdentityKeySize})
}

// secretKey returns, from a file found alike, the key that secrets of webhook endpoints are
// sealed with.
func secretKey(c *upCmd) ([]byte, error) {
	return key(c, secret{"secret", c.SecretKey, gateway.SecretKeySize})
}

// A secret is a key in a file of hex digits.
type secret struct {
	name string
	path string // that the operator names; empty for one in the data folder
	size int
}

func key(c *upCmd, k secret) ([]byte, error) {
	if k.path != "" {
		return k.read()
	}
	k.path = filepath.Join(c.Data, k.name+".key")
	if key, err := k.read(); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := k.make(); err != nil {
		return nil, fmt.Errorf("make the %s key: %w", k.name, err)
	}
	return k.read()
}

func (k secret) read() ([]byte, error) {
	text, err := os.ReadFile(k.path)
	if err != nil {
		return nil, fmt.Errorf("read the %s key: %w", k.name, err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != k.size {
		return nil, fmt.Errorf("the %s key in %s is not %d hex digits", k.name, k.path, 2*k.size)
	}
	return key, nil
}

// make puts a new key into the file, unless another process has just done so: then that
// one stays. Nobody ever sees half of it.
func (k secret) make() error {
	dir := filepath.Dir(k.path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, k.name+"-*") // for the current user only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // by then it has another name
	key := make([]byte, k.size)
	rand.Read(key) //nolint:errcheck,gosec // it never fails
	_, err = fmt.Fprintln(f, hex.EncodeToString(key))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), k.path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
