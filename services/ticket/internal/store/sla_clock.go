package store

import (
	"context"
	"database/sql"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Clock is one clock of a ticket as it stood when it was last computed. Times are
// microseconds since 1970, 0 for none; lengths are nanoseconds. Clocks can be
// compared.
type Clock struct {
	Brand, Ticket   string
	Metric, Episode int32
	Policy          string
	PolicyRevision  int64
	Target          int64
	Business        bool
	Start, Stop     int64
	State           int32
	Elapsed         int64 // until Stop; 0 without one
	Due             int64
	Warn, Breach    int64 // when it warned and was breached
}

const (
	clockColumns = `brand, ticket, metric, episode, policy, policy_revision, target, business,
	start_time, stop_time, state, elapsed, due_time, warn_time, breach_time`
	clockCount = 15
	putClock   = ` ON CONFLICT (brand, ticket, metric, episode) DO UPDATE SET policy = excluded.policy,
	policy_revision = excluded.policy_revision, target = excluded.target, business = excluded.business,
	start_time = excluded.start_time, stop_time = excluded.stop_time, state = excluded.state, elapsed = excluded.elapsed,
	due_time = excluded.due_time, warn_time = excluded.warn_time, breach_time = excluded.breach_time`
)

// PutClocks stores clocks of tickets, new ones and those that have changed.
func PutClocks(tx *sqldb.Tx, clocks []Clock) {
	for some := range slices.Chunk(clocks, 100) {
		args := make([]any, 0, clockCount*len(some))
		for _, c := range some {
			var elapsed any
			if c.Stop != 0 {
				elapsed = c.Elapsed
			}
			args = append(args, c.Brand, c.Ticket, c.Metric, c.Episode, c.Policy, c.PolicyRevision, c.Target, number(c.Business),
				c.Start, nullable(c.Stop), c.State, elapsed, nullable(c.Due), nullable(c.Warn), nullable(c.Breach))
		}
		tx.Defer(`INSERT INTO sla_instance (`+clockColumns+`) VALUES `+sqldb.Values(len(some), clockCount)+putClock, args...)
	}
}

// nullable returns n, or NULL for 0.
func nullable(n int64) any {
	if n == 0 {
		return nil
	}
	return n
}

// DropClock removes a clock that the log no longer tells of.
func DropClock(tx *sqldb.Tx, c Clock) {
	tx.Defer(`DELETE FROM sla_instance WHERE brand = $1 AND ticket = $2 AND metric = $3 AND episode = $4`, c.Brand, c.Ticket, c.Metric, c.Episode)
}

const clocksOf = `SELECT ` + clockColumns + ` FROM sla_instance WHERE brand = $1 AND ticket = $2 ORDER BY metric, episode`

// ReadClocks returns the clocks of a ticket, by metric and episode.
func ReadClocks(tx *sqldb.Tx, brand, ticket string) ([]Clock, error) {
	rows, err := tx.Query(clocksOf, brand, ticket)
	if err != nil {
		return nil, err
	}
	return table.All(rows, scanClock)
}

// A ClockCursor is a place between two clocks. The zero ClockCursor is before the
// first.
type ClockCursor struct {
	Ticket  string `json:"t"`
	Metric  int32  `json:"m"`
	Episode int32  `json:"e"`
}

// A ClockListing picks and pages clocks of a brand.
type ClockListing struct {
	Brand   string
	Ticket  string // empty for all
	Partner string // of the tickets; empty for all
	Where   filter.Clause
	After   ClockCursor
	Limit   int
}

// Clocks returns clocks by ticket, metric and episode.
func (s *Store) Clocks(ctx context.Context, l ClockListing) ([]Clock, error) {
	var q sqldb.Query
	q.Add(`SELECT `+clockColumns+` FROM sla_instance WHERE brand = ?`, l.Brand)
	if l.Ticket != "" {
		q.Add(` AND ticket = ?`, l.Ticket)
	}
	if l.Partner != "" {
		q.Add(` AND EXISTS (SELECT 1 FROM ticket t WHERE t.brand = sla_instance.brand AND t.id = sla_instance.ticket AND t.partner = ?)`, l.Partner)
	}
	q.Add(` AND (`+l.Where.Text+`)`, l.Where.Args...)
	if l.After != (ClockCursor{}) {
		q.Add(` AND (ticket, metric, episode) > (?, ?, ?)`, l.After.Ticket, l.After.Metric, l.After.Episode)
	}
	q.Add(` ORDER BY ticket, metric, episode LIMIT ?`, l.Limit)
	return list(ctx, s.db, &q, scanClock)
}

func scanClock(scan func(...any) error) (Clock, error) {
	var (
		c                                Clock
		business                         int
		stop, elapsed, due, warn, breach sql.NullInt64
	)
	err := scan(&c.Brand, &c.Ticket, &c.Metric, &c.Episode, &c.Policy, &c.PolicyRevision, &c.Target, &business,
		&c.Start, &stop, &c.State, &elapsed, &due, &warn, &breach)
	c.Business = business != 0
	c.Stop, c.Elapsed, c.Due, c.Warn, c.Breach = stop.Int64, elapsed.Int64, due.Int64, warn.Int64, breach.Int64
	return c, err
}

// AddPolicyApplied adds to the log of a ticket that has just been added that it has a
// policy.
func AddPolicyApplied(tx *sqldb.Tx, t Ticket) {
	tx.Defer(`INSERT INTO ticket_event (brand, ticket, number, kind, event_time, record_time, from_state, to_state, sla_policy, sla_policy_revision)
		VALUES ($1, $2, 1, $3, $4, $5, 0, $6, $7, $8)`,
		t.Brand, t.ID, int32(PolicyApplied), sqldb.Micros(t.OpenTime), sqldb.Micros(t.CreateTime), int32(t.Status.State), t.Policy.ID, t.Policy.Revision)
}
