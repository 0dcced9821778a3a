package store

import (
	"database/sql"
	"fmt"
	"math"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A Score is a customer's score as it was stored.
type Score struct {
	Customer  string
	AsOf      int64
	Revision  string // of the model, as the kernel calls it
	Estimate  stats.Estimate
	Service   stats.Estimate
	Change    sql.NullFloat64 // unknown if there was no touchpoint 30 days before
	Weakest   typev1.Stage
	Announced float64 // the value that others were last told of
}

const scoreColumns = `id, as_of_time, revision, value, lower, upper, n, effective_n, quality,
	service_value, service_lower, service_upper, service_n, service_effective_n, service_quality,
	score_change, weakest_stage, announced`

// scoreWidth is the number of columns above, and the brand.
const scoreWidth = 19

func insertScores(rows int) string {
	return `INSERT INTO customer_score (brand, ` + scoreColumns + `) VALUES ` + sqldb.Values(rows, scoreWidth) + ` ` + mergeScores
}

// mergeScores takes the place of an earlier score, not of a later one.
const mergeScores = `ON CONFLICT (brand, id) DO UPDATE SET
		  as_of_time = excluded.as_of_time, revision = excluded.revision, value = excluded.value, lower = excluded.lower,
		  upper = excluded.upper, n = excluded.n, effective_n = excluded.effective_n, quality = excluded.quality,
		  service_value = excluded.service_value, service_lower = excluded.service_lower, service_upper = excluded.service_upper,
		  service_n = excluded.service_n, service_effective_n = excluded.service_effective_n, service_quality = excluded.service_quality,
		  score_change = excluded.score_change, weakest_stage = excluded.weakest_stage, announced = excluded.announced
		WHERE excluded.as_of_time >= customer_score.as_of_time`

// SaveScores stores scores, in the order given. One that is of an earlier instant than
// what is stored is left out.
func (s *Store) SaveScores(tx *sqldb.Tx, brand string, scores []Score) {
	if s.db.Postgres() && len(scores) > 1 {
		tx.Defer(s.spreadScores.text, s.spreadScores.args(len(scores), func(i int, into []any) []any {
			return scores[i].values(append(into, brand))
		})...)
		return
	}
	s.insertScores.split(len(scores), func(statement string, from, to int) error { //nolint:errcheck // Defer keeps errors
		args := make([]any, 0, scoreWidth*(to-from))
		for i := range scores[from:to] {
			args = scores[from+i].values(append(args, brand))
		}
		tx.Defer(statement, args...)
		return nil
	})
}

func (r *Score) values(args []any) []any {
	args = append(args, r.Customer, r.AsOf, r.Revision)
	for _, e := range []stats.Estimate{r.Estimate, r.Service} {
		args = append(args, e.Value, e.Lower, e.Upper, e.N, e.EffectiveN, int64(e.Quality))
	}
	return append(args, r.Change, int64(r.Weakest), r.Announced)
}

func scanScore(scan func(...any) error) (Score, error) {
	var r Score
	e, v := &r.Estimate, &r.Service
	err := scan(&r.Customer, &r.AsOf, &r.Revision, &e.Value, &e.Lower, &e.Upper, &e.N, &e.EffectiveN, &e.Quality,
		&v.Value, &v.Lower, &v.Upper, &v.N, &v.EffectiveN, &v.Quality, &r.Change, &r.Weakest, &r.Announced)
	if err != nil {
		return r, fmt.Errorf("read score: %w", err)
	}
	for _, e := range []*stats.Estimate{e, v} {
		e.Known, e.Interval, e.Method = true, true, stats.MethodDelta
	}
	return r, nil
}

// Scores returns the stored scores of customers, and keeps them from changing until the
// transaction ends.
func (s *Store) Scores(tx *sqldb.Tx, brand string, customers []string) (map[string]Score, error) {
	var q sqldb.Query
	q.Add(`SELECT `+scoreColumns+` FROM customer_score WHERE brand = ?`, brand)
	s.listed(&q, "id", customers)
	q.Add(` ORDER BY id`)
	if s.db.Postgres() {
		q.Add(` FOR UPDATE`)
	}
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	all := make(map[string]Score, len(customers))
	for rows.Next() {
		r, err := scanScore(rows.Scan)
		if err != nil {
			return nil, err
		}
		all[r.Customer] = r
	}
	return all, rows.Err()
}

// DropScores removes the stored scores of customers.
func (s *Store) DropScores(tx *sqldb.Tx, brand string, customers []string) {
	if len(customers) == 0 {
		return
	}
	var q sqldb.Query
	q.Add(`DELETE FROM customer_score WHERE brand = ?`, brand)
	s.listed(&q, "id", customers)
	tx.Defer(q.String(), q.Args...)
}

// A Standing is what the scores of one customer, and of whoever is part of it, are made
// of.
type Standing struct {
	Exists bool          // whether there is any touchpoint
	Cells  []score.Cell  // of all touchpoints
	Later  []score.Touch // those after some instant
}

// Standings returns what there is to score of customers: all sums, and the touchpoints
// after an instant. A customer that is part of another has none, and is named apart, as
// is everybody who is part of one of them.
func (s *Store) Standings(r Reader, brand string, customers []string, m *score.Model, after int64) (of map[string]*Standing, members []string, err error) {
	root, members, err := s.families(r, brand, customers)
	if err != nil {
		return nil, nil, err
	}
	of = map[string]*Standing{}
	all := make([]string, 0, len(root))
	for member, r := range root {
		all = append(all, member)
		of[r] = &Standing{}
	}
	if len(all) == 0 {
		return of, members, nil
	}
	err = s.cellsOf(r, brand, all, m, func(customer string, c score.Cell, unscored int64) {
		standing := of[root[customer]]
		standing.Exists = standing.Exists || c.N+unscored > 0
		if c.N != 0 {
			standing.Cells = append(standing.Cells, c)
		}
	})
	if err == nil {
		err = s.later(r, brand, all, m, span{after, math.MaxInt64}, func(customer string, t score.Touch, known bool) {
			if standing := of[root[customer]]; known {
				standing.Later = append(standing.Later, t)
			}
		})
	}
	return of, members, err
}

// cellsOf reads the sums of customers as m sees them, and how many touchpoints without an
// outcome are beside each.
func (s *Store) cellsOf(r Reader, brand string, customers []string, m *score.Model, f func(customer string, c score.Cell, unscored int64)) error {
	var q sqldb.Query
	q.Add(`SELECT customer, bucket, stage, is_service, w, wx, wxx, ww, n, unscored FROM stage_bucket WHERE brand = ? AND layout = ?`, brand, m.Layout)
	s.listed(&q, "customer", customers)
	return each(r, &q, func(rows *sql.Rows) error {
		var customer string
		var c score.Cell
		var unscored int64
		err := rows.Scan(&customer, &c.Bucket, &c.Stage, &c.Service, &c.W, &c.WX, &c.WXX, &c.WW, &c.N, &unscored)
		c.Stage-- // the kernel counts from 0
		f(customer, c, unscored)
		return err
	})
}

// families returns the root of each customer that is scored, and of all who are part of
// it; and everybody who is part of somebody.
func (s *Store) families(r Reader, brand string, customers []string) (root map[string]string, members []string, err error) {
	root = make(map[string]string, len(customers))
	for _, c := range customers {
		root[c] = c
	}
	part := map[string]string{}
	for _, column := range []string{"root", "member"} {
		var q sqldb.Query
		q.Add(`SELECT member, root FROM customer_link WHERE brand = ?`, brand)
		s.listed(&q, column, customers)
		err := each(r, &q, func(rows *sql.Rows) error {
			var member, of string
			err := rows.Scan(&member, &of)
			part[member] = of
			return err
		})
		if err != nil {
			return nil, nil, err
		}
	}
	for m, r := range part {
		members = append(members, m)
		if root[r] == r {
			root[m] = r
		} else {
			delete(root, m)
		}
	}
	return root, members, nil
}

const (
	laterColumns = `t.customer, t.event_time, t.stage, t.expectation, t.rating, t.scale_min, t.scale_max, t.lower_is_better,
		t.channel, t.is_service, t.weight`
	laterOf = `touchpoint t WHERE t.brand = ? AND t.event_time > ? AND t.event_time < ? AND t.retract_time IS NULL`
)

// A span is the time between two instants, without both.
type span struct{ after, before int64 }

// later reads the touchpoints of customers in a span, as m sees them, and whether it knows
// their outcomes. PostgreSQL would otherwise read those of all customers where it knows
// little of the table.
func (s *Store) later(r Reader, brand string, customers []string, m *score.Model, in span, f func(string, score.Touch, bool)) error {
	var q sqldb.Query
	if s.db.Postgres() {
		q.Add(`SELECT t.* FROM unnest(?::text[]) AS who (name) CROSS JOIN LATERAL (
			SELECT `+laterColumns+` FROM `+laterOf+` AND t.customer = who.name OFFSET 0) AS t`, customers, brand, max(in.after, never), in.before)
	} else {
		q.Add(`SELECT `+laterColumns+` FROM `+laterOf, brand, max(in.after, never), in.before)
		s.listed(&q, "t.customer", customers)
	}
	return each(r, &q, func(rows *sql.Rows) error {
		var t Touchpoint
		var r scanned
		if err := rows.Scan(&t.Customer, &t.EventTime, &t.Stage, &t.Expectation, &r.value, &r.low, &r.high, &r.lowerIsBetter,
			&t.Channel, &t.Service, &t.Weight); err != nil {
			return err
		}
		t.Rating = r.rating()
		touch, known := t.Touch(m)
		f(t.Customer, touch, known)
		return nil
	})
}

// each calls f for each row that q finds.
func each(r Reader, q *sqldb.Query, f func(*sql.Rows) error) error {
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := f(rows); err != nil {
			return err
		}
	}
	return rows.Err()
}
