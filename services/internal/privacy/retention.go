package privacy

import (
	"context"
	"database/sql"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
)

const (
	retainEvery = time.Hour
	retainBatch = 500
	retainPoll  = time.Minute // another replica may have been told of a change
)

// A Rule says how what is old goes. Its texts are SQL: Find selects at most {limit} keys of
// rows from before {before}, and Apply is done about each, with {1}, {2}, … for its key.
// What Apply has been done about Find does not find again.
type Rule struct {
	Of    Age
	Keys  int // columns that Find returns
	Find  string
	Apply []string

	// Also does what SQL cannot about a row, by its key, before Apply. It may be nil.
	Also func(tx *sqldb.Tx, brand string, key []string)
}

// An Age says which wish of the brand a rule follows.
type Age int

// What brands have wishes about.
const (
	OfRecords Age = iota
	OfWords       // that somebody wrote or said
	ofAnswers     // kept for repeats
)

// SetRetention implements PrivacyService.
func (s *Server) SetRetention(ctx context.Context, req *typev1.SetRetentionRequest) (*typev1.SetRetentionResponse, error) {
	brand := name.Brand(req.GetParent())
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*typev1.SetRetentionResponse, error) {
		tx.Defer(`
			INSERT INTO retention (brand, version, records, free_text, answers, due_time) VALUES ($1, $2, $3, $4, $5, 0)
			ON CONFLICT (brand) DO UPDATE SET version = excluded.version, records = excluded.records, free_text = excluded.free_text,
			  answers = excluded.answers, due_time = 0
			WHERE retention.version < excluded.version`,
			brand, req.GetVersion(), period(req.GetRecords()), period(req.GetFreeText()), period(req.GetAnswers()))
		tx.AfterCommit(func() { s.alarm.Set(time.Now()) })
		return &typev1.SetRetentionResponse{}, nil
	})
}

// period returns d as a column holds it.
func period(d *durationpb.Duration) any {
	if d == nil {
		return nil
	}
	return d.AsDuration().Microseconds()
}

// Run forgets what brands want kept no longer, every hour and soon after they said so,
// and keeps the tombstones up to date, until ctx ends. Replicas may run it at the same time:
// one of them looks after a brand.
func (s *Server) Run(ctx context.Context) {
	done := make(chan struct{})
	go func() { defer close(done); s.Tombstones.Keep(ctx) }()
	defer func() { <-done }()
	for again := (worker.Retry{}); ctx.Err() == nil; {
		s.alarm.Clear()
		worked, err := s.retain(ctx, time.Now())
		if err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "what is old is kept for longer", "err", err)
		}
		if again.Wait(ctx, err); !worked && err == nil {
			s.alarm.Wait(ctx, time.Time{}, retainPoll)
		}
	}
}

// A retention is what one brand wants: how long to keep what, by age.
type retention struct {
	brand string
	keep  [ofAnswers + 1]sql.NullInt64
}

// retain looks after one brand whose time has come and reports whether there was one.
func (s *Server) retain(ctx context.Context, now time.Time) (bool, error) {
	var due int
	err := s.DB.Read().QueryRowContext(ctx, `SELECT 1 FROM retention WHERE due_time <= $1 LIMIT 1`, sqldb.Micros(now)).Scan(&due)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	} else if err != nil {
		return false, sqldb.Fault(err)
	}
	var r retention
	err = s.DB.Write(ctx, func(tx *sqldb.Tx) error {
		r = retention{}
		err := tx.QueryRow(`SELECT brand, records, free_text, answers FROM retention WHERE due_time <= $1 ORDER BY due_time LIMIT 1`+
			s.DB.SkipLocked(), sqldb.Micros(now)).Scan(&r.brand, &r.keep[OfRecords], &r.keep[OfWords], &r.keep[ofAnswers])
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		} else if err != nil {
			return err
		}
		tx.Defer(`UPDATE retention SET due_time = $1 WHERE brand = $2`, sqldb.Micros(now.Add(retainEvery)), r.brand)
		return nil
	})
	if err != nil || r.brand == "" {
		return false, err
	}
	for _, rule := range slices.Concat(s.Rules, []Rule{answersRule()}) {
		if keep := r.keep[rule.Of]; keep.Valid {
			if err := s.forget(ctx, rule, r.brand, sqldb.Micros(now)-keep.Int64); err != nil {
				return true, err
			}
		}
	}
	return true, nil
}

func answersRule() Rule {
	return Rule{
		Of:    ofAnswers,
		Keys:  1,
		Find:  `SELECT request_id FROM request WHERE brand = {brand} AND create_time < {before} LIMIT {limit}`,
		Apply: []string{`DELETE FROM request WHERE brand = {brand} AND request_id = {1}`},
	}
}

// forget applies a rule to all that is from before a time, some at a time.
func (s *Server) forget(ctx context.Context, rule Rule, brand string, before int64) error {
	for {
		keys, err := s.old(ctx, rule, brand, before)
		if err != nil || len(keys) == 0 {
			return err
		}
		err = s.DB.Write(ctx, func(tx *sqldb.Tx) error {
			for _, key := range keys {
				values := map[string]any{"brand": brand, "before": before}
				if rule.Also != nil {
					rule.Also(tx, brand, key)
				}
				for i, v := range key {
					values[strconv.Itoa(i+1)] = v
				}
				for _, apply := range rule.Apply {
					query, args := fill(apply, values)
					tx.Defer(query, args...)
				}
			}
			return nil
		})
		if err != nil || len(keys) < retainBatch {
			return err
		}
	}
}

// old returns the keys of some rows that a rule applies to.
func (s *Server) old(ctx context.Context, rule Rule, brand string, before int64) (keys [][]string, err error) {
	query, args := fill(rule.Find, map[string]any{"brand": brand, "before": before, "limit": retainBatch})
	rows, err := s.DB.Read().QueryContext(ctx, query, args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		key := make([]string, rule.Keys)
		into := make([]any, rule.Keys)
		for i := range key {
			into[i] = &key[i]
		}
		if err := rows.Scan(into...); err != nil {
			return nil, sqldb.Fault(err)
		}
		keys = append(keys, key)
	}
	return keys, sqldb.Fault(rows.Err())
}
