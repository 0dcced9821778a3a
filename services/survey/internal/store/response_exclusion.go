package store

import (
	"context"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An Exclusion is an entry of the record of who took a response out of the measures or
// put it back.
type Exclusion struct {
	Included  bool
	Reason    string
	Principal string
	Time      time.Time
}

// AddExclusion adds e to the record of r, which the transaction has locked, at the
// place after those there are.
func (s *Store) AddExclusion(tx *sqldb.Tx, r Response, place int, e Exclusion) {
	tx.Defer(`
		INSERT INTO exclusion (brand, response, position, included, reason, principal, event_time) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		r.Brand, r.ID, place, table.Flag{Of: &e.Included}, e.Reason, e.Principal, sqldb.Micros(e.Time))
}

// Exclusions returns the record of r, oldest first.
func (s *Store) Exclusions(ctx context.Context, r Response) ([]Exclusion, error) {
	return exclusions(outside(ctx, s.db), r)
}

// ExclusionsIn is [Store.Exclusions] within a transaction.
func (s *Store) ExclusionsIn(tx *sqldb.Tx, r Response) ([]Exclusion, error) {
	return exclusions(within(tx), r)
}

func exclusions(from reader, r Response) ([]Exclusion, error) {
	rows, err := from.query(`
		SELECT included, reason, principal, event_time FROM exclusion WHERE brand = $1 AND response = $2 ORDER BY position`, r.Brand, r.ID)
	if err != nil {
		return nil, fmt.Errorf("read exclusions: %w", err)
	}
	all, err := table.All(rows, func(scan func(...any) error) (e Exclusion, err error) {
		return e, scan(table.Flag{Of: &e.Included}, &e.Reason, &e.Principal, table.Micros{Of: &e.Time})
	})
	if err != nil {
		return nil, fmt.Errorf("read exclusions: %w", sqldb.Fault(err))
	}
	return all, nil
}
