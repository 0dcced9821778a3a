package store

import (
	"context"
	"database/sql"
	"strconv"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A Filter says which touchpoints of a brand to scan.
type Filter struct {
	From, To   int64            // event times, To excluded
	Channels   []typev1.Channel // all if empty
	Stages     []typev1.Stage   // all if empty
	Attributes bool             // whether they are needed
}

// query returns the statement of f and its arguments.
func (f *Filter) query(brand string) (string, []any) {
	attributes := "NULL"
	if f.Attributes {
		attributes = "attributes"
	}
	query := `
		SELECT customer, definition, event_time, channel, stage, phase, expectation,
		  rating, scale_min, scale_max, lower_is_better, is_service, weight, ` + attributes + `
		FROM touchpoint WHERE brand = $1 AND event_time >= $2 AND event_time < $3`
	query, args := among(query, []any{brand, max(f.From, 0), f.To}, "channel", f.Channels) // an alias has no time
	return among(query, args, "stage", f.Stages)
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

// Scan calls f for each touchpoint of the brand that the filter lets through, in
// no order. f gets its customer, definition, time, channel, stage, phase,
// expectation, rating, service, weight and, if asked for, attributes, in a
// Touchpoint that holds until f returns.
func (s *Snapshot) Scan(ctx context.Context, brand string, filter Filter, f func(*Touchpoint) error) error {
	query, args := filter.query(brand)
	rows, err := s.tx.QueryContext(ctx, query, args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	var (
		t          Touchpoint
		r          scanned
		attributes sql.NullString
	)
	for rows.Next() {
		if err := rows.Scan(&t.Customer, &t.Definition, &t.EventTime, &t.Channel, &t.Stage, &t.Phase, &t.Expectation,
			&r.value, &r.low, &r.high, &r.lowerIsBetter, &t.Service, &t.Weight, &attributes); err != nil {
			return err
		}
		t.Rating, t.Attributes = r.rating(), attributes.String
		if err := f(&t); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Span returns the times of the brand's first and last touchpoint, and whether
// there is any.
func (s *Snapshot) Span(ctx context.Context, brand string) (first, last int64, ok bool, err error) {
	var from, to sql.NullInt64
	err = s.tx.QueryRowContext(ctx, `
		SELECT (SELECT event_time FROM touchpoint WHERE brand = $1 AND event_time >= 0 ORDER BY event_time LIMIT 1),
		  (SELECT event_time FROM touchpoint WHERE brand = $1 AND event_time >= 0 ORDER BY event_time DESC LIMIT 1)`,
		brand).Scan(&from, &to)
	return from.Int64, to.Int64, from.Valid, err
}
