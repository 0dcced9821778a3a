package store

import (
	"context"
	"database/sql"
	"fmt"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

// Steps calls f for each touchpoint that l picks by customer and condition, oldest
// first.
func (s *Store) Steps(ctx context.Context, l Listing, f func(plan.Step)) error {
	var q sqldb.Query
	q.Add(`SELECT event_time, stage, channel, expectation, is_service, ticket FROM touchpoint
		WHERE brand = ? AND event_time >= 0 AND retract_time IS NULL`, l.Brand)
	sqldb.In(&q, "customer", l.Customers)
	for _, c := range l.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` ORDER BY event_time, id`)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return fmt.Errorf("read steps: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	for rows.Next() {
		var (
			step   plan.Step
			ticket sql.NullString
		)
		if err := rows.Scan(&step.Time, &step.Stage, &step.Channel, &step.Expectation, &step.Service, &ticket); err != nil {
			return fmt.Errorf("read step: %w", sqldb.Fault(err))
		}
		step.Ticket = ticket.String
		f(step)
	}
	return sqldb.Fault(rows.Err())
}

// A Transition is a move of a customer to another stage.
type Transition struct {
	Touchpoint              // that caused it: id, customer, definition, time, channel, stage, service
	From       typev1.Stage // unspecified for the first touchpoint
}

// A TransitionCursor is a place in a list of transitions: just after one of them. The
// zero cursor is before the first.
type TransitionCursor struct {
	EventTime int64
	ID        string
	Stage     typev1.Stage // that it led to
}

// Transitions returns up to l.Limit moves of customers who are one, oldest first, that
// come after the cursor and fit the conditions. Their columns are before, stage,
// event_time, channel and is_service.
func (s *Store) Transitions(ctx context.Context, l Listing, after TransitionCursor) (all []Transition, err error) {
	part := 10 * l.Limit // touchpoints a statement, so that a page does not read a long journey to its end
	for {
		n := 0
		err := s.moves(ctx, l, after, part, func(t Transition, fits bool) {
			if after = (TransitionCursor{t.EventTime, t.ID, t.Stage}); fits && len(all) < l.Limit {
				all = append(all, t)
			}
			n++
		})
		if err != nil || n < part || len(all) == l.Limit {
			return all, err
		}
	}
}

// moves calls f for so many touchpoints after the cursor, oldest first, and says which
// of them are moves that fit the conditions of l.
func (s *Store) moves(ctx context.Context, l Listing, after TransitionCursor, part int, f func(t Transition, fits bool)) error {
	const seen = `id, customer, definition, event_time, channel, stage, is_service`
	var q sqldb.Query
	q.Add(`SELECT ` + seen + `, before, CASE WHEN before <> stage`)
	for _, c := range l.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	q.Add(` THEN 1 ELSE 0 END FROM (
		  SELECT `+seen+`, LAG(stage, 1, CAST(? AS INTEGER)) OVER (ORDER BY event_time, id) AS before FROM (
		    SELECT `+seen+` FROM touchpoint WHERE brand = ? AND event_time >= 0 AND retract_time IS NULL`, int64(after.Stage), l.Brand)
	sqldb.In(&q, "customer", l.Customers)
	q.Add(` AND (event_time, id) > (?, ?) ORDER BY event_time, id LIMIT ?) AS part) AS moves ORDER BY event_time, id`,
		after.EventTime, after.ID, part)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return fmt.Errorf("list transitions: %w", sqldb.Fault(err))
	}
	defer rows.Close()
	for rows.Next() {
		var (
			t    Transition
			fits bool
		)
		if err := rows.Scan(&t.ID, &t.Customer, &t.Definition, &t.EventTime, &t.Channel, &t.Stage, &t.Service, &t.From, &fits); err != nil {
			return fmt.Errorf("read transition: %w", sqldb.Fault(err))
		}
		f(t, fits)
	}
	return sqldb.Fault(rows.Err())
}

// Between returns a condition that touchpoints happened from one instant to another,
// that excluded.
func Between(from, to int64) filter.Clause {
	return filter.Clause{Text: `event_time >= ? AND event_time < ?`, Args: []any{from, to}}
}

// After returns a condition that touchpoints come after one of them, in the order of
// time.
func After(c Cursor) filter.Clause {
	return filter.Clause{Text: `(event_time, id) > (?, ?)`, Args: []any{c.EventTime, c.ID}}
}

// A Cursor is a place in a list of touchpoints, oldest first: just after one of them.
// The zero Cursor is before the first.
type Cursor struct {
	EventTime int64
	ID        string
}
