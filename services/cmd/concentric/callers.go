package main

import (
	"bytes"
	"context"
	"crypto/ed25519"
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// callers are the flags that say who may call, and how a gateway vouches for them.
type callers struct {
	Keys          string `help:"File of API keys, one a line: SHA-256 in hex, brand or partner, scopes. Without it and --oidc-issuer, everybody on this machine may do everything." type:"existingfile" placeholder:"FILE"`
	OIDCIssuer    string `name:"oidc-issuer" help:"OpenID Connect issuer whose tokens are taken." placeholder:"URL"`
	OIDCAudience  string `name:"oidc-audience" help:"What those tokens must have for audience." placeholder:"NAME"`
	PassKey       string `help:"File of the key, 64 hex digits, that a gateway signs its passes with: they tell services elsewhere whom calls act for. {data}/pass.key if empty, made if there is none; what the services need is in {data}/pass.pub." type:"existingfile" placeholder:"FILE"`
	PassPublicKey string `help:"File of the public keys of the gateways whose passes a service takes, one a line, as in their {data}/pass.pub." type:"existingfile" placeholder:"FILE"`
}

// authenticates reports whether callers must say who they are.
func (c callers) authenticates() bool {
	return c.Keys != "" || c.OIDCIssuer != "" || c.PassPublicKey != ""
}

// known returns who knows the callers, nil if everybody on this machine may do
// everything, and what reads the keys of an OIDC issuer, if there is one.
func (c callers) known() (rpc.Authenticator, *rpc.OIDC, error) {
	var (
		all  []rpc.Authenticator
		oidc *rpc.OIDC
	)
	if c.Keys != "" {
		auth, err := readKeys(c.Keys)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, auth)
	}
	if c.PassPublicKey != "" {
		keys, err := readPublicKeys(c.PassPublicKey)
		if err != nil {
			return nil, nil, err
		}
		all = append(all, rpc.Passes(keys...))
	}
	if c.OIDCIssuer != "" || c.OIDCAudience != "" {
		var err error
		if oidc, err = rpc.NewOIDC(c.OIDCIssuer, c.OIDCAudience); err != nil {
			return nil, nil, fmt.Errorf("--oidc-issuer, --oidc-audience: %w", err)
		}
		all = append(all, oidc.Authenticate)
	}
	if len(all) == 0 {
		return nil, nil, nil
	}
	return rpc.AnyOf(all...), oidc, nil
}

// readKeys reads the file of API keys.
func readKeys(path string) (rpc.Authenticator, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return rpc.Keys(f)
}

// readPublicKeys reads the file of public keys of passes.
func readPublicKeys(path string) ([]ed25519.PublicKey, error) {
	text, err := os.ReadFile(path)
	if err != nil {
		return nil, err
	}
	var keys []ed25519.PublicKey
	for line := range bytes.FieldsSeq(text) {
		key, err := hex.DecodeString(string(line))
		if err != nil || len(key) != ed25519.PublicKeySize {
			return nil, fmt.Errorf("%s: a line is not %d hex digits", path, 2*ed25519.PublicKeySize)
		}
		keys = append(keys, key)
	}
	if len(keys) == 0 {
		return nil, fmt.Errorf("%s has no key", path)
	}
	return keys, nil
}

// signer returns what makes the passes of a gateway, and puts the public key for services
// elsewhere into the data folder.
func signer(c *upCmd) (*rpc.Signer, error) {
	seed, err := key(c, secret{"pass", c.PassKey, ed25519.SeedSize})
	if err != nil {
		return nil, err
	}
	private := ed25519.NewKeyFromSeed(seed)
	public := private.Public().(ed25519.PublicKey) //nolint:errcheck // that is what it is
	if err := os.MkdirAll(c.Data, 0o700); err != nil {
		return nil, err
	}
	err = os.WriteFile(filepath.Join(c.Data, "pass.pub"), fmt.Appendln(nil, hex.EncodeToString(public)), 0o644) //nolint:gosec // it is public
	return rpc.NewSigner(private), err
}

// meet reads the keys of the OIDC issuer, now and then. An issuer that cannot be reached
// keeps the suite from being ready, until it can.
func (s *suite) meet(ctx context.Context, oidc *rpc.OIDC) error {
	first, cancel := context.WithTimeout(ctx, 3*time.Second)
	defer cancel()
	err := oidc.Load(first)
	if errors.Is(err, rpc.ErrIssuer) {
		return err
	}
	if s.unready = err != nil; s.unready {
		s.log.Warn("the OIDC issuer cannot be reached; not ready until then", "err", err)
	}
	s.run = append(s.run, func(ctx context.Context) error {
		if s.unready {
			if err := oidc.Await(ctx); err != nil {
				return err
			}
			s.front.SetReady(true)
		}
		oidc.Run(ctx)
		return nil
	})
	return nil
}
