package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An Invitation is a decision to ask a customer, or not to. The SQL says 1 for the
// decision to ask, so that its indexes are used.
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

// Sent is what a new decision must know of those before it.
type Sent struct {
	DuplicateOf string    // the id of the invitation by this survey, on this occasion; empty for none
	QuietUntil  time.Time // zero if the customer need not be left alone
}

// Contact locks the customer of v against other decisions until the transaction
// ends and says what was sent to them. They are left alone at v.DecideTime if that
// is closer to an invitation than the invitation's quiet period, on either side, or
// if one that was sent later falls into the quiet period that v would begin.
func (s *Store) Contact(tx *sqldb.Tx, v Invitation, quiet time.Duration) (Sent, error) {
	tx.Defer(`
		INSERT INTO contact (brand, customer) VALUES ($1, $2)
		ON CONFLICT (brand, customer) DO UPDATE SET customer = excluded.customer`, v.Brand, v.Customer)
	var (
		known Sent
		until int64
	)
	err := tx.QueryRow(`
		SELECT COALESCE(MAX(CASE WHEN survey = $1 AND occasion = $2 THEN id END), ''),
		       COALESCE(MAX(CASE
		         WHEN decide_time <= $3 AND quiet_until > $3 THEN quiet_until
		         WHEN decide_time > $3 AND quiet_until > 0 AND decide_time - (quiet_until - decide_time) < $3 THEN quiet_until
		         WHEN decide_time > $3 AND decide_time < $4 AND quiet_until > 0 THEN quiet_until
		         WHEN decide_time > $3 AND decide_time < $4 THEN decide_time
		       END), 0)
		FROM invitation WHERE brand = $5 AND customer = $6 AND decision = 1`,
		v.Survey, v.Occasion, sqldb.Micros(v.DecideTime), sqldb.Micros(v.DecideTime.Add(quiet)), v.Brand, v.Customer).
		Scan(&known.DuplicateOf, &until)
	if err != nil {
		return Sent{}, fmt.Errorf("read what was sent: %w", err)
	}
	if until > 0 {
		known.QuietUntil = sqldb.Time(until)
	}
	return known, nil
}

// AddInvitation adds v.
func (s *Store) AddInvitation(tx *sqldb.Tx, v Invitation) {
	var until int64
	if !v.QuietUntil.IsZero() {
		until = sqldb.Micros(v.QuietUntil)
	}
	tx.Defer(`
		INSERT INTO invitation (brand, survey, id, subject, customer, interaction, occasion, channel, decision, decide_time, quiet_until,
		  duplicate_of)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)`,
		v.Brand, v.Survey, v.ID, v.Subject, v.Customer, v.Interaction, v.Occasion, v.Channel, v.Decision,
		sqldb.Micros(v.DecideTime), until, v.DuplicateOf)
}

// Invitation returns an invitation or [ErrNotFound].
func (s *Store) Invitation(ctx context.Context, brand, survey, id string) (Invitation, error) {
	v := Invitation{Brand: brand, Survey: survey, ID: id}
	var decided, until int64
	err := s.db.Read().QueryRowContext(ctx, `
		SELECT i.customer, i.interaction, i.channel, i.decision, i.decide_time, i.quiet_until, i.duplicate_of, COALESCE(r.id, '')
		FROM invitation i
		LEFT JOIN response r ON r.brand = i.brand AND r.survey = i.survey AND r.invitation = i.id
		WHERE i.brand = $1 AND i.survey = $2 AND i.id = $3`, brand, survey, id).
		Scan(&v.Customer, &v.Interaction, &v.Channel, &v.Decision, &decided, &until, &v.DuplicateOf, &v.Response)
	if errors.Is(err, sql.ErrNoRows) {
		return Invitation{}, ErrNotFound
	}
	if err != nil {
		return Invitation{}, fmt.Errorf("read invitation: %w", sqldb.Fault(err))
	}
	v.DecideTime = sqldb.Time(decided)
	if until > 0 {
		v.QuietUntil = sqldb.Time(until)
	}
	return v, nil
}
