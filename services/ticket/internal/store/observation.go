package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// Week is how long the customer must stay away for a resolution to last.
const Week = 7 * 24 * time.Hour

// grace is longer than any transaction takes from the moment in which it reads the
// clock. What a day counts for sure is counted after it.
const grace = time.Minute

// A Snapshot is the database as of one moment, for one goroutine.
type Snapshot struct{ *sqldb.Snapshot }

// Snapshot calls f with the database as it is now. What f reads is of one moment.
func (s *Store) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	return s.db.Snapshot(ctx, func(snap *sqldb.Snapshot) error { return f(&Snapshot{snap}) })
}

// each calls visit with each row of a query.
func (s *Snapshot) each(q *sqldb.Query, visit func(scan func(...any) error) error) error {
	return s.Each(visit, q.String(), q.Args...)
}

// An ObservationFilter picks tickets that are neither deleted nor merged.
type ObservationFilter struct {
	Brand   string
	Opened  almanac.Range // microseconds since 1970
	OpenAt  int64         // only tickets that may be open as of then; rollup.None for all
	Where   filter.Clause // the zero Clause for all
	Columns []string      // to be read beside
	Now     time.Time     // by which weeks and clocks have ended
	Backlog bool          // only keys and flows are wanted
}

// observed are the columns that a ticket is measured by.
var observed = fmt.Sprintf(`id, open_time, first_response_time, resolve_time, close_time, reopen_count, origin, outcome, handoff_count,
	contact_count, inbound_after, CASE WHEN responder <> '' THEN 1 ELSE 0 END, other_responder, cost_micros, costed_count,
	escalation_level, avoidable, channel, handling, issue_kind, stage, phase, priority, partner, team, agent, issue_type,
	CASE WHEN outcome = %d AND reopen_count = 0 AND inbound_after = 0 AND EXISTS (
		SELECT 1 FROM ticket u
		WHERE u.brand = ticket.brand AND u.customer = ticket.customer AND u.id <> ticket.id
			AND u.open_time >= ticket.resolve_time AND u.open_time < ticket.resolve_time + %d AND u.issue_kind = ticket.issue_kind
			AND u.origin = %d AND u.delete_time IS NULL AND u.state <> %d
	) THEN 1 ELSE 0 END`, rollup.Solved, Week.Microseconds(), originInbound, lifecycle.Merged)

// Observe calls visit with each ticket that f picks, in no particular order, and the
// columns asked for. Both are valid until visit returns.
func (s *Snapshot) Observe(f ObservationFilter, visit func(*rollup.Ticket, []string) error) error {
	more, err := s.details(f)
	if err != nil {
		return err
	}
	var q sqldb.Query
	q.Add(`SELECT ` + strings.Join(append([]string{observed}, f.Columns...), `, `) + ` FROM ticket`)
	f.where(&q, ``)
	o := observation{values: make([]string, len(f.Columns))}
	into := o.into()
	return s.each(&q, func(scan func(...any) error) error {
		if err := scan(into...); err != nil {
			return fmt.Errorf("read observation: %w", err)
		}
		return visit(o.ticket(more, f.Now), o.values)
	})
}

// where picks the tickets, and among them those that also meet a condition.
func (f ObservationFilter) where(q *sqldb.Query, also string) {
	q.Add(` WHERE brand = ? AND open_time >= ? AND open_time < ? AND delete_time IS NULL AND state <> ?`,
		f.Brand, f.Opened.From, f.Opened.To, int32(lifecycle.Merged))
	if f.OpenAt != rollup.None {
		q.Add(` AND (resolve_time IS NULL OR resolve_time >= ?)`, f.OpenAt)
	}
	if f.Where.Text != "" {
		q.Add(` AND (`+f.Where.Text+`)`, f.Where.Args...)
	}
	q.Add(also)
}

// An observation is a row on its way into a ticket.
type observation struct {
	id                         string
	response, resolve, closing sql.NullInt64
	origin, inbound            int64
	byAgent, shared            int64
	escalation, avoidable      int64
	repeat                     int64
	t                          rollup.Ticket
	values                     []string
}

func (o *observation) into() []any {
	t := &o.t
	into := []any{
		&o.id, &t.Open, &o.response, &o.resolve, &o.closing, &t.Reopens, &o.origin, &t.Outcome, &t.Handoffs,
		&t.Contacts, &o.inbound, &o.byAgent, &o.shared, &t.Cost, &t.Costed, &o.escalation, &o.avoidable,
	}
	for i := range t.Numbers {
		into = append(into, &t.Numbers[i])
	}
	for i := range t.Texts {
		into = append(into, &t.Texts[i])
	}
	into = append(into, &o.repeat)
	for i := range o.values {
		into = append(into, &o.values[i])
	}
	return into
}

// ticket completes the ticket whose columns were read.
func (o *observation) ticket(more details, now time.Time) *rollup.Ticket {
	t := &o.t
	t.Response, t.Resolution, t.Closing = o.wait(o.response), o.wait(o.resolve), o.wait(o.closing)
	t.Flags, t.Due, t.Repeat = 0, rollup.Never, rollup.RepeatNo
	for _, f := range []struct {
		flag rollup.Flag
		is   bool
	}{
		{rollup.Reactive, o.origin == originInbound},
		{rollup.Escalated, o.escalation > 0},
		{rollup.Avoidable, o.avoidable != 0},
		{rollup.ByAgent, o.byAgent != 0},
		{rollup.Shared, o.shared != 0},
		{rollup.InboundAfter, o.inbound > 0},
	} {
		if f.is {
			t.Flags |= f.flag
		}
	}
	if o.resolve.Valid {
		over := o.resolve.Int64 + Week.Microseconds()
		switch {
		case over > now.UnixMicro():
			t.Repeat = rollup.RepeatOpen
		case o.repeat != 0:
			t.Repeat = rollup.RepeatYes
		}
		if over+grace.Microseconds() > now.UnixMicro() {
			t.Due = over
		}
	}
	more.complete(o, now)
	return t
}

func (o *observation) wait(at sql.NullInt64) int64 {
	if !at.Valid {
		return rollup.None
	}
	return at.Int64 - o.t.Open
}

// Count returns how many tickets were opened in a range, but no more than limit.
func (s *Snapshot) Count(brand string, opened almanac.Range, limit int64) (n int64, err error) {
	err = s.QueryRow(`
		SELECT COUNT(*) FROM (
			SELECT 1 FROM ticket WHERE brand = $1 AND open_time >= $2 AND open_time < $3 LIMIT $4
		) AS few`, brand, opened.From, opened.To, limit).Scan(&n)
	return n, sqldb.Fault(err)
}

// The first is answered by the ends of indexes; the second reads what the partner has.
const (
	spanOfAll = `
		SELECT (SELECT MIN(open_time) FROM ticket WHERE brand = $1),
			(SELECT MAX(open_time) FROM ticket WHERE brand = $1),
			(SELECT MAX(first_response_time) FROM ticket WHERE brand = $1 AND first_response_time IS NOT NULL),
			(SELECT MAX(resolve_time) FROM ticket WHERE brand = $1 AND resolve_time IS NOT NULL)`
	spanOfOne = `
		SELECT MIN(open_time), MAX(open_time), MAX(first_response_time), MAX(resolve_time)
		FROM ticket WHERE brand = $1 AND partner = $2 AND partner <> ''`
)

// Span returns the first and the last time at which anything happened to the
// brand's tickets, or to those of a partner if one is given: opened, first answered or
// resolved. It returns [ErrNotFound] where there is no ticket.
func (s *Store) Span(ctx context.Context, brand, partner string) (first, last time.Time, err error) {
	var us [4]sql.NullInt64
	text, args := spanOfAll, []any{brand}
	if partner != "" {
		text, args = spanOfOne, append(args, partner)
	}
	if err = s.db.Read().QueryRowContext(ctx, text, args...).Scan(&us[0], &us[1], &us[2], &us[3]); err != nil {
		return first, last, sqldb.Fault(err)
	}
	if !us[0].Valid {
		return first, last, ErrNotFound
	}
	end := max(us[1].Int64, us[2].Int64, us[3].Int64)
	return sqldb.Time(us[0].Int64), sqldb.Time(end), nil
}
