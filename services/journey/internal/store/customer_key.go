package store

import (
	"context"
	"database/sql"
	"encoding/hex"
	"errors"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An IdentityKey says which key identities are hashed and customers are sealed with.
type IdentityKey struct {
	Fingerprint string
	Secret      []byte // nil where it is not kept here
}

// IdentityKey returns the key that the database was first opened with, which is want if it
// is opened for the first time.
func (s *Store) IdentityKey(ctx context.Context, want IdentityKey) (IdentityKey, error) {
	var k IdentityKey
	err := s.db.Write(ctx, func(tx *sqldb.Tx) error {
		s.turn(tx)
		var secret string
		k = IdentityKey{}
		err := tx.QueryRow(`SELECT fingerprint, secret FROM identity_key WHERE id = 1`).Scan(&k.Fingerprint, &secret)
		if errors.Is(err, sql.ErrNoRows) {
			k = want
			tx.Defer(`INSERT INTO identity_key (id, fingerprint, secret) VALUES (1, $1, $2)`, k.Fingerprint, hex.EncodeToString(k.Secret))
			return nil
		}
		if err == nil && secret != "" {
			k.Secret, err = hex.DecodeString(secret)
		}
		return err
	})
	if err != nil {
		return IdentityKey{}, fmt.Errorf("read identity key: %w", err)
	}
	return k, nil
}
