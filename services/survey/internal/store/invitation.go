package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An Invitation is a decision to ask a customer, or not to. The SQL says 1 for the
// decision to ask and 1 to 5 for the states before an answer, so that its indexes
// are used.
type Invitation struct {
	Brand, Survey, ID string
	Subject           int32 // the survey's
	Customer          string
	Interaction       string // empty for none
	Occasion          string // what must be asked at most once
	Channel           int32
	Decision          int32
	DecideTime        time.Time
	QuietUntil        time.Time // zero for never
	DuplicateOf       string    // the id of the invitation sent on this occasion before; empty for none
	Response          string    // the id of the response that counts; empty for none

	State          int32
	Origin         int32
	SurveyRevision int64
	Rule           string      // the id of the trigger rule; empty for none
	Attribution    Attribution // without the interaction
	Language       string      // empty for the survey's
	TokenHash      string      // empty where nobody may answer by token
	Version        int64

	// Zero until they come.
	AvailableTime, ExpireTime                     time.Time
	SendTime, DeliverTime, DisplayTime, StartTime time.Time
	DismissTime, CompleteTime, EndTime            time.Time
}

const invitationColumns = `brand, survey, id, subject, customer, interaction, occasion, channel, decision, decide_time, quiet_until,
	duplicate_of, response, state, origin, survey_revision, trigger_rule, ticket, touchpoint, agent, team, partner, about_channel, stage,
	phase, language, token_hash, version, available_time, expire_time, send_time, deliver_time, display_time, start_time, dismiss_time,
	complete_time, end_time`

// fields returns what the columns hold, to be read and written.
func (v *Invitation) fields() []any {
	a := &v.Attribution
	return []any{
		&v.Brand, &v.Survey, &v.ID, &v.Subject, &v.Customer, &v.Interaction, &v.Occasion, &v.Channel, &v.Decision,
		table.Micros{Of: &v.DecideTime},
		never{&v.QuietUntil},
		&v.DuplicateOf, &v.Response, &v.State, &v.Origin, &v.SurveyRevision, &v.Rule,
		&a.Ticket, &a.Touchpoint, &a.Agent, &a.Team, &a.Partner, &a.Channel, &a.Stage, &a.Phase, &v.Language,
		absent{&v.TokenHash},
		&v.Version,
		table.Moment{Of: &v.AvailableTime},
		table.Moment{Of: &v.ExpireTime},
		table.Moment{Of: &v.SendTime},
		table.Moment{Of: &v.DeliverTime},
		table.Moment{Of: &v.DisplayTime},
		table.Moment{Of: &v.StartTime},
		table.Moment{Of: &v.DismissTime},
		table.Moment{Of: &v.CompleteTime},
		table.Moment{Of: &v.EndTime},
	}
}

var insertInvitation = `INSERT INTO invitation (` + invitationColumns + `) VALUES ` + sqldb.Values(1, len(new(Invitation).fields()))

// AddInvitation adds v. An id in use fails the write with a unique error.
func (s *Store) AddInvitation(tx *sqldb.Tx, v Invitation) {
	tx.Defer(insertInvitation, v.fields()...)
	MarkInvitation(tx, v.Brand, v.DecideTime, time.Now())
}

// Invitation returns an invitation or [ErrNotFound].
func (s *Store) Invitation(ctx context.Context, brand, survey, id string) (Invitation, error) {
	return s.invitation(ctx, `brand = $1 AND survey = $2 AND id = $3`, brand, survey, id)
}

// InvitationByToken returns the invitation whose token has the hash, or
// [ErrNotFound].
func (s *Store) InvitationByToken(ctx context.Context, brand, hash string) (Invitation, error) {
	return s.invitation(ctx, `brand = $1 AND token_hash = $2`, brand, hash)
}

func (s *Store) invitation(ctx context.Context, where string, args ...any) (Invitation, error) {
	v, err := scanInvitation(s.db.Read().QueryRowContext(ctx, `SELECT `+invitationColumns+` FROM invitation WHERE `+where, args...).Scan)
	return v, sqldb.Fault(err)
}

// LockInvitation returns an invitation as it is now, or [ErrNotFound]. Until the
// transaction ends nobody else changes or locks it.
func (s *Store) LockInvitation(tx *sqldb.Tx, brand, survey, id string) (Invitation, error) {
	return scanInvitation(tx.QueryRow(`
		UPDATE invitation SET version = version WHERE brand = $1 AND survey = $2 AND id = $3
		RETURNING `+invitationColumns, brand, survey, id).Scan)
}

// LockInvitations is [Store.LockInvitation] for many invitations, each given by its
// survey and id. It returns those that there are.
func (s *Store) LockInvitations(tx *sqldb.Tx, brand string, keys [][2]string) (map[[2]string]Invitation, error) {
	found := make(map[[2]string]Invitation, len(keys))
	if len(keys) == 0 {
		return found, nil
	}
	var q sqldb.Query
	q.Add(`UPDATE invitation SET version = version WHERE brand = ? AND (survey, id) IN (VALUES `, brand)
	for i, k := range keys {
		if i > 0 {
			q.WriteString(`, `)
		}
		q.Add(`(?, ?)`, k[0], k[1])
	}
	q.WriteString(`) RETURNING ` + invitationColumns)
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	all, err := table.All(rows, scanInvitation)
	for _, v := range all {
		found[[2]string{v.Survey, v.ID}] = v
	}
	return found, err
}

// UpdateInvitation writes what has become of v, which the transaction has locked, and
// returns its next version.
func (s *Store) UpdateInvitation(tx *sqldb.Tx, v Invitation) Invitation {
	v.Version++
	tx.Defer(`
		UPDATE invitation SET state = $1, response = $2, token_hash = $3, version = $4, send_time = $5, deliver_time = $6,
		  display_time = $7, start_time = $8, dismiss_time = $9, complete_time = $10, end_time = $11
		WHERE brand = $12 AND survey = $13 AND id = $14`,
		v.State, v.Response, null(v.TokenHash), v.Version, sqldb.NullMicros(v.SendTime), sqldb.NullMicros(v.DeliverTime),
		sqldb.NullMicros(v.DisplayTime), sqldb.NullMicros(v.StartTime), sqldb.NullMicros(v.DismissTime), sqldb.NullMicros(v.CompleteTime),
		sqldb.NullMicros(v.EndTime), v.Brand, v.Survey, v.ID)
	MarkInvitation(tx, v.Brand, v.DecideTime, time.Now())
	return v
}

// The states that the store itself leads to.
const (
	invitationStarted   = 5
	invitationCompleted = 6
)

// StartInvitation notes that the customer of v, which the transaction has locked, has
// begun to answer. The earliest time counts.
func (s *Store) StartInvitation(tx *sqldb.Tx, v Invitation, at time.Time) Invitation {
	if v.State < invitationStarted {
		v.State = invitationStarted
	}
	if v.StartTime.IsZero() || at.Before(v.StartTime) {
		v.StartTime = at
	}
	return s.UpdateInvitation(tx, v)
}

// CompleteInvitation notes that v, which the transaction has locked, is answered, by
// the response of the id.
func (s *Store) CompleteInvitation(tx *sqldb.Tx, v Invitation, response string, at time.Time) Invitation {
	v.State, v.Response, v.CompleteTime = invitationCompleted, response, at
	return s.UpdateInvitation(tx, v)
}

// An InvitationFilter picks a page of invitations.
type InvitationFilter struct {
	Brand  string
	Survey string // empty for all
	Where  filter.Clause
	After  InvitationCursor
	Limit  int
}

// An InvitationCursor is the place in a list after an invitation. The zero cursor is
// before the first.
type InvitationCursor struct {
	DecideTime int64 // microseconds
	Survey, ID string
}

// Invitations returns the invitations that f picks, newest first.
func (s *Store) Invitations(ctx context.Context, f InvitationFilter) ([]Invitation, error) {
	var q sqldb.Query
	q.Add(`SELECT `+invitationColumns+` FROM invitation WHERE brand = ?`, f.Brand)
	if f.Survey != "" {
		q.Add(` AND survey = ?`, f.Survey)
	}
	if f.After.ID != "" {
		q.Add(` AND (decide_time, survey, id) < (?, ?, ?)`, f.After.DecideTime, f.After.Survey, f.After.ID)
	}
	q.Add(` AND (`+f.Where.Text+`) ORDER BY decide_time DESC, survey DESC, id DESC`, f.Where.Args...)
	q.Add(` LIMIT ?`, f.Limit)
	return s.invitations(ctx, q)
}

// PendingInvitations returns up to limit invitations that a customer can be shown at
// that time, on a channel or, with 0, on any, the oldest first.
func (s *Store) PendingInvitations(ctx context.Context, brand, customer string, channel int32, at time.Time, limit int) ([]Invitation, error) {
	now := sqldb.Micros(at)
	var q sqldb.Query
	q.Add(`SELECT i.`+strings.Join(strings.Fields(invitationColumns), " i.")+` FROM invitation i
		JOIN survey s ON s.brand = i.brand AND s.id = i.survey
		WHERE i.brand = ? AND i.customer = ? AND i.state BETWEEN 1 AND 5 AND i.dismiss_time IS NULL AND i.token_hash IS NOT NULL
		  AND i.available_time <= ? AND i.expire_time > ?
		  AND s.state = 2 AND (s.close_time IS NULL OR s.close_time > ?)`, brand, customer, now, now, now)
	if channel != 0 {
		q.Add(` AND i.channel = ?`, channel)
	}
	q.Add(` ORDER BY i.decide_time, i.survey, i.id LIMIT ?`, limit)
	return s.invitations(ctx, q)
}

func (s *Store) invitations(ctx context.Context, q sqldb.Query) ([]Invitation, error) {
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, scanInvitation)
	return all, sqldb.Fault(err)
}

func scanInvitation(scan func(...any) error) (Invitation, error) {
	var v Invitation
	switch err := scan(v.fields()...); {
	case errors.Is(err, sql.ErrNoRows):
		return Invitation{}, ErrNotFound
	case err != nil:
		return Invitation{}, fmt.Errorf("read invitation: %w", err)
	}
	return v, nil
}

// never is a time in a BIGINT column that is 0 for the zero time.
type never struct{ of *time.Time }

// Scan implements [sql.Scanner].
func (n never) Scan(column any) error {
	if column == int64(0) {
		*n.of = time.Time{}
		return nil
	}
	return table.Micros{Of: n.of}.Scan(column)
}

// Value implements [driver.Valuer].
func (n never) Value() (driver.Value, error) {
	if n.of.IsZero() {
		return int64(0), nil
	}
	return sqldb.Micros(*n.of), nil
}

// absent is a text in a TEXT column that is NULL where it is empty.
type absent struct{ of *string }

// Scan implements [sql.Scanner].
func (a absent) Scan(column any) error {
	var text sql.NullString
	err := text.Scan(column)
	*a.of = text.String
	return err
}

// Value implements [driver.Valuer].
func (a absent) Value() (driver.Value, error) {
	if *a.of == "" {
		return nil, nil
	}
	return *a.of, nil
}
