package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"maps"
	"slices"
	"strconv"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Filter says which touchpoints of a brand to scan.
type Filter struct {
	From, To    int64            // event times, To excluded
	Channels    []typev1.Channel // all if empty
	Stages      []typev1.Stage   // all if empty
	Definitions []string         // all if empty
	Contact     bool             // only those of service, and those that did not meet expectations
	Attributes  bool             // whether they are needed
	People      bool             // whether segments and persona are needed
}

// query returns the statement of f.
func (f *Filter) query(brand string) *sqldb.Query {
	attributes, persona, segments := "NULL", "NULL", "NULL"
	if f.Attributes {
		attributes = "t.attributes"
	}
	if f.People {
		persona, segments = "c.persona", "c.segments"
	}
	var q sqldb.Query
	q.Add(`
		SELECT COALESCE(l.root, t.customer), t.definition, t.event_time, t.channel, t.stage, t.phase, t.expectation,
		  t.rating, t.scale_min, t.scale_max, t.lower_is_better, t.is_service, t.weight, t.emotion,
		  ` + attributes + `, ` + persona + `, ` + segments + `
		FROM touchpoint t LEFT JOIN customer_link l ON l.brand = t.brand AND l.member = t.customer`)
	if f.People {
		q.Add(` LEFT JOIN customer c ON c.brand = t.brand AND c.id = COALESCE(l.root, t.customer)`)
	}
	q.Add(` WHERE t.brand = ? AND t.event_time >= ? AND t.event_time < ? AND t.retract_time IS NULL`,
		brand, max(f.From, 0), f.To) // an alias has no time
	if len(f.Channels) > 0 {
		sqldb.In(&q, "t.channel", codes(f.Channels))
	}
	if len(f.Stages) > 0 {
		sqldb.In(&q, "t.stage", codes(f.Stages))
	}
	if len(f.Definitions) > 0 {
		sqldb.In(&q, "t.definition", f.Definitions)
	}
	if f.Contact {
		q.Add(` AND (t.is_service = 1 OR t.expectation = ?)`, int64(typev1.Expectation_EXPECTATION_UNMET))
	}
	return &q
}

func codes[E ~int32](values []E) []int64 {
	all := make([]int64, len(values))
	for i, v := range values {
		all[i] = int64(v)
	}
	return all
}

// among adds to a query and its arguments that column has one of values, if there
// are any.
func among[E ~int32](query string, args []any, column string, values []E) (string, []any) {
	for i, v := range values {
		if i == 0 {
			query += " AND " + column + " IN ("
		} else {
			query += ","
		}
		args = append(args, int64(v))
		query += "$" + strconv.Itoa(len(args))
	}
	if len(values) > 0 {
		query += ")"
	}
	return query, args
}

// A Seen is a touchpoint as [Snapshot.See] shows it: the customer is who the one it was
// recorded for is part of.
type Seen struct {
	Touchpoint
	Persona  string
	Segments []string
}

// See calls f for each touchpoint of the brand that the filter lets through, in
// no order. f gets its customer, definition, time, channel, stage, phase,
// expectation, rating, service, weight, emotion and, if asked for, attributes and what
// is said of the customer, in a Seen that holds until f returns.
func (s *Snapshot) See(ctx context.Context, brand string, filter Filter, f func(*Seen) error) error {
	q := filter.query(brand)
	rows, err := s.tx.QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		t                             Seen
		r                             scanned
		attributes, persona, segments sql.NullString
	)
	known := map[string][]string{"": nil}
	for rows.Next() {
		if err := rows.Scan(&t.Customer, &t.Definition, &t.EventTime, &t.Channel, &t.Stage, &t.Phase, &t.Expectation,
			&r.value, &r.low, &r.high, &r.lowerIsBetter, &t.Service, &t.Weight, &t.Emotion,
			&attributes, &persona, &segments); err != nil {
			return err
		}
		t.Rating, t.Attributes, t.Persona = r.rating(), attributes.String, persona.String
		if t.Segments, err = keysOf(known, segments.String); err != nil {
			return err
		}
		if err := f(&t); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Scan is [Snapshot.See] without what is said of customers.
func (s *Snapshot) Scan(ctx context.Context, brand string, filter Filter, f func(*Touchpoint) error) error {
	return s.See(ctx, brand, filter, func(t *Seen) error { return f(&t.Touchpoint) })
}

// keysOf returns the keys of a JSON object, in order. It remembers them in known, as many
// customers have the same ones.
func keysOf(known map[string][]string, object string) ([]string, error) {
	keys, ok := known[object]
	if ok {
		return keys, nil
	}
	var all map[string]json.RawMessage
	if err := json.Unmarshal([]byte(object), &all); err != nil {
		return nil, err
	}
	keys = slices.Sorted(maps.Keys(all))
	if len(known) < maxKnown {
		known[object] = keys
	}
	return keys, nil
}

// maxKnown is how many sets of segments a scan remembers.
const maxKnown = 10_000

// Returned calls f for each customer with a touchpoint in [from, to) and one before, and
// perhaps for others of whom the brand knows from before.
func (s *Snapshot) Returned(ctx context.Context, brand string, from, to int64, f func(customer string)) error {
	rows, err := s.tx.QueryContext(ctx, returned, brand, max(from, 0), to)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var customer string
		if err := rows.Scan(&customer); err != nil {
			return err
		}
		f(customer)
	}
	return rows.Err()
}

// returned looks up the first touchpoint of each customer of the window, which takes as long
// as there are customers in it: that is how PostgreSQL does it too, whatever it knows of a
// table that grew a moment ago.
var returned = `
	SELECT t.customer FROM (
	  SELECT DISTINCT customer FROM touchpoint WHERE brand = $1 AND event_time >= $2 AND event_time < $3 AND retract_time IS NULL) AS t
	WHERE ` + firstOf("t.customer") + ` < $2
	UNION
	SELECT l.root FROM customer_link l WHERE l.brand = $1 AND (` + firstOf("l.member") + ` < $2 OR ` + firstOf("l.root") + ` < $2)`

// firstOf is the time of a customer's first touchpoint.
func firstOf(customer string) string {
	return `(
	    SELECT e.event_time FROM touchpoint e WHERE e.brand = $1 AND e.customer = ` + customer + ` AND e.event_time >= 0 AND e.retract_time IS NULL
	    ORDER BY e.event_time, e.id LIMIT 1)`
}

// Span returns the times of the brand's first and last touchpoint, and whether
// there is any.
func (s *Snapshot) Span(ctx context.Context, brand string) (first, last int64, ok bool, err error) {
	var from, to sql.NullInt64
	err = s.tx.QueryRowContext(ctx, `
		SELECT (SELECT event_time FROM touchpoint WHERE brand = $1 AND event_time >= 0 AND retract_time IS NULL ORDER BY event_time LIMIT 1),
		  (SELECT event_time FROM touchpoint WHERE brand = $1 AND event_time >= 0 AND retract_time IS NULL ORDER BY event_time DESC LIMIT 1)`,
		brand).Scan(&from, &to)
	return from.Int64, to.Int64, from.Valid, err
}
