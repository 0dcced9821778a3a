package store

import (
	"context"
	"database/sql"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Known returns the touchpoints of a customer, and of all who were one with it at
// readTime, as they were known then, oldest first: without those that were recorded later
// or had been taken back, and each with the rating that counted then. The outcome of a
// request for help that was corrected is known as corrected all along. The root is whom the
// customer was part of, or itself.
func (s *Store) Known(ctx context.Context, brand, customer string, readTime int64) (root string, all []Touchpoint, err error) {
	err = s.Snapshot(ctx, func(snap *Snapshot) error {
		members, err := snap.membersAt(ctx, brand, customer, readTime)
		if err != nil {
			return err
		}
		root = members[0]
		all, err = snap.known(ctx, brand, members, readTime)
		return err
	})
	return root, all, err
}

func (s *Snapshot) known(ctx context.Context, brand string, members []string, readTime int64) ([]Touchpoint, error) {
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM touchpoint WHERE brand = ? AND record_time <= ?`, brand, readTime)
	q.Add(` AND (retract_time IS NULL OR retract_time > ?)`, readTime)
	sqldb.In(&q, "customer", members)
	q.Add(` ORDER BY event_time, id`)
	rows, err := s.tx.QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("read touchpoints: %w", err)
	}
	all, err := collect(rows)
	if err != nil {
		return nil, err
	}
	heard := words{}
	for _, member := range members {
		rows, err := s.words(ctx, brand, member)
		if err != nil {
			return nil, fmt.Errorf("read measures: %w", err)
		}
		if err := heard.collect(rows); err != nil {
			return nil, err
		}
	}
	for i := range all {
		t := &all[i]
		if t.Response != "" {
			t.Rating, t.Response, t.ResponseTime = Rating{}, "", 0 // what it came with is among the words
		}
		heard.rate(t, readTime)
		if t.RetractTime > readTime {
			t.RetractTime, t.Reason = 0, ""
		}
	}
	return all, nil
}

// words returns the measures of a customer's touchpoints and of the interactions that
// these stand for.
func (s *Snapshot) words(ctx context.Context, brand, customer string) (*sql.Rows, error) {
	return s.tx.QueryContext(ctx, `
		SELECT `+measureColumns+` FROM measure WHERE brand = $1 AND target >= $2 AND target < $3
		UNION SELECT `+measureColumns+` FROM measure WHERE brand = $1 AND target IN (
		  SELECT interaction FROM touchpoint WHERE brand = $1 AND customer = $4 AND interaction IS NOT NULL)`,
		brand, "customers/"+customer+"/touchpoints/", "customers/"+customer+"/touchpoints0", customer)
}
