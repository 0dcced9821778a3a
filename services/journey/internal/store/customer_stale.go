package store

import (
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Stale is a customer about whom something has changed.
type Stale struct{ Brand, Customer string }

// StaleCustomers returns some of those, by brand.
func StaleCustomers(r Reader, limit int) ([]Stale, error) {
	rows, err := r.Query(`SELECT brand, customer FROM customer_stale ORDER BY brand, customer LIMIT $1`, limit)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (c Stale, err error) { return c, scan(&c.Brand, &c.Customer) })
}

// TakeStale returns up to limit of one brand and unmarks them. Marks that are made
// later wait for the end of tx.
func (s *Store) TakeStale(tx *sqldb.Tx, limit int) ([]Stale, error) {
	s.turn(tx)
	all, err := StaleCustomers(tx, limit)
	for i, c := range all {
		if c.Brand != all[0].Brand {
			return all[:i], err
		}
		tx.Defer(`DELETE FROM customer_stale WHERE brand = $1 AND customer = $2`, c.Brand, c.Customer)
	}
	return all, err
}

// MarkDue marks up to limit customers whose activity time alone has changed by now, and
// returns how many.
func (s *Store) MarkDue(tx *sqldb.Tx, now int64, limit int) (int64, error) {
	s.turn(tx)
	return tx.Exec(`
		INSERT INTO customer_stale (brand, customer)
		SELECT brand, id FROM customer WHERE activity_due > 0 AND activity_due <= $1
		  AND `+Unmerged+`
		ORDER BY activity_due LIMIT $2
		ON CONFLICT (brand, customer) DO NOTHING`, now, limit)
}
