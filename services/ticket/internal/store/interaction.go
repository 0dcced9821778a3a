package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// An Interaction is one row; it never changes. Agent, Team and Partner are ids.
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
}

const interactionColumns = `brand, ticket, id, kind, direction, actor, agent, team, partner, channel, start_time, end_time,
	text, expectation, attributes, create_time`

var insertInteraction = `INSERT INTO interaction (` + interactionColumns + `) VALUES ` + sqldb.Values(1, 16)

// AddInteraction adds i. It returns [ErrExists] if the id is taken; fresh says
// that it cannot be.
func AddInteraction(tx *sqldb.Tx, i Interaction, fresh bool) error {
	attributes, err := encode(i.Attributes)
	if err != nil {
		return err
	}
	return add(tx, fresh, insertInteraction,
		i.Brand, i.Ticket, i.ID, int32(i.Act.Kind), int32(i.Act.Direction), int32(i.Act.Actor), i.Agent, i.Team, i.Partner,
		i.Channel, sqldb.Micros(i.Act.Start), sqldb.Micros(i.EndTime), i.Text, i.Expectation, attributes, sqldb.Micros(i.CreateTime))
}

// Interaction returns one interaction or [ErrNotFound].
func (s *Store) Interaction(ctx context.Context, brand, ticket, id string) (Interaction, error) {
	i, err := scanInteraction(s.db.Read().QueryRowContext(ctx,
		`SELECT `+interactionColumns+` FROM interaction WHERE brand = $1 AND ticket = $2 AND id = $3`, brand, ticket, id).Scan)
	return i, sqldb.Fault(err)
}

// An InteractionFilter pages the interactions of a ticket.
type InteractionFilter struct {
	Brand, Ticket string
	After         Cursor
	Limit         int
}

// Interactions returns interactions, oldest first by start time.
func (s *Store) Interactions(ctx context.Context, f InteractionFilter) ([]Interaction, error) {
	var q query
	q.add(`SELECT `+interactionColumns+` FROM interaction WHERE brand = ? AND ticket = ?`, f.Brand, f.Ticket)
	if f.After != (Cursor{}) {
		q.add(` AND (start_time, id) > (?, ?)`, f.After.Time, f.After.ID)
	}
	q.add(` ORDER BY start_time, id LIMIT ?`, f.Limit)
	return list(ctx, s.db, &q, scanInteraction)
}

func scanInteraction(scan func(...any) error) (Interaction, error) {
	var (
		i                      Interaction
		kind, direction, actor int32
		started, ended, stored int64
		attributes             string
	)
	err := scan(&i.Brand, &i.Ticket, &i.ID, &kind, &direction, &actor, &i.Agent, &i.Team, &i.Partner, &i.Channel,
		&started, &ended, &i.Text, &i.Expectation, &attributes, &stored)
	if err == nil {
		i.Attributes, err = decode(attributes)
	}
	if err != nil {
		return Interaction{}, missing("interaction", err)
	}
	i.Act = lifecycle.Interaction{
		Kind: lifecycle.Kind(kind), Direction: lifecycle.Direction(direction), Actor: lifecycle.Actor(actor),
		Start: sqldb.Time(started),
	}
	i.EndTime, i.CreateTime = sqldb.Time(ended), sqldb.Time(stored)
	return i, nil
}
