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

// Resolve makes t the touchpoint of r, or forgets it if r is none to the customer.
// What an earlier version said is replaced, and what a later one said stays, in
// whatever order they come. The touchpoint is known as corrected since it was known
// first. Resolve reports whether anything has changed.
func (s *Store) Resolve(tx *sqldb.Tx, brand string, r Resolution, t Touchpoint, counts bool) (changed bool, err error) {
	s.turn(tx)
	n, err := tx.Exec(`
		INSERT INTO resolution (brand, ticket, reopen_count, version) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, ticket, reopen_count) DO UPDATE SET version = excluded.version
		WHERE excluded.version > resolution.version`, brand, r.Ticket, r.ReopenCount, r.Version)
	if err != nil || n == 0 {
		return false, err
	}
	was, err := s.remove(tx, brand, t.ID)
	if err != nil || !counts {
		return was.ID != "", err
	}
	if was.ID != "" {
		t.RecordTime, t.RetractTime, t.Reason = was.RecordTime, was.RetractTime, was.Reason
	}
	_, err = s.Record(tx, brand, []Touchpoint{t})
	return true, err
}

// remove forgets a touchpoint, if there is one of that id, and what it added to the
// sums. It returns the touchpoint as it was.
func (s *Store) remove(tx *sqldb.Tx, brand, id string) (Touchpoint, error) {
	var t Touchpoint
	err := t.scan(tx.QueryRow(`SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND id = $2`, brand, id))
	if errors.Is(err, ErrNotFound) {
		return Touchpoint{}, nil
	}
	if err != nil {
		return Touchpoint{}, err
	}
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return Touchpoint{}, err
	}
	sums := newChange(kept)
	sums.minus(&t)
	s.save(tx, brand, sums)
	s.mark(tx, brand, []string{t.Customer})
	tx.Defer(`DELETE FROM touchpoint WHERE brand = $1 AND id = $2`, brand, id)
	return t, nil
}
