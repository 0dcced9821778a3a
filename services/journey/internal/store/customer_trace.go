package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"
	"strings"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
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

// The three parts of a trace, for the places of a brand, a customer and a number. The last
// counts by the sums of a layout that has all touchpoints.
const (
	earliest = `
		SELECT 1 AS part, id, customer, definition, event_time, channel, stage, attributes
		FROM touchpoint WHERE brand = %[1]s AND customer = %[2]s AND retract_time IS NULL ORDER BY event_time, id LIMIT 1`
	latest = `
		SELECT 2 AS part, id, customer, definition, event_time, channel, stage, NULL AS attributes
		FROM touchpoint WHERE brand = %[1]s AND customer = %[2]s AND retract_time IS NULL ORDER BY event_time DESC, id DESC LIMIT %[3]s`
	counted = `
		SELECT 3 AS part, '' AS id, %[2]s AS customer, '' AS definition, CAST(COALESCE(SUM(n + unscored), 0) AS BIGINT) AS event_time,
		  CAST(COALESCE(SUM((n + unscored) * is_service), 0) AS BIGINT) AS channel, 0 AS stage, NULL AS attributes
		FROM stage_bucket WHERE brand = %[1]s AND customer = %[2]s AND layout = CASE
		  WHEN EXISTS (SELECT 1 FROM sum_layout WHERE brand = %[1]s AND layout = 0 AND state <> 2)
		  THEN (SELECT MIN(layout) FROM sum_layout WHERE brand = %[1]s AND state = 2) ELSE 0 END`
)

// selectTraces returns the texts that read the traces of so many customers.
func selectTraces(db *sqldb.DB) texts {
	if db.Postgres() {
		return write(db, tracesAll, []int{100, 10, 1})
	}
	return write(db, tracesEach, []int{20, 5, 1}) // a compound SELECT has 500 parts at most
}

// tracesAll takes the brand, how many of the latest touchpoints, and the customers.
func tracesAll(customers int) string {
	who, parts := make([]string, customers), make([]string, 0, 3)
	for i := range who {
		who[i] = fmt.Sprintf(`(CAST($%d AS TEXT))`, i+3)
	}
	for _, part := range [...]string{earliest, latest, counted} {
		parts = append(parts, `SELECT t.* FROM who CROSS JOIN LATERAL (`+fmt.Sprintf(part+`%.0[3]s`, `$1`, `who.name`, `$2`)+`) AS t`)
	}
	return `WITH who (name) AS (VALUES ` + strings.Join(who, `, `) + `) ` + strings.Join(parts, ` UNION ALL `)
}

// tracesEach is tracesAll on SQLite, which knows no LATERAL and takes the arguments of
// each part anew.
func tracesEach(customers int) string {
	parts := make([]string, 0, 3*customers)
	for range customers {
		for _, part := range [...]string{earliest, latest, counted} {
			parts = append(parts, `SELECT * FROM (`+fmt.Sprintf(part+`%.0[3]s`, `?`, `?`, `?`)+`)`)
		}
	}
	return strings.Join(parts, ` UNION ALL `)
}

// Traces returns the trace of each of customers alone, with so many of the latest
// touchpoints. Of touchpoints it holds the ID, customer, definition, event time, channel
// and stage, and of the first the attributes.
func (s *Store) Traces(r Reader, brand string, customers []string, latest int) (map[string]Trace, error) {
	traces := make(map[string]Trace, len(customers))
	err := s.selectTraces.split(len(customers), func(statement string, from, to int) error {
		var args []any
		if s.db.Postgres() {
			args = append(args, brand, latest)
		}
		for _, c := range customers[from:to] {
			if s.db.Postgres() {
				args = append(args, c)
			} else {
				args = append(args, brand, c, brand, c, latest, c, brand, c, brand, brand)
			}
		}
		rows, err := r.Query(statement, args...)
		if err != nil {
			return err
		}
		return trace(rows, traces)
	})
	return traces, err
}

// trace adds what rows hold to traces and closes rows.
func trace(rows *sql.Rows, traces map[string]Trace) error {
	defer rows.Close()
	for rows.Next() {
		var (
			p          Touchpoint
			part       int
			channel    int64
			attributes sql.NullString
		)
		if err := rows.Scan(&part, &p.ID, &p.Customer, &p.Definition, &p.EventTime, &channel, &p.Stage, &attributes); err != nil {
			return fmt.Errorf("read trace: %w", err)
		}
		p.Channel, p.Attributes = typev1.Channel(channel), attributes.String //nolint:gosec // an enum
		t := traces[p.Customer]
		switch part {
		case 1:
			t.First = p
		case 2:
			t.Latest = append(t.Latest, p)
		default:
			t.Count, t.Served = p.EventTime, channel
		}
		traces[p.Customer] = t
	}
	for customer, t := range traces { // that UNION ALL keeps the order of its parts is written nowhere
		slices.SortFunc(t.Latest, func(a, b Touchpoint) int { return Chronological(b, a) })
		traces[customer] = t
	}
	return rows.Err()
}

// Chronological orders touchpoints by event time and, at one instant, by ID.
func Chronological(a, b Touchpoint) int {
	return cmp.Or(cmp.Compare(a.EventTime, b.EventTime), cmp.Compare(a.ID, b.ID))
}
