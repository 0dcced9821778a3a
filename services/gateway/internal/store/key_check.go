package store

import (
	"context"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// KeyCheck keeps what was sealed with a key, unless something is kept already, and returns
// what is kept.
func (s *Store) KeyCheck(ctx context.Context, sealed string) (kept string, err error) {
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		tx.Defer(`INSERT INTO key_check (one, sealed) VALUES (1, $1) ON CONFLICT DO NOTHING`, sealed)
		return tx.QueryRow(`SELECT sealed FROM key_check`).Scan(&kept)
	})
	return kept, err
}
