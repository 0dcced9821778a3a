package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Timer says when the clocks of a ticket next move by themselves.
type Timer struct {
	Brand, Ticket string
	Schedule      string // whose change moves them; empty for none
	Wake          time.Time
}

// LockTimer keeps the timer of a ticket, if there is one, from others until the
// transaction ends.
func LockTimer(tx *sqldb.Tx, brand, ticket string) error {
	_, err := tx.Exec(`UPDATE sla_timer SET schedule = schedule WHERE brand = $1 AND ticket = $2`, brand, ticket)
	return err
}

// SetTimer stores t; one that waits for nothing is removed.
func SetTimer(tx *sqldb.Tx, t Timer) {
	if t.Schedule == "" && t.Wake.IsZero() {
		tx.Defer(`DELETE FROM sla_timer WHERE brand = $1 AND ticket = $2`, t.Brand, t.Ticket)
		return
	}
	tx.Defer(`INSERT INTO sla_timer (brand, ticket, schedule, wake_time) VALUES ($1, $2, $3, $4)
		ON CONFLICT (brand, ticket) DO UPDATE SET schedule = excluded.schedule, wake_time = excluded.wake_time`,
		t.Brand, t.Ticket, t.Schedule, sqldb.NullMicros(t.Wake))
}

// DueTimers returns up to limit tickets whose timers are due. On PostgreSQL they are
// this transaction's alone.
func (s *Store) DueTimers(tx *sqldb.Tx, now time.Time, limit int) ([]Timer, error) {
	rows, err := tx.Query(`SELECT brand, ticket FROM sla_timer WHERE wake_time <= $1 ORDER BY wake_time LIMIT $2`+s.db.SkipLocked(),
		sqldb.Micros(now), limit)
	if err != nil {
		return nil, err
	}
	return table.All(rows, func(scan func(...any) error) (t Timer, err error) { return t, scan(&t.Brand, &t.Ticket) })
}

// NextTimer returns when a timer or a change is next due, or zero.
func (s *Store) NextTimer(ctx context.Context) (time.Time, error) {
	var timer, change time.Time
	err := s.db.Read().QueryRowContext(ctx, `
		SELECT (SELECT MIN(wake_time) FROM sla_timer WHERE wake_time IS NOT NULL), (SELECT MIN(due_time) FROM sla_change)`).
		Scan(table.Moment{Of: &timer}, table.Moment{Of: &change})
	if timer.IsZero() || !change.IsZero() && change.Before(timer) {
		timer = change
	}
	return timer, sqldb.Fault(err)
}

// A Change is one of the hours of a schedule. From Due on its tickets are told.
type Change struct {
	ID, Brand, Schedule string
	After               string // the last ticket told
	Due                 time.Time
}

// AddChange notes that the hours of a schedule have changed.
func AddChange(tx *sqldb.Tx, c Change) {
	tx.Defer(`INSERT INTO sla_change (id, brand, schedule, after, due_time) VALUES ($1, $2, $3, '', $4)`,
		name.NewID(), c.Brand, c.Schedule, sqldb.Micros(c.Due))
}

// TellChange makes the timers due of up to limit tickets that the oldest change which
// is due has not told yet, and forgets the change once all are. It reports whether
// there was one.
func (s *Store) TellChange(tx *sqldb.Tx, now time.Time, limit int) (bool, error) {
	var c Change
	err := tx.QueryRow(`SELECT id, brand, schedule, after FROM sla_change WHERE due_time <= $1 ORDER BY due_time, id LIMIT 1`+s.db.SkipLocked(),
		sqldb.Micros(now)).Scan(&c.ID, &c.Brand, &c.Schedule, &c.After)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	rows, err := tx.Query(`SELECT ticket FROM sla_timer WHERE brand = $1 AND schedule = $2 AND schedule <> '' AND ticket > $3 ORDER BY ticket LIMIT $4`,
		c.Brand, c.Schedule, c.After, limit)
	if err != nil {
		return false, err
	}
	tickets, err := table.All(rows, func(scan func(...any) error) (t string, err error) { return t, scan(&t) })
	if err != nil {
		return false, err
	}
	if len(tickets) < limit {
		tx.Defer(`DELETE FROM sla_change WHERE id = $1`, c.ID)
	} else {
		tx.Defer(`UPDATE sla_change SET after = $1 WHERE id = $2`, tickets[limit-1], c.ID)
	}
	if len(tickets) > 0 {
		var q sqldb.Query
		q.Add(`UPDATE sla_timer SET wake_time = ? WHERE brand = ?`, sqldb.Micros(now), c.Brand)
		sqldb.In(&q, `ticket`, tickets)
		tx.Defer(q.String(), q.Args...)
	}
	return true, nil
}
