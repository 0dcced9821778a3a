package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Wave is how far one wave of a schedule has come.
type Wave struct {
	Brand, Rule string
	Time        time.Time // when it began
	Customer    string    // the last one that was decided on; empty for none
	Done        bool
}

// WaveDone reports whether the wave of a rule that began at that time has come to its
// end.
func (s *Store) WaveDone(ctx context.Context, brand, rule string, at time.Time) (done bool, err error) {
	err = s.db.Read().QueryRowContext(ctx, `SELECT EXISTS (
		SELECT 1 FROM wave WHERE brand = $1 AND rule = $2 AND wave_time = $3 AND done = 1)`, brand, rule, sqldb.Micros(at)).Scan(&done)
	return done, sqldb.Fault(err)
}

// LockWave returns the wave of a rule that began at that time, unless somebody else is
// at it. Nobody else goes on with it until the transaction ends.
func (s *Store) LockWave(tx *sqldb.Tx, brand, rule string, at time.Time) (_ Wave, mine bool, err error) {
	w := Wave{Brand: brand, Rule: rule, Time: at}
	tx.Defer(`INSERT INTO wave (brand, rule, wave_time, customer, done) VALUES ($1, $2, $3, '', 0) ON CONFLICT DO NOTHING`,
		brand, rule, sqldb.Micros(at))
	err = tx.QueryRow(`SELECT customer, done FROM wave WHERE brand = $1 AND rule = $2 AND wave_time = $3`+s.db.SkipLocked(),
		brand, rule, sqldb.Micros(at)).Scan(&w.Customer, table.Flag{Of: &w.Done})
	if errors.Is(err, sql.ErrNoRows) {
		return Wave{}, false, nil
	}
	return w, true, err
}

// SetWave notes how far w, which the transaction has locked, has come.
func (s *Store) SetWave(tx *sqldb.Tx, w Wave) {
	tx.Defer(`UPDATE wave SET customer = $1, done = $2 WHERE brand = $3 AND rule = $4 AND wave_time = $5`,
		w.Customer, table.Flag{Of: &w.Done}, w.Brand, w.Rule, sqldb.Micros(w.Time))
}
