package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An Observation is what measuring needs of one ticket. Times are microseconds
// since 1970.
type Observation struct {
	OpenTime      int64
	FirstResponse sql.NullInt64
	ResolveTime   sql.NullInt64
	ReopenCount   int32
	Origin        int32
	OpenAtEnd     bool     // by the times of its resolutions and reopenings
	Values        []string // of the columns asked for; valid until the next observation
}

// An ObservationFilter picks the tickets opened in a window, and those opened
// before it that are open at its end.
type ObservationFilter struct {
	Brand      string
	Start, End time.Time // End is the first instant after
	Channels   []int32   // none for all
	Stages     []int32   // none for all
	Columns    []string  // of the ticket table
}

// Observe calls visit for each ticket that f picks, in no particular order.
func (s *Store) Observe(ctx context.Context, f ObservationFilter, visit func(Observation) error) error {
	q := f.query()
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.args...)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer rows.Close()
	o := Observation{Values: make([]string, len(f.Columns))}
	open := 0
	into := []any{&o.OpenTime, &o.FirstResponse, &o.ResolveTime, &o.ReopenCount, &o.Origin, &open}
	for i := range o.Values {
		into = append(into, &o.Values[i])
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return fmt.Errorf("read observation: %w", err)
		}
		o.OpenAtEnd = open == 1
		if err := visit(o); err != nil {
			return err
		}
	}
	return sqldb.Fault(rows.Err())
}

func (f ObservationFilter) query() *query {
	start, end := sqldb.Micros(f.Start), sqldb.Micros(f.End)
	var q query
	q.add(`
		SELECT open_time, first_response_time, resolve_time, reopen_count, origin,
			CASE WHEN (resolve_time IS NULL OR resolve_time >= ?) AND (reopen_count = 0 OR NOT EXISTS (
				SELECT 1 FROM reopening r
				WHERE r.brand = ticket.brand AND r.ticket = ticket.id AND r.resolve_time < ? AND r.reopen_time >= ?
			)) THEN 1 ELSE 0 END`, end, end, end)
	for _, c := range f.Columns {
		q.add(`, ` + c)
	}
	q.add(`
		FROM ticket
		WHERE brand = ? AND open_time < ? AND (open_time >= ? OR resolve_time IS NULL OR resolve_time >= ?)`,
		f.Brand, end, start, end)
	q.in(`channel`, f.Channels)
	q.in(`stage`, f.Stages)
	return &q
}

// Span returns the first and the last time at which anything happened to the
// brand's tickets: opened, first answered or resolved. It returns [ErrNotFound]
// where there is no ticket.
func (s *Store) Span(ctx context.Context, brand string) (first, last time.Time, err error) {
	var us [4]sql.NullInt64
	err = s.db.Read().QueryRowContext(ctx, `
		SELECT (SELECT MIN(open_time) FROM ticket WHERE brand = $1),
			(SELECT MAX(open_time) FROM ticket WHERE brand = $1),
			(SELECT MAX(first_response_time) FROM ticket WHERE brand = $1 AND first_response_time IS NOT NULL),
			(SELECT MAX(resolve_time) FROM ticket WHERE brand = $1 AND resolve_time IS NOT NULL)`, brand).
		Scan(&us[0], &us[1], &us[2], &us[3])
	if err != nil {
		return first, last, sqldb.Fault(err)
	}
	if !us[0].Valid {
		return first, last, ErrNotFound
	}
	end := max(us[1].Int64, us[2].Int64, us[3].Int64)
	return sqldb.Time(us[0].Int64), sqldb.Time(end), nil
}
