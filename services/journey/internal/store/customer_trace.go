package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Trace is what the touchpoints of a customer alone say of them, those left out that were
// taken back.
type Trace struct {
	First  Touchpoint   // the earliest; its ID is empty if there is none
	Latest []Touchpoint // newest first, as many as were asked for or as there are
	Count  int64
	Served int64 // service touchpoints among them
}

// tracesEach reads the first and the latest touchpoints of so many customers, on SQLite:
// a SELECT each, as it knows no LATERAL.
func tracesEach(customers int) string {
	var b strings.Builder
	for i := range customers {
		if i > 0 {
			b.WriteString(` UNION ALL `)
		}
		fmt.Fprintf(&b, `
			SELECT 1, id, customer, definition, event_time, channel, stage, attributes FROM (
			  SELECT id, customer, definition, event_time, channel, stage, attributes
			  FROM touchpoint WHERE brand = $%d AND customer = $%d AND retract_time IS NULL
			  ORDER BY event_time, id LIMIT 1)
			UNION ALL
			SELECT 0, id, customer, definition, event_time, channel, stage, NULL FROM (
			  SELECT id, customer, definition, event_time, channel, stage
			  FROM touchpoint WHERE brand = $%d AND customer = $%d AND retract_time IS NULL
			  ORDER BY event_time DESC, id DESC LIMIT $%d)`,
			5*i+1, 5*i+2, 5*i+3, 5*i+4, 5*i+5)
	}
	return b.String()
}

// tracesAll is tracesEach on PostgreSQL, which would plan each SELECT every time.
func tracesAll(customers int) string {
	values := make([]string, customers)
	for i := range values {
		values[i] = fmt.Sprintf(`(CAST($%d AS TEXT))`, i+3)
	}
	return `
		WITH who (customer) AS (VALUES ` + strings.Join(values, `, `) + `)
		SELECT 1, t.id, t.customer, t.definition, t.event_time, t.channel, t.stage, t.attributes FROM who CROSS JOIN LATERAL (
		  SELECT id, customer, definition, event_time, channel, stage, attributes
		  FROM touchpoint WHERE brand = $1 AND touchpoint.customer = who.customer AND retract_time IS NULL
		  ORDER BY event_time, id LIMIT 1) t
		UNION ALL
		SELECT 0, t.id, t.customer, t.definition, t.event_time, t.channel, t.stage, NULL FROM who CROSS JOIN LATERAL (
		  SELECT id, customer, definition, event_time, channel, stage
		  FROM touchpoint WHERE brand = $1 AND touchpoint.customer = who.customer AND retract_time IS NULL
		  ORDER BY event_time DESC, id DESC LIMIT $2) t`
}

// selectTraces returns the texts of either.
func selectTraces(db *sqldb.DB) texts {
	if db.Postgres() {
		return write(db, tracesAll, []int{100, 10, 1})
	}
	return write(db, tracesEach, []int{20, 5, 1})
}

// Traces returns the trace of each of customers alone, with so many of the latest
// touchpoints. Of touchpoints it holds the ID, customer, definition, event time, channel
// and stage, and of the first the attributes.
func (s *Store) Traces(r Reader, brand string, customers []string, latest int) (map[string]Trace, error) {
	traces := make(map[string]Trace, len(customers))
	err := s.selectTraces.split(len(customers), func(statement string, from, to int) error {
		args := []any{brand, latest}
		if !s.db.Postgres() {
			args = nil
		}
		for _, customer := range customers[from:to] {
			if s.db.Postgres() {
				args = append(args, customer)
			} else {
				args = append(args, brand, customer, brand, customer, latest)
			}
		}
		rows, err := r.Query(statement, args...)
		if err != nil {
			return err
		}
		return trace(rows, traces)
	})
	if err != nil {
		return nil, err
	}
	return traces, counts(r, brand, customers, traces)
}

// trace reads touchpoints, those of a customer newest first, and closes rows.
func trace(rows *sql.Rows, traces map[string]Trace) error {
	defer rows.Close()
	for rows.Next() {
		var (
			p          Touchpoint
			first      bool
			attributes sql.NullString
		)
		if err := rows.Scan(&first, &p.ID, &p.Customer, &p.Definition, &p.EventTime, &p.Channel, &p.Stage, &attributes); err != nil {
			return fmt.Errorf("read trace: %w", err)
		}
		p.Attributes = attributes.String
		t := traces[p.Customer]
		if first {
			t.First = p
		} else {
			t.Latest = append(t.Latest, p)
		}
		traces[p.Customer] = t
	}
	for customer, t := range traces { // that a UNION keeps the order of its parts is not written anywhere
		slices.SortFunc(t.Latest, func(a, b Touchpoint) int { return Chronological(b, a) })
		traces[customer] = t
	}
	return rows.Err()
}

// Chronological orders touchpoints by event time and, at one instant, by ID.
func Chronological(a, b Touchpoint) int {
	return cmp.Or(cmp.Compare(a.EventTime, b.EventTime), cmp.Compare(a.ID, b.ID))
}

// counts adds to traces how many touchpoints there are, by the sums of a layout that has
// all of them.
func counts(r Reader, brand string, customers []string, traces map[string]Trace) error {
	var q sqldb.Query
	q.Add(`
		SELECT customer, CAST(SUM(n + unscored) AS BIGINT), CAST(SUM((n + unscored) * is_service) AS BIGINT)
		FROM stage_bucket WHERE brand = ? AND layout = CASE
		  WHEN EXISTS (SELECT 1 FROM sum_layout WHERE brand = ? AND layout = 0 AND state <> ?)
		  THEN (SELECT MIN(layout) FROM sum_layout WHERE brand = ? AND state = ?) ELSE 0 END`,
		brand, brand, int64(LayoutReady), brand, int64(LayoutReady))
	sqldb.In(&q, `customer`, customers)
	q.WriteString(` GROUP BY customer`)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var customer string
		var count, served int64
		if err := rows.Scan(&customer, &count, &served); err != nil {
			return fmt.Errorf("count touchpoints: %w", err)
		}
		t := traces[customer]
		t.Count, t.Served = count, served
		traces[customer] = t
	}
	return rows.Err()
}
