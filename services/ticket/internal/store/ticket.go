package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Ticket is one row. What refers to something of the brand is its id, empty for
// none; enums are the numbers of the contract.
type Ticket struct {
	Brand, ID            string
	Customer             string
	Subject              string
	Priority, IssueKind  int32
	Stage, Phase         int32
	Channel              int32
	Handling, Origin     int32
	Partner, Team, Agent string
	OpenTime             time.Time
	Status               lifecycle.Status
	Attributes           map[string]string
	CreateTime           time.Time
	UpdateTime           time.Time
	Version              int64

	IssueType       string
	Problem         string
	CauseTouchpoint string // of Customer
	Campaign        string
	ExternalID      string
	FollowUpOf      string
	MergedInto      string
	Avoidable       bool
	Grievance       bool
	RedressSteps    []RedressStep
	Policy          Policy
	EscalationLevel int32
	HandoffCount    int32
	Counts          lifecycle.Counts
	DeleteTime      time.Time // zero unless deleted
	ImportDigest    string    // of the imported row, in hex; empty if it was not imported
}

// A Policy is the SLA policy that a ticket follows.
type Policy struct {
	ID       string // empty for none
	Revision int64
	Given    bool // by the caller, not by the order of the policies
}

// A RedressStep is one step of a redress procedure. Times are microseconds since
// 1970, zero for none.
type RedressStep struct {
	Title string `json:"title"`
	Due   int64  `json:"due,omitempty"`
	Done  int64  `json:"done,omitempty"`
	Agent string `json:"agent,omitempty"`
}

// The columns that every new ticket fills, and those that few do.
const (
	usualColumns = `brand, id, customer, subject, priority, issue_kind, stage, phase, channel, handling, origin,
	partner, team, agent, open_time, state, first_response_time, resolve_time, outcome, reopen_count, attributes,
	create_time, update_time, version`
	otherColumns = `issue_type, problem, cause_touchpoint, campaign, external_id, follow_up_of, merged_into,
	avoidable, grievance, redress_steps, sla_policy, sla_policy_revision, sla_policy_given, escalation_level, handoff_count,
	interaction_count, contact_count, inbound_after, responder, other_responder, cost_micros, costed_count, outcome_confirmed,
	close_time, delete_time, import_digest`
	ticketColumns = usualColumns + `, ` + otherColumns
)

var (
	insertUsual  = `INSERT INTO ticket (` + usualColumns + `) VALUES ` + sqldb.Values(1, 24)
	insertTicket = `INSERT INTO ticket (` + ticketColumns + `) VALUES ` + sqldb.Values(1, 50)
)

// AddTicket adds t. It returns [table.ErrExists] if the id is taken; fresh says that it
// cannot be.
func AddTicket(tx *sqldb.Tx, t Ticket, fresh bool) error {
	s := t.Status
	args := append(make([]any, 0, 50),
		t.Brand, t.ID, t.Customer, t.Subject, t.Priority, t.IssueKind, t.Stage, t.Phase, t.Channel, t.Handling, t.Origin,
		t.Partner, t.Team, t.Agent, sqldb.Micros(t.OpenTime),
		int32(s.State), sqldb.NullMicros(s.FirstResponse), sqldb.NullMicros(s.ResolveTime), int32(s.Outcome), s.ReopenCount,
		table.Words{Of: &t.Attributes}, sqldb.Micros(t.CreateTime), sqldb.Micros(t.UpdateTime), t.Version)
	if t.usual() {
		return add(tx, fresh, insertUsual, args...)
	}
	c := t.Counts
	args = append(args, t.IssueType, t.Problem, t.CauseTouchpoint, t.Campaign, null(t.ExternalID), t.FollowUpOf, t.MergedInto,
		number(t.Avoidable), number(t.Grievance), table.Array[RedressStep]{Of: &t.RedressSteps}, t.Policy.ID, t.Policy.Revision, number(t.Policy.Given),
		t.EscalationLevel, t.HandoffCount,
		c.Interactions, c.Contacts, c.InboundAfter, c.Responder, number(c.OtherResponder), c.CostMicros, c.Costed, number(s.Confirmed),
		sqldb.NullMicros(s.CloseTime), sqldb.NullMicros(t.DeleteTime), t.ImportDigest)
	return add(tx, fresh, insertTicket, args...)
}

// null returns text as a column keeps it that is NULL for none.
func null(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// usual reports whether the columns that few tickets fill have their defaults.
func (t *Ticket) usual() bool {
	return t.IssueType == "" && t.Problem == "" && t.CauseTouchpoint == "" && t.Campaign == "" && t.ExternalID == "" &&
		t.FollowUpOf == "" && t.MergedInto == "" && !t.Avoidable && !t.Grievance && len(t.RedressSteps) == 0 && t.Policy == Policy{} &&
		t.EscalationLevel == 0 && t.HandoffCount == 0 && t.Counts == lifecycle.Counts{} && !t.Status.Confirmed &&
		t.Status.CloseTime.IsZero() && t.DeleteTime.IsZero() && t.ImportDigest == ""
}

const ticketByID = `SELECT ` + ticketColumns + ` FROM ticket WHERE brand = $1 AND id = $2`

// Ticket returns one ticket or [ErrNotFound].
func (s *Store) Ticket(ctx context.Context, brand, id string) (Ticket, error) {
	if !s.db.Postgres() {
		ctx = context.WithoutCancel(ctx) // the driver starts goroutines to watch a context, and the read is short
	}
	t, err := scanTicket(s.db.Read().QueryRowContext(ctx, ticketByID, brand, id).Scan)
	return t, sqldb.Fault(err)
}

// ReadTicket is [Store.Ticket] inside a transaction.
func ReadTicket(tx *sqldb.Tx, brand, id string) (Ticket, error) {
	return scanTicket(tx.QueryRow(ticketByID, brand, id).Scan)
}

// A TicketFilter picks, orders and pages tickets of a brand.
type TicketFilter struct {
	Brand    string
	Customer string   // empty for all
	Of       []string // customers; none for all
	Each     int      // so many of each customer, the newest; 0 for all
	Partner  string   // empty for all, and for the brand's own
	States   []int32  // none for all
	IDs      []string // none for all
	Deleted  bool     // those too
	Where    []filter.Clause
	After    filter.Clause // where the page begins; without a text it is the first
	By       string        // the order
	Limit    int
}

// Tickets returns the tickets that f picks.
func (s *Store) Tickets(ctx context.Context, f TicketFilter) ([]Ticket, error) {
	return list(ctx, s.db, f.query(), scanTicket)
}

func (f *TicketFilter) query() *sqldb.Query {
	var q sqldb.Query
	if f.Each > 0 {
		q.Add(`SELECT ` + ticketColumns + ` FROM (SELECT ` + ticketColumns +
			`, ROW_NUMBER() OVER (PARTITION BY customer ORDER BY open_time DESC, id DESC) AS place FROM ticket`)
	} else {
		q.Add(`SELECT ` + ticketColumns + ` FROM ticket`)
	}
	q.Add(` WHERE brand = ?`, f.Brand)
	if f.Customer != "" {
		q.Add(` AND customer = ?`, f.Customer)
	}
	if len(f.Of) > 0 {
		sqldb.In(&q, `customer`, f.Of)
	}
	if f.Partner != "" {
		q.Add(` AND partner = ? AND partner <> ''`, f.Partner) // as the index of partners has it
	}
	if len(f.States) > 0 {
		sqldb.In(&q, `state`, f.States)
	}
	if len(f.IDs) > 0 {
		sqldb.In(&q, `id`, f.IDs)
	}
	if !f.Deleted {
		q.Add(` AND delete_time IS NULL`)
	}
	for _, c := range f.Where {
		q.Add(` AND (`+c.Text+`)`, c.Args...)
	}
	if f.Each > 0 {
		q.Add(`) AS newest WHERE place <= ?`, f.Each)
	}
	if f.After.Text != "" {
		q.Add(` AND (`+f.After.Text+`)`, f.After.Args...)
	}
	q.Add(` ORDER BY `+f.By+` LIMIT ?`, f.Limit)
	return &q
}

func scanTicket(scan func(...any) error) (Ticket, error) {
	var (
		t        Ticket
		external sql.NullString
	)
	s, c, p := &t.Status, &t.Counts, &t.Policy
	if err := scan(&t.Brand, &t.ID, &t.Customer, &t.Subject, &t.Priority, &t.IssueKind, &t.Stage, &t.Phase, &t.Channel,
		&t.Handling, &t.Origin, &t.Partner, &t.Team, &t.Agent, table.Micros{Of: &t.OpenTime}, (*int32)(&s.State),
		table.Moment{Of: &s.FirstResponse}, table.Moment{Of: &s.ResolveTime}, (*int32)(&s.Outcome), &s.ReopenCount,
		table.Words{Of: &t.Attributes}, table.Micros{Of: &t.CreateTime}, table.Micros{Of: &t.UpdateTime}, &t.Version,
		&t.IssueType, &t.Problem, &t.CauseTouchpoint, &t.Campaign, &external, &t.FollowUpOf, &t.MergedInto,
		table.Flag{Of: &t.Avoidable}, table.Flag{Of: &t.Grievance}, table.Array[RedressStep]{Of: &t.RedressSteps},
		&p.ID, &p.Revision, table.Flag{Of: &p.Given}, &t.EscalationLevel, &t.HandoffCount,
		&c.Interactions, &c.Contacts, &c.InboundAfter, &c.Responder, table.Flag{Of: &c.OtherResponder}, &c.CostMicros, &c.Costed,
		table.Flag{Of: &s.Confirmed}, table.Moment{Of: &s.CloseTime}, table.Moment{Of: &t.DeleteTime}, &t.ImportDigest); err != nil {
		return Ticket{}, missing("ticket", err)
	}
	t.ExternalID = external.String
	return t, nil
}

// FollowUp returns the id of the newest ticket that takes up old and is not settled, among
// those of a partner unless that is empty; "" if there is none. Until the transaction ends
// nobody else is told that there is none.
func FollowUp(tx *sqldb.Tx, old Ticket, partner string) (id string, err error) {
	tx.Defer(`UPDATE ticket SET version = version WHERE brand = $1 AND id = $2`, old.Brand, old.ID)
	err = tx.QueryRow(`SELECT id FROM ticket WHERE brand = $1 AND customer = $2 AND follow_up_of = $3 AND state <= $4
		AND delete_time IS NULL AND ($5 = '' OR partner = $5) ORDER BY open_time DESC, id DESC LIMIT 1`,
		old.Brand, old.Customer, old.ID, int32(lifecycle.Resolved), partner).Scan(&id)
	if errors.Is(err, sql.ErrNoRows) {
		return "", nil
	}
	return id, err
}
