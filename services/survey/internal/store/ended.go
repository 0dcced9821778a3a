package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const (
	// keepEnded is how long ended interactions are kept at least.
	keepEnded = 31 * 24 * time.Hour

	// endedBatch is how many of them go in one transaction.
	endedBatch = 1000
)

// An Ended is an interaction as it was when it ended, which it stays. It has no touchpoint.
type Ended struct {
	Brand    string
	Customer string // empty if nobody knows
	EndTime  time.Time
	Attribution
}

const endedColumns = `brand, interaction, end_time, customer, agent, team, partner, channel, stage, phase`

// fields returns what the columns hold, to be read and written.
func (e *Ended) fields() []any {
	return []any{
		&e.Brand, &e.Interaction,
		table.Micros{Of: &e.EndTime},
		&e.Customer, &e.Agent, &e.Team, &e.Partner, &e.Channel, &e.Stage, &e.Phase,
	}
}

var insertEnded = `INSERT INTO ended_interaction (` + endedColumns + `) VALUES ` + sqldb.Values(1, len(new(Ended).fields())) +
	` ON CONFLICT DO NOTHING`

// AddEnded keeps e, unless the interaction is known.
func (s *Store) AddEnded(tx *sqldb.Tx, e Ended) {
	tx.Finally(insertEnded, e.fields()...)
	tx.AfterCommit(func() {
		if some, _, ok := s.ended.find(e.Brand, fresh); !ok || !some {
			s.ended.forget()
		}
	})
}

// Ended returns those of the interactions of a brand that are known to have ended, by their
// names within the brand. Whether the brand has any is as fresh as the survey of
// [Store.Survey].
func (s *Store) Ended(ctx context.Context, brand string, names []string) (map[string]Ended, error) {
	if len(names) == 0 {
		return nil, nil
	}
	some, err := s.someEnded(ctx, brand)
	if err != nil || !some {
		return nil, err
	}
	rows, err := s.endedNamed(ctx, brand, names)
	if err != nil {
		return nil, fmt.Errorf("read ended interactions: %w", sqldb.Fault(err))
	}
	all, err := table.All(rows, scanEnded)
	if err != nil {
		return nil, fmt.Errorf("read ended interactions: %w", sqldb.Fault(err))
	}
	found := make(map[string]Ended, len(all))
	for _, e := range all {
		found[e.Interaction] = e
	}
	return found, nil
}

// endedNamed looks interactions up one by one, whatever the database thinks of the table.
func (s *Store) endedNamed(ctx context.Context, brand string, names []string) (*sql.Rows, error) {
	if s.db.Postgres() {
		return s.db.Read().QueryContext(ctx, `SELECT e.* FROM unnest($1::text[]) AS named (name) CROSS JOIN LATERAL (
			SELECT `+endedColumns+` FROM ended_interaction WHERE brand = $2 AND interaction = named.name LIMIT 1) AS e`, names, brand)
	}
	text, _ := json.Marshal(names) //nolint:errchkjson // strings
	return s.db.Read().QueryContext(ctx, `SELECT `+endedColumns+` FROM json_each($1) AS named
		CROSS JOIN ended_interaction WHERE brand = $2 AND interaction = named.value`, string(text), brand)
}

// someEnded reports whether a brand has any, so that none are looked for where nobody tells
// of them.
func (s *Store) someEnded(ctx context.Context, brand string) (some bool, err error) {
	some, edition, ok := s.ended.find(brand, fresh)
	if ok {
		return some, nil
	}
	at := time.Now()
	var one int
	err = s.db.Read().QueryRowContext(ctx, `SELECT 1 FROM ended_interaction WHERE brand = $1 LIMIT 1`, brand).Scan(&one)
	if err != nil && !errors.Is(err, sql.ErrNoRows) {
		return false, fmt.Errorf("look for ended interactions: %w", sqldb.Fault(err))
	}
	s.ended.keep(brand, one == 1, edition, at)
	return one == 1, nil
}

// EndedOf returns up to limit ended interactions of a customer after one, by their names.
func (s *Store) EndedOf(ctx context.Context, brand, customer, after string, limit int) ([]Ended, error) {
	rows, err := s.db.Read().QueryContext(ctx, `SELECT `+endedColumns+` FROM ended_interaction
		WHERE brand = $1 AND customer = $2 AND interaction > $3 ORDER BY interaction LIMIT $4`, brand, customer, after, limit)
	if err != nil {
		return nil, fmt.Errorf("read ended interactions: %w", sqldb.Fault(err))
	}
	all, err := table.All(rows, scanEnded)
	return all, sqldb.Fault(err)
}

func scanEnded(scan func(...any) error) (e Ended, err error) {
	err = scan(e.fields()...)
	e.Ticket = name.Parent(e.Interaction)
	return e, err
}

// ForgetEnded removes ended interactions about which nobody who was invited would be in time
// to answer: those that ended longer ago than any survey of the brand waits for an answer, and
// 31 days at least.
func (s *Store) ForgetEnded(ctx context.Context, now time.Time) error {
	for brand := ""; ; {
		err := s.db.Read().QueryRowContext(ctx, `SELECT brand FROM ended_interaction WHERE brand > $1 ORDER BY brand LIMIT 1`, brand).Scan(&brand)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err == nil {
			err = s.forgetEnded(ctx, brand, now)
		}
		if err != nil {
			return fmt.Errorf("forget ended interactions: %w", sqldb.Fault(err))
		}
	}
}

func (s *Store) forgetEnded(ctx context.Context, brand string, now time.Time) error {
	var longest int64
	err := s.db.Read().QueryRowContext(ctx, `SELECT COALESCE(MAX(expire_after), 0) FROM survey WHERE brand = $1`, brand).Scan(&longest)
	if err != nil {
		return err
	}
	before := sqldb.Micros(now) - max(longest, keepEnded.Microseconds())
	for n := int64(endedBatch); n == endedBatch && err == nil; {
		err = s.db.WriteAside(ctx, func(tx *sqldb.Tx) (err error) {
			n, err = tx.Exec(`
				DELETE FROM ended_interaction WHERE brand = $1 AND interaction IN (
				  SELECT interaction FROM ended_interaction WHERE brand = $1 AND end_time < $2 ORDER BY end_time LIMIT $3)`,
				brand, before, endedBatch)
			return err
		})
	}
	return err
}
