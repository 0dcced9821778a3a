package store

import (
	"cmp"
	"context"
	"database/sql"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Kind is what an entry of the log tells. The numbers are the contract's.
type Kind int32

// The kinds of entries.
const (
	Opened Kind = iota + 1
	Interacted
	Assigned
	Escalated
	Pended
	Held
	Resumed
	Resolved
	Reopened
	Closed
	Merged
	Prioritized
	PolicyApplied
	Deleted
	Undeleted
	OutcomeCorrected
)

// An Event is one entry of a ticket's log. What does not apply is zero.
type Event struct {
	Brand, Ticket string
	Number        int64 // the version of the ticket that it made; 0 of the opening
	Kind          Kind
	Time          time.Time // when it happened
	RecordTime    time.Time
	From, To      lifecycle.State
	Owner         Owner // from now on, where Kind is Assigned or Escalated
	OwnerBefore   Owner
	Priority      int32 // from now on, where it changed
	OldPriority   int32
	Outcome       lifecycle.Outcome
	OtherTicket   string
	Policy        Policy // from now on, where Kind is PolicyApplied
	Reason        string
	Interaction   string // its id, where Kind is Interacted; such entries are stored as interactions
}

// An Owner is who a ticket belongs to, by ids.
type Owner struct{ Agent, Team, Partner string }

// Owner returns who t belongs to.
func (t *Ticket) Owner() Owner { return Owner{t.Agent, t.Team, t.Partner} }

const eventColumns = `brand, ticket, number, kind, event_time, record_time, from_state, to_state, agent, team, partner,
	agent_before, team_before, partner_before, priority, priority_before, outcome, other_ticket, sla_policy,
	sla_policy_revision, reason`

var insertEvent = `INSERT INTO ticket_event (` + eventColumns + `) VALUES ` + sqldb.Values(1, 21)

// AddEvent adds an entry to the log of a ticket.
func AddEvent(tx *sqldb.Tx, e Event) {
	tx.Defer(insertEvent, e.Brand, e.Ticket, e.Number, int32(e.Kind), sqldb.Micros(e.Time), sqldb.Micros(e.RecordTime),
		int32(e.From), int32(e.To), e.Owner.Agent, e.Owner.Team, e.Owner.Partner,
		e.OwnerBefore.Agent, e.OwnerBefore.Team, e.OwnerBefore.Partner, e.Priority, e.OldPriority, int32(e.Outcome), e.OtherTicket,
		e.Policy.ID, e.Policy.Revision, e.Reason)
}

// opening returns the entry that t itself tells.
func opening(t Ticket) Event {
	return Event{
		Brand: t.Brand, Ticket: t.ID, Kind: Opened, Time: t.OpenTime, RecordTime: t.CreateTime, To: lifecycle.New,
	}
}

// interactedColumns is what an entry of the log tells of an interaction: not the words.
const interactedColumns = `brand, ticket, number, start_time, create_time, from_state, to_state, id`

// scanInteracted reads the entry that an interaction stands for.
func scanInteracted(scan func(...any) error) (Event, error) {
	e := Event{Kind: Interacted}
	if err := scan(&e.Brand, &e.Ticket, &e.Number, table.Micros{Of: &e.Time}, table.Micros{Of: &e.RecordTime},
		(*int32)(&e.From), (*int32)(&e.To), &e.Interaction); err != nil {
		return Event{}, missing("interaction", err)
	}
	return e, nil
}

// A LogCursor is a place between two entries of a log. The zero LogCursor is before
// the first.
type LogCursor struct {
	Time        int64  `json:"t"` // microseconds since 1970
	Number      int64  `json:"n"`
	Interaction string `json:"i"`
}

// Cursor returns the place after e.
func (e *Event) Cursor() LogCursor { return LogCursor{sqldb.Micros(e.Time), e.Number, e.Interaction} }

func (c LogCursor) compare(o LogCursor) int {
	return cmp.Or(cmp.Compare(c.Time, o.Time), cmp.Compare(c.Number, o.Number), cmp.Compare(c.Interaction, o.Interaction))
}

// Log returns up to limit entries of the log of t after a place, in order of their
// times and, at one time, of their numbers.
func (s *Store) Log(ctx context.Context, t Ticket, after LogCursor, limit int) ([]Event, error) {
	var q sqldb.Query
	q.Add(`SELECT `+eventColumns+` FROM ticket_event WHERE brand = ? AND ticket = ?`, t.Brand, t.ID)
	if after != (LogCursor{}) {
		q.Add(` AND (event_time, number) > (?, ?)`, after.Time, after.Number)
	}
	q.Add(` ORDER BY event_time, number LIMIT ?`, limit)
	all, err := list(ctx, s.db, &q, scanEvent)
	if err != nil {
		return nil, err
	}
	q = sqldb.Query{}
	q.Add(`SELECT `+interactedColumns+` FROM interaction WHERE brand = ? AND ticket = ?`, t.Brand, t.ID)
	if after != (LogCursor{}) {
		q.Add(` AND (start_time, number, id) > (?, ?, ?)`, after.Time, after.Number, after.Interaction)
	}
	q.Add(` ORDER BY start_time, number, id LIMIT ?`, limit)
	said, err := list(ctx, s.db, &q, scanInteracted)
	if err != nil {
		return nil, err
	}
	all = append(all, said...)
	if e := opening(t); after == (LogCursor{}) || e.Cursor().compare(after) > 0 {
		all = append(all, e)
	}
	slices.SortFunc(all, func(a, b Event) int { return a.Cursor().compare(b.Cursor()) })
	return all[:min(len(all), limit)], nil
}

// A History is everything that happened to a ticket, each sort in the order in which
// it was recorded.
type History struct {
	Ticket       Ticket
	Events       []Event // without its opening and its interactions
	Interactions []Said
}

const (
	eventsOf = `SELECT ` + eventColumns + ` FROM ticket_event WHERE brand = $1 AND ticket = $2 ORDER BY number`
	saidOn   = `SELECT ` + saidColumns + ` FROM interaction WHERE brand = $1 AND ticket = $2` + saidOrder
)

// History returns everything that happened to a ticket, or [ErrNotFound].
func (s *Store) History(ctx context.Context, brand, id string) (History, error) {
	t, err := s.Ticket(ctx, brand, id)
	if err != nil {
		return History{}, err
	}
	h, err := history(t, func(text string, args ...any) (*sql.Rows, error) { return s.db.Read().QueryContext(ctx, text, args...) })
	return h, sqldb.Fault(err)
}

// ReadHistory returns everything that happened to t, inside a transaction.
func ReadHistory(tx *sqldb.Tx, t Ticket) (History, error) {
	return history(t, func(text string, args ...any) (*sql.Rows, error) { return tx.Query(text, args...) })
}

func history(t Ticket, query func(string, ...any) (*sql.Rows, error)) (History, error) {
	h := History{Ticket: t}
	rows, err := query(eventsOf, t.Brand, t.ID)
	if err != nil {
		return History{}, err
	}
	if h.Events, err = table.All(rows, scanEvent); err != nil {
		return History{}, err
	}
	if rows, err = query(saidOn, t.Brand, t.ID); err != nil {
		return History{}, err
	}
	h.Interactions, err = table.All(rows, scanSaid)
	return h, err
}

func scanEvent(scan func(...any) error) (Event, error) {
	var e Event
	if err := scan(&e.Brand, &e.Ticket, &e.Number, (*int32)(&e.Kind), table.Micros{Of: &e.Time}, table.Micros{Of: &e.RecordTime},
		(*int32)(&e.From), (*int32)(&e.To), &e.Owner.Agent, &e.Owner.Team, &e.Owner.Partner,
		&e.OwnerBefore.Agent, &e.OwnerBefore.Team, &e.OwnerBefore.Partner, &e.Priority, &e.OldPriority, (*int32)(&e.Outcome), &e.OtherTicket,
		&e.Policy.ID, &e.Policy.Revision, &e.Reason); err != nil {
		return Event{}, missing("event", err)
	}
	return e, nil
}
