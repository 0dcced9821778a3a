package store

import (
	"context"
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// An Interaction is one row; it never changes, but that its words can be taken
// away. Agent, Team and Partner are ids.
type Interaction struct {
	Brand, Ticket, ID    string
	Act                  lifecycle.Interaction
	Agent, Team, Partner string // empty for none
	Channel              int32
	EndTime              time.Time
	Text                 string
	Expectation          int32
	Attributes           map[string]string
	CreateTime           time.Time
	CostMicros           *int64          // nil if nobody says
	RedactTime           time.Time       // zero unless it is redacted
	From, To             lifecycle.State // of the ticket before and after it; zero of those recorded before there was a log
	Number               int64           // the version of the ticket that it made; zero likewise
}

const interactionColumns = `brand, ticket, id, kind, direction, actor, agent, team, partner, channel, start_time, end_time,
	text, expectation, attributes, create_time, cost_micros, redact_time, from_state, to_state, number`

var insertInteraction = `INSERT INTO interaction (` + interactionColumns + `) VALUES ` + sqldb.Values(1, 21)

// AddInteraction adds i. It returns [table.ErrExists] if the id is taken; fresh says
// that it cannot be.
func AddInteraction(tx *sqldb.Tx, i Interaction, fresh bool) error {
	var cost any
	if i.CostMicros != nil {
		cost = *i.CostMicros
	}
	return add(tx, fresh, insertInteraction,
		i.Brand, i.Ticket, i.ID, int32(i.Act.Kind), int32(i.Act.Direction), int32(i.Act.Actor), i.Agent, i.Team, i.Partner,
		i.Channel, sqldb.Micros(i.Act.Start), sqldb.Micros(i.EndTime), i.Text, i.Expectation, table.Words{Of: &i.Attributes}, sqldb.Micros(i.CreateTime),
		cost, sqldb.NullMicros(i.RedactTime), int32(i.From), int32(i.To), i.Number)
}

const interactionByID = `SELECT ` + interactionColumns + ` FROM interaction WHERE brand = $1 AND ticket = $2 AND id = $3`

// Interaction returns one interaction or [ErrNotFound].
func (s *Store) Interaction(ctx context.Context, brand, ticket, id string) (Interaction, error) {
	i, err := scanInteraction(s.db.Read().QueryRowContext(ctx, interactionByID, brand, ticket, id).Scan)
	return i, sqldb.Fault(err)
}

// ReadInteraction is [Store.Interaction] inside a transaction.
func ReadInteraction(tx *sqldb.Tx, brand, ticket, id string) (Interaction, error) {
	return scanInteraction(tx.QueryRow(interactionByID, brand, ticket, id).Scan)
}

// Redact takes the words of an interaction away, for good.
func Redact(tx *sqldb.Tx, i Interaction) error {
	_, err := tx.Exec(`UPDATE interaction SET text = '', attributes = '{}', redact_time = $1 WHERE brand = $2 AND ticket = $3 AND id = $4`,
		sqldb.Micros(i.RedactTime), i.Brand, i.Ticket, i.ID)
	return err
}

// InboundAfter counts the inbound interactions of a ticket that began after a time.
func InboundAfter(tx *sqldb.Tx, brand, ticket string, after time.Time) (n int32, err error) {
	err = tx.QueryRow(`SELECT COUNT(*) FROM interaction WHERE brand = $1 AND ticket = $2 AND start_time > $3 AND direction = 1`,
		brand, ticket, sqldb.Micros(after)).Scan(&n)
	return n, err
}

// An InteractionFilter pages the interactions of a ticket.
type InteractionFilter struct {
	Brand, Ticket string
	After         Cursor
	Limit         int
}

// Interactions returns interactions, oldest first by start time.
func (s *Store) Interactions(ctx context.Context, f InteractionFilter) ([]Interaction, error) {
	var q sqldb.Query
	q.Add(`SELECT `+interactionColumns+` FROM interaction WHERE brand = ? AND ticket = ?`, f.Brand, f.Ticket)
	if f.After != (Cursor{}) {
		q.Add(` AND (start_time, id) > (?, ?)`, f.After.Time, f.After.ID)
	}
	q.Add(` ORDER BY start_time, id LIMIT ?`, f.Limit)
	return list(ctx, s.db, &q, scanInteraction)
}

func scanInteraction(scan func(...any) error) (Interaction, error) {
	var (
		i    Interaction
		cost sql.NullInt64
	)
	a := &i.Act
	if err := scan(&i.Brand, &i.Ticket, &i.ID, (*int32)(&a.Kind), (*int32)(&a.Direction), (*int32)(&a.Actor), &i.Agent, &i.Team, &i.Partner,
		&i.Channel, table.Micros{Of: &a.Start}, table.Micros{Of: &i.EndTime}, &i.Text, &i.Expectation, table.Words{Of: &i.Attributes},
		table.Micros{Of: &i.CreateTime}, &cost, table.Moment{Of: &i.RedactTime}, (*int32)(&i.From), (*int32)(&i.To), &i.Number); err != nil {
		return Interaction{}, missing("interaction", err)
	}
	if cost.Valid {
		i.CostMicros = &cost.Int64
	}
	return i, nil
}
