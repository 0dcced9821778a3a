package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Ticket is one row. Customer, Partner, Team and Agent are ids; enums are the
// numbers of the contract.
type Ticket struct {
	Brand, ID            string
	Customer             string
	Subject              string
	Priority, IssueKind  int32
	Stage, Phase         int32
	Channel              int32
	Handling, Origin     int32
	Partner, Team, Agent string // empty for none
	OpenTime             time.Time
	Status               lifecycle.Status
	Attributes           map[string]string
	CreateTime           time.Time
	UpdateTime           time.Time
	Version              int64
}

const ticketColumns = `brand, id, customer, subject, priority, issue_kind, stage, phase, channel, handling, origin,
	partner, team, agent, open_time, state, first_response_time, resolve_time, outcome, reopen_count, attributes,
	create_time, update_time, version`

var insertTicket = `INSERT INTO ticket (` + ticketColumns + `) VALUES ` + sqldb.Values(1, 24)

// AddTicket adds t. It returns [ErrExists] if the id is taken; fresh says that it
// cannot be.
func AddTicket(tx *sqldb.Tx, t Ticket, fresh bool) error {
	attributes, err := encode(t.Attributes)
	if err != nil {
		return err
	}
	s := t.Status
	return add(tx, fresh, insertTicket,
		t.Brand, t.ID, t.Customer, t.Subject, t.Priority, t.IssueKind, t.Stage, t.Phase, t.Channel, t.Handling, t.Origin,
		t.Partner, t.Team, t.Agent, sqldb.Micros(t.OpenTime),
		int32(s.State), sqldb.NullMicros(s.FirstResponse), sqldb.NullMicros(s.ResolveTime), int32(s.Outcome), s.ReopenCount,
		attributes, sqldb.Micros(t.CreateTime), sqldb.Micros(t.UpdateTime), t.Version)
}

const ticketByID = `SELECT ` + ticketColumns + ` FROM ticket WHERE brand = $1 AND id = $2`

// Ticket returns one ticket or [ErrNotFound].
func (s *Store) Ticket(ctx context.Context, brand, id string) (Ticket, error) {
	t, err := scanTicket(s.db.Read().QueryRowContext(ctx, ticketByID, brand, id).Scan)
	return t, sqldb.Fault(err)
}

// ReadTicket is [Store.Ticket] inside a transaction.
func ReadTicket(tx *sqldb.Tx, brand, id string) (Ticket, error) {
	return scanTicket(tx.QueryRow(ticketByID, brand, id).Scan)
}

// A TicketFilter picks and pages tickets of a brand.
type TicketFilter struct {
	Brand    string
	Customer string  // empty for all
	States   []int32 // none for all
	After    Cursor
	Limit    int
}

// Tickets returns tickets, newest first by open time.
func (s *Store) Tickets(ctx context.Context, f TicketFilter) ([]Ticket, error) {
	var q query
	q.add(`SELECT `+ticketColumns+` FROM ticket WHERE brand = ?`, f.Brand)
	if f.Customer != "" {
		q.add(` AND customer = ?`, f.Customer)
	}
	q.in(`state`, f.States)
	if f.After != (Cursor{}) {
		q.add(` AND (open_time, id) < (?, ?)`, f.After.Time, f.After.ID)
	}
	q.add(` ORDER BY open_time DESC, id DESC LIMIT ?`, f.Limit)
	return list(ctx, s.db, &q, scanTicket)
}

// SetStatus moves the ticket read as t to status and returns it, or false if
// somebody has written it since. A move from RESOLVED to OPEN at the time at is
// kept as a reopening.
func SetStatus(tx *sqldb.Tx, t Ticket, status lifecycle.Status, at, now time.Time) (Ticket, bool, error) {
	n, err := tx.Exec(`
		UPDATE ticket SET state = $1, first_response_time = $2, resolve_time = $3, outcome = $4, reopen_count = $5,
			update_time = $6, version = version + 1
		WHERE brand = $7 AND id = $8 AND version = $9`,
		int32(status.State), sqldb.NullMicros(status.FirstResponse), sqldb.NullMicros(status.ResolveTime),
		int32(status.Outcome), status.ReopenCount, sqldb.Micros(now), t.Brand, t.ID, t.Version)
	if err != nil || n == 0 {
		return t, false, err
	}
	if status.ReopenCount > t.Status.ReopenCount {
		tx.Defer(`INSERT INTO reopening (brand, ticket, number, resolve_time, reopen_time) VALUES ($1, $2, $3, $4, $5)`,
			t.Brand, t.ID, status.ReopenCount, sqldb.Micros(t.Status.ResolveTime), sqldb.Micros(at))
	}
	t.Status, t.UpdateTime, t.Version = status, now, t.Version+1
	return t, true, nil
}

// Settle moves a ticket that is in a state before RESOLVED to status, a resolved
// one, and returns it. It returns [ErrNotFound] if there is no such ticket, or
// none of that version; version 0 stands for any.
func Settle(tx *sqldb.Tx, brand, id string, version int64, status lifecycle.Status, now time.Time) (Ticket, error) {
	return scanTicket(tx.QueryRow(`
		UPDATE ticket SET state = $1, outcome = $2, resolve_time = $3, update_time = $4, version = version + 1
		WHERE brand = $5 AND id = $6 AND state < $1 AND (version = $7 OR $7 = 0)
		RETURNING `+ticketColumns,
		int32(status.State), int32(status.Outcome), sqldb.Micros(status.ResolveTime), sqldb.Micros(now), brand, id, version).Scan)
}

func scanTicket(scan func(...any) error) (Ticket, error) {
	var (
		t                        Ticket
		opened, created, updated int64
		responded, resolved      sql.NullInt64
		attributes               string
		state, outcome           int32
	)
	err := scan(&t.Brand, &t.ID, &t.Customer, &t.Subject, &t.Priority, &t.IssueKind, &t.Stage, &t.Phase, &t.Channel,
		&t.Handling, &t.Origin, &t.Partner, &t.Team, &t.Agent, &opened, &state, &responded, &resolved, &outcome,
		&t.Status.ReopenCount, &attributes, &created, &updated, &t.Version)
	if err == nil {
		t.Attributes, err = decode(attributes)
	}
	if err != nil {
		return Ticket{}, missing("ticket", err)
	}
	t.OpenTime, t.CreateTime, t.UpdateTime = sqldb.Time(opened), sqldb.Time(created), sqldb.Time(updated)
	t.Status.State, t.Status.Outcome = lifecycle.State(state), lifecycle.Outcome(outcome)
	t.Status.FirstResponse, t.Status.ResolveTime = optional(responded), optional(resolved)
	return t, nil
}
