package store

import "github.com/concentric-cx/concentric/services/internal/sqldb"

// Retract takes back a touchpoint that was recorded for a customer and returns it, and
// whether it counted until now. It returns [ErrNotFound] if there is none of that id.
func (s *Store) Retract(tx *sqldb.Tx, brand, customer, id, reason string, now int64) (t Touchpoint, changed bool, err error) {
	s.turn(tx)
	err = t.scan(tx.QueryRow(`SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND id = $2 AND customer = $3`, brand, id, customer))
	if err != nil || t.RetractTime != 0 {
		return t, false, err
	}
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return t, false, err
	}
	sums := newChange(kept)
	sums.minus(&t)
	s.save(tx, brand, sums)
	s.mark(tx, brand, []string{customer})
	t.RetractTime, t.Reason = now, reason
	tx.Defer(`UPDATE touchpoint SET retract_time = $1, retract_reason = $2 WHERE brand = $3 AND id = $4`, now, reason, brand, id)
	return t, true, nil
}
