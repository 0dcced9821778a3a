package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Stale is a customer about whom something has changed. The stamp is another one with
// each change.
type Stale struct {
	Brand, Customer string
	Stamp           int64
}

// Time returns when the customer changed last.
func (c Stale) Time() time.Time { return sqldb.Time(c.Stamp >> stampShift) }

// StaleCustomers returns some of those, by brand, that come after one.
func StaleCustomers(r Reader, after Stale, limit int) ([]Stale, error) {
	rows, err := r.Query(`
		SELECT brand, customer, stamp FROM customer_stale WHERE (brand, customer) > ($1, $2) ORDER BY brand, customer LIMIT $3`,
		after.Brand, after.Customer, limit)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (c Stale, err error) {
		return c, scan(&c.Brand, &c.Customer, &c.Stamp)
	})
}

// Stamps returns the stamps of those of customers about whom something has changed.
func (s *Store) Stamps(tx *sqldb.Tx, brand string, customers []string) (map[string]int64, error) {
	var q sqldb.Query
	q.Add(`SELECT customer, stamp FROM customer_stale WHERE brand = ?`, brand)
	s.listed(&q, "customer", customers)
	stamps := make(map[string]int64, len(customers))
	err := each(tx, &q, func(rows *sql.Rows) error {
		var c Stale
		err := rows.Scan(&c.Customer, &c.Stamp)
		stamps[c.Customer] = c.Stamp
		return err
	})
	return stamps, err
}

// Mark notes that something about a customer has changed.
func (s *Store) Mark(tx *sqldb.Tx, brand, customer string) { s.mark(tx, brand, []string{customer}) }

// Unmark forgets that customers of a brand have changed.
func (s *Store) Unmark(tx *sqldb.Tx, brand string, customers []string) {
	if len(customers) == 0 {
		return
	}
	var q sqldb.Query
	q.Add(`DELETE FROM customer_stale WHERE brand = ?`, brand)
	s.listed(&q, "customer", customers)
	tx.Defer(q.String(), q.Args...)
}

// MarkDue marks up to limit customers whose activity time alone has changed by now, and
// returns how many.
func (s *Store) MarkDue(tx *sqldb.Tx, now int64, limit int) (int64, error) {
	s.turn(tx)
	return tx.Exec(`
		INSERT INTO customer_stale (brand, customer, stamp)
		SELECT brand, id, $1 FROM customer WHERE activity_due > 0 AND activity_due <= $2
		  AND `+Unmerged+`
		ORDER BY activity_due LIMIT $3 `+remark, newStamp(), now, limit)
}

// followKey is "follow" in ASCII: no other lock of the database has it.
const followKey = 0x666f6c6c6f77

// Follow reports whether nobody else follows the changes, and keeps others from it for as
// long as the snapshot lasts. It saves work, and correctness does not rest on it.
func (s *Snapshot) Follow(ctx context.Context) (alone bool, err error) {
	if !s.store.db.Postgres() {
		return true, nil
	}
	err = s.tx.QueryRowContext(ctx, `SELECT pg_try_advisory_xact_lock($1)`, int64(followKey)).Scan(&alone)
	return alone, err
}
