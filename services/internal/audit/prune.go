package audit

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	kept       = 400 * 24 * time.Hour // of events
	pruneEvery = time.Hour
	pruneBatch = 1000 // events a transaction
)

// prune forgets the events of all brands from before a time.
func (l *Log) prune(ctx context.Context, before time.Time) error {
	rows, err := l.db.Read().QueryContext(ctx, `SELECT brand FROM audit_head ORDER BY brand`)
	if err != nil {
		return sqldb.Fault(err)
	}
	brands, err := table.All(rows, func(scan func(...any) error) (brand string, err error) {
		err = scan(&brand)
		return brand, err
	})
	if err != nil {
		return sqldb.Fault(err)
	}
	var errs []error
	for _, brand := range brands {
		for n := int64(pruneBatch); n == pruneBatch && ctx.Err() == nil; {
			if n, err = l.pruneBrand(ctx, brand, before); err != nil {
				errs = append(errs, err)
				break
			}
		}
	}
	return errors.Join(errs...)
}

// pruneBrand forgets some events from the beginning of a chain, none after one that stays,
// and returns how many. The head keeps the hash of the last of them, so that the rest can be
// verified.
func (l *Log) pruneBrand(ctx context.Context, brand string, before time.Time) (n int64, err error) {
	var old bool
	err = l.db.Read().QueryRowContext(ctx, `
		SELECT EXISTS (SELECT 1 FROM audit_event WHERE brand = $1 AND event_time < $2 AND sequence IS NOT NULL)`, brand, sqldb.Micros(before)).Scan(&old)
	if err != nil || !old {
		return 0, sqldb.Fault(err)
	}
	err = l.db.Write(ctx, func(tx *sqldb.Tx) error {
		n = 0
		var from int64
		err := tx.QueryRow(`UPDATE audit_head SET sequence = sequence WHERE brand = $1 RETURNING pruned_sequence`, brand).Scan(&from)
		if err != nil {
			return err
		}
		var (
			last sql.NullInt64
			hash string
		)
		err = tx.QueryRow(`
			SELECT MAX(sequence) FROM audit_event WHERE brand = $1 AND sequence <= $2 AND sequence < (
			  SELECT COALESCE(MIN(sequence), $3) FROM audit_event WHERE brand = $1 AND sequence <= $3 AND event_time >= $4)`,
			brand, from+pruneBatch, from+pruneBatch+1, sqldb.Micros(before)).Scan(&last)
		if err != nil || !last.Valid {
			return err
		}
		if err := tx.QueryRow(`SELECT hash FROM audit_event WHERE brand = $1 AND sequence = $2`, brand, last.Int64).Scan(&hash); err != nil {
			return err
		}
		tx.Defer(`UPDATE audit_head SET pruned_sequence = $2, pruned_hash = $3 WHERE brand = $1`, brand, last.Int64, hash)
		n, err = tx.Exec(`DELETE FROM audit_event WHERE brand = $1 AND sequence <= $2`, brand, last.Int64)
		return err
	})
	return n, err
}
