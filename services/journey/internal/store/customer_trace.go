package store

import (
	"cmp"
	"database/sql"
	"fmt"
	"slices"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A Trace is what the touchpoints of a customer alone say of them, those left out that were
// taken back.
type Trace struct {
	First  Touchpoint   // the earliest; its ID is empty if there is none
	Latest []Touchpoint // newest first, as many as were asked for or as there are
	Count  int64
	Served int64 // service touchpoints among them
}

// tracesAll is the text on PostgreSQL. It takes the customers, the brand, and how many of
// the latest touchpoints.
const tracesAll = `
	WITH who (name) AS (SELECT unnest($1::text[]))
	SELECT 1 AS part, t.* FROM who CROSS JOIN LATERAL (
	  SELECT id, customer, definition, event_time, channel, stage, attributes
	  FROM touchpoint WHERE brand = $2 AND customer = who.name AND retract_time IS NULL ORDER BY event_time, id LIMIT 1) AS t
	UNION ALL
	SELECT 2, t.* FROM who CROSS JOIN LATERAL (
	  SELECT id, customer, definition, event_time, channel, stage, NULL
	  FROM touchpoint WHERE brand = $2 AND customer = who.name AND retract_time IS NULL ORDER BY event_time DESC, id DESC LIMIT $3) AS t`

// tracesEach is tracesAll on SQLite, which knows no LATERAL.
const tracesEach = `
	SELECT 1 AS part, t.id, t.customer, t.definition, t.event_time, t.channel, t.stage, t.attributes
	FROM json_each($1) AS who CROSS JOIN touchpoint t ON t.rowid = (
	  SELECT rowid FROM touchpoint WHERE brand = $2 AND customer = who.value AND retract_time IS NULL ORDER BY event_time, id LIMIT 1)
	UNION ALL
	SELECT 2, t.id, t.customer, t.definition, t.event_time, t.channel, t.stage, NULL
	FROM json_each($1) AS who CROSS JOIN touchpoint t ON t.rowid IN (
	  SELECT rowid FROM touchpoint WHERE brand = $2 AND customer = who.value AND retract_time IS NULL ORDER BY event_time DESC, id DESC LIMIT $3)`

// counted is the last part of a trace, by the sums of a layout that has all touchpoints.
const counted = `
	UNION ALL
	SELECT 3, '', customer, '', CAST(SUM(n + unscored) AS BIGINT), CAST(SUM((n + unscored) * is_service) AS BIGINT), 0, NULL
	FROM %s brand = $2 AND customer %s AND layout = CASE
	  WHEN EXISTS (SELECT 1 FROM sum_layout WHERE brand = $2 AND layout = 0 AND state <> 2)
	  THEN (SELECT MIN(layout) FROM sum_layout WHERE brand = $2 AND state = 2) ELSE 0 END
	%s GROUP BY customer`

// selectTraces returns the text that reads traces.
func selectTraces(postgres bool) string {
	if postgres {
		return tracesAll + fmt.Sprintf(counted, `who CROSS JOIN LATERAL (SELECT * FROM stage_bucket WHERE`, `= who.name`, `OFFSET 0) AS b`)
	}
	return tracesEach + fmt.Sprintf(counted, `stage_bucket WHERE`, `IN (SELECT value FROM json_each($1))`, ``)
}

// Traces returns the trace of each of customers alone, with so many of the latest
// touchpoints. Of touchpoints it holds the ID, customer, definition, event time, channel
// and stage, and of the first the attributes.
func (s *Store) Traces(r Reader, brand string, customers []string, latest int) (map[string]Trace, error) {
	traces := make(map[string]Trace, len(customers))
	err := s.unsorted(r, func() error {
		rows, err := r.Query(s.selectTraces, s.list(customers), brand, latest)
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
