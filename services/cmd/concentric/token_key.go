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

	"github.com/concentric-cx/concentric/services/survey"
)

// tokenKey returns the key that the tokens of invitations are made with: from the file
// of the flag, or else from one in the data folder, which the first start makes.
func tokenKey(c *upCmd) ([]byte, error) {
	if c.TokenKey != "" {
		return readTokenKey(c.TokenKey)
	}
	path := filepath.Join(c.Data, "token.key")
	if key, err := readTokenKey(path); !errors.Is(err, fs.ErrNotExist) {
		return key, err
	}
	if err := makeTokenKey(path); err != nil {
		return nil, fmt.Errorf("make a token key: %w", err)
	}
	return readTokenKey(path)
}

func readTokenKey(path string) ([]byte, error) {
	text, err := os.ReadFile(path) //nolint:gosec // the operator names it
	if err != nil {
		return nil, fmt.Errorf("read the token key: %w", err)
	}
	key, err := hex.DecodeString(strings.TrimSpace(string(text)))
	if err != nil || len(key) != survey.TokenKeySize {
		return nil, fmt.Errorf("the token key in %s is not %d hex digits", path, 2*survey.TokenKeySize)
	}
	return key, nil
}

// makeTokenKey puts a new key into the file at path, unless another process has just
// done so: then that one stays. Nobody ever sees half of it.
func makeTokenKey(path string) error {
	dir := filepath.Dir(path)
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	f, err := os.CreateTemp(dir, "token-*") // for the current user only
	if err != nil {
		return err
	}
	defer os.Remove(f.Name()) //nolint:errcheck // by then it has another name
	key := make([]byte, survey.TokenKeySize)
	rand.Read(key) //nolint:errcheck,gosec // it never fails
	_, err = fmt.Fprintln(f, hex.EncodeToString(key))
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return err
	}
	if err := os.Link(f.Name(), path); !errors.Is(err, fs.ErrExist) {
		return err
	}
	return nil
}
