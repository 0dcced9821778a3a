package store

import (
	"database/sql"
	"fmt"
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Trace is what the touchpoints of a customer alone say of them, those left out that were
// taken back.
type Trace struct {
	First  Touchpoint   // the earliest; its ID is empty if there is none
	Latest []Touchpoint // newest first, as many as were asked for or as there are
	Count  int64
	Served int64 // service touchpoints among them
}

// traced are the columns that a [Trace] has of touchpoints.
const traced = `id, customer, definition, event_time, channel, stage, attributes`

// selectTrace counts by the sums of a layout that has all touchpoints.
const selectTrace = `
	SELECT 0, ` + traced + `, 0, 0 FROM (
	  SELECT ` + traced + ` FROM touchpoint WHERE brand = $1 AND customer = $2 AND retract_time IS NULL
	  ORDER BY event_time, id LIMIT 1) AS earliest
	UNION ALL
	SELECT 1, ` + traced + `, 0, 0 FROM (
	  SELECT ` + traced + ` FROM touchpoint WHERE brand = $1 AND customer = $2 AND retract_time IS NULL
	  ORDER BY event_time DESC, id DESC LIMIT $3) AS latest
	UNION ALL
	SELECT 2, '', '', '', 0, 0, 0, NULL, CAST(COALESCE(SUM(n + unscored), 0) AS BIGINT),
	  CAST(COALESCE(SUM((n + unscored) * is_service), 0) AS BIGINT)
	FROM stage_bucket WHERE brand = $1 AND customer = $2 AND layout = CASE
	  WHEN EXISTS (SELECT 1 FROM sum_layout WHERE brand = $1 AND layout = 0 AND state <> 2)
	  THEN (SELECT MIN(layout) FROM sum_layout WHERE brand = $1 AND state = 2) ELSE 0 END`

// Traced returns the trace of one customer alone, with so many of the latest touchpoints,
// of which it holds the ID, customer, definition, event time, channel, stage and
// attributes.
func Traced(r Reader, brand, customer string, latest int) (Trace, error) {
	var t Trace
	rows, err := r.Query(selectTrace, brand, customer, latest)
	if err != nil {
		return t, err
	}
	defer rows.Close()
	for rows.Next() {
		var (
			p                    Touchpoint
			part, count, service int64
			attributes           sql.NullString
		)
		err := rows.Scan(&part, &p.ID, &p.Customer, &p.Definition, &p.EventTime, &p.Channel, &p.Stage, &attributes, &count, &service)
		if err != nil {
			return t, fmt.Errorf("read trace: %w", err)
		}
		p.Attributes = attributes.String
		switch part {
		case 0:
			t.First = p
		case 1:
			t.Latest = append(t.Latest, p)
		default:
			t.Count, t.Served = count, service
		}
	}
	return t, rows.Err()
}

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

// Families returns all customers who are one with any of customers: by the root, which
// comes first.
func Families(r Reader, brand string, customers []string) (map[string][]string, error) {
	roots, err := links(r, brand, `member`, customers)
	if err != nil {
		return nil, err
	}
	families := map[string][]string{}
	for _, customer := range customers {
		root := customer
		if of := roots[customer]; of != "" {
			root = of
		}
		families[root] = []string{root}
	}
	members, err := links(r, brand, `root`, slices.Collect(maps.Keys(families)))
	for _, member := range slices.Sorted(maps.Keys(members)) {
		root := members[member]
		families[root] = append(families[root], member)
	}
	return families, err
}

// links returns the roots of the members where column is one of customers.
func links(r Reader, brand, column string, customers []string) (map[string]string, error) {
	var q sqldb.Query
	q.Add(`SELECT member, root FROM customer_link WHERE brand = ?`, brand)
	sqldb.In(&q, column, customers)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	roots := map[string]string{}
	for rows.Next() {
		var member, root string
		if err := rows.Scan(&member, &root); err != nil {
			return nil, fmt.Errorf("read link: %w", err)
		}
		roots[member] = root
	}
	return roots, rows.Err()
}
