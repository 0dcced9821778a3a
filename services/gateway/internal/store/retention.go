package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Retention is how long a brand wants what kept; 0 is for ever.
type Retention struct {
	Brand                                      string
	UpdateTime                                 time.Time
	Version                                    int64 // 0 if it was never set
	Touchpoints, FreeText, Answers, Deliveries time.Duration
}

const retentionColumns = `brand, update_time, version, touchpoints, free_text, answers, deliveries`

// Retention returns what a brand wants.
func (s *Store) Retention(ctx context.Context, brand string) (Retention, error) {
	r, err := scanRetention(s.db.Read().QueryRowContext(ctx, selectRetention, brand).Scan)
	if errors.Is(err, sql.ErrNoRows) {
		return Retention{Brand: brand}, nil
	}
	return r, sqldb.Fault(err)
}

// LockRetention is [Store.Retention] for a transaction that depends on it.
func LockRetention(tx *sqldb.Tx, brand string) (Retention, error) {
	tx.Defer(`
		INSERT INTO retention_policy (brand, update_time, version, due_time) VALUES ($1, 0, 0, 0)
		ON CONFLICT (brand) DO UPDATE SET version = retention_policy.version`, brand)
	return scanRetention(tx.QueryRow(selectRetention, brand).Scan)
}

const selectRetention = `SELECT ` + retentionColumns + ` FROM retention_policy WHERE brand = $1`

func scanRetention(scan func(...any) error) (Retention, error) {
	var (
		r     Retention
		spans [4]sql.NullInt64
	)
	err := scan(&r.Brand, table.Micros{Of: &r.UpdateTime}, &r.Version, &spans[0], &spans[1], &spans[2], &spans[3])
	for i, to := range []*time.Duration{&r.Touchpoints, &r.FreeText, &r.Answers, &r.Deliveries} {
		*to = time.Duration(spans[i].Int64) * time.Microsecond
	}
	return r, err
}

// SetRetention writes what a brand, which the transaction has locked, wants from now on.
// The services are to be told at once.
func SetRetention(tx *sqldb.Tx, r Retention) {
	args := []any{sqldb.Micros(r.UpdateTime), r.Version}
	for _, d := range []time.Duration{r.Touchpoints, r.FreeText, r.Answers, r.Deliveries} {
		var column any
		if d > 0 {
			column = d.Microseconds()
		}
		args = append(args, column)
	}
	tx.Defer(`
		UPDATE retention_policy SET update_time = $1, version = $2, touchpoints = $3, free_text = $4, answers = $5, deliveries = $6, due_time = 0
		WHERE brand = $7`, append(args, r.Brand)...)
}

// DueRetention returns what some brand wants of which the services are to be told, which is
// due again at a later time, and whether there is one.
func (s *Store) DueRetention(ctx context.Context, now, again time.Time) (r Retention, found bool, err error) {
	var brand string
	err = s.db.Read().QueryRowContext(ctx, `SELECT brand FROM retention_policy WHERE due_time <= $1 AND version > 0 LIMIT 1`, sqldb.Micros(now)).
		Scan(&brand)
	if errors.Is(err, sql.ErrNoRows) {
		return Retention{}, false, nil
	} else if err != nil {
		return Retention{}, false, sqldb.Fault(err)
	}
	err = s.db.Write(ctx, func(tx *sqldb.Tx) error {
		n, err := tx.Exec(`UPDATE retention_policy SET due_time = $1 WHERE brand = $2 AND due_time <= $3`, sqldb.Micros(again), brand, sqldb.Micros(now))
		found = n > 0
		if err != nil || !found {
			return err
		}
		r, err = scanRetention(tx.QueryRow(selectRetention, brand).Scan)
		return err
	})
	return r, found, err
}

// DelayRetention has the services told of what a brand wants at another time, if nobody has
// said anything else since.
func DelayRetention(tx *sqldb.Tx, r Retention, at time.Time) {
	tx.Defer(`UPDATE retention_policy SET due_time = $1 WHERE brand = $2 AND version = $3`, sqldb.Micros(at), r.Brand, r.Version)
}
