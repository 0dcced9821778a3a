package store

import (
	"errors"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Resolution says how a request for help ended.
type Resolution struct {
	Ticket      string // tickets/7
	ReopenCount int64  // with Ticket, which resolution it is
	Version     int64  // of the ticket; the greatest counts
}

// Resolve makes t the touchpoint of r, or takes it back if r is none to the
// customer. What an earlier version said is replaced, and what a later one said
// stays, in whatever order they come.
func (s *Store) Resolve(tx *sqldb.Tx, brand string, r Resolution, t Touchpoint, counts bool) error {
	s.turn(tx)
	n, err := tx.Exec(`
		INSERT INTO resolution (brand, ticket, reopen_count, version) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, ticket, reopen_count) DO UPDATE SET version = excluded.version
		WHERE excluded.version > resolution.version`, brand, r.Ticket, r.ReopenCount, r.Version)
	if err != nil || n == 0 {
		return err
	}
	if err := s.remove(tx, brand, t.ID); err != nil || !counts {
		return err
	}
	_, err = s.Record(tx, brand, []Touchpoint{t})
	return err
}

// remove forgets a touchpoint, if there is one of that id, and what it added to the
// sums.
func (s *Store) remove(tx *sqldb.Tx, brand, id string) error {
	var t Touchpoint
	err := t.scan(tx.QueryRow(`SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND id = $2`, brand, id))
	if errors.Is(err, ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	sums := s.change()
	sums.sub(&t)
	s.save(tx, brand, sums)
	tx.Defer(`DELETE FROM touchpoint WHERE brand = $1 AND id = $2`, brand, id)
	return nil
}
