package journey

import (
	"context"
	"crypto/rand"
	"errors"

	"github.com/concentric-cx/concentric/services/journey/internal/person"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// IdentityKeySize is the length of an identity key.
const IdentityKeySize = person.KeySize

// errIdentityKey says that hashes and sealed values would be of two keys.
var errIdentityKey = errors.New("the identity key is not the one that this database was first opened with")

// identityKeys returns the keys that follow from a secret or, if that is nil, from one that
// the database keeps itself.
func identityKeys(ctx context.Context, s *store.Store, secret []byte) (*person.Keys, error) {
	want := store.IdentityKey{}
	own := secret == nil
	if own {
		secret = make([]byte, IdentityKeySize)
		rand.Read(secret) //nolint:errcheck // it never fails
		want.Secret = secret
	}
	keys, err := person.NewKeys(secret)
	if err != nil {
		return nil, err
	}
	want.Fingerprint = keys.Fingerprint()
	kept, err := s.IdentityKey(ctx, want)
	switch {
	case err != nil:
		return nil, err
	case kept.Fingerprint == want.Fingerprint:
		return keys, nil
	case own && kept.Secret != nil:
		return person.NewKeys(kept.Secret)
	}
	return nil, errIdentityKey
}
