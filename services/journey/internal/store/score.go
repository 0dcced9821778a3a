package store

import (
	"database/sql"
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

// readScore reads the columns of a stored score.
func readScore(l *sqldb.Line) Score {
	r := Score{Customer: l.Text(), AsOf: l.Int(), Revision: l.Text()}
	for _, e := range []*stats.Estimate{&r.Estimate, &r.Service} {
		*e = stats.Estimate{
			Value: l.Float(), Lower: l.Float(), Upper: l.Float(), N: l.Int(), EffectiveN: l.Float(), Quality: stats.Quality(l.Int()),
			Known: true, Interval: true, Method: stats.MethodDelta,
		}
	}
	r.Change.Valid = !l.Null()
	r.Change.Float64 = l.Float()
	r.Weakest = typev1.Stage(l.Int()) //nolint:gosec // 0 to 5
	r.Announced = l.Float()
	return r
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
	all := make(map[string]Score, len(customers))
	err := tx.Lines(func(l *sqldb.Line) {
		r := readScore(l)
		all[r.Customer] = r
	}, q.String(), q.Args...)
	return all, err
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

// Standings returns what there is to score of people: all sums, and the touchpoints after
// an instant. Who has never had a touchpoint has none. A customer that is part of another
// has none either, and is named apart, as is everybody who is part of one of them.
func (s *Store) Standings(r Reader, brand string, people People, m *score.Model, after int64) (of map[string]*Standing, members []string, err error) {
	roots, err := s.roots(r, brand, people)
	if err != nil {
		return nil, nil, err
	}
	f := &standings{people: people, roots: roots, of: map[string]*Standing{}}
	asked := []People{people}
	var away []string // who is part of people and not among them
	for member, root := range roots {
		members = append(members, member)
		if people.has(root) && !people.has(member) {
			away = append(away, member)
		}
	}
	if len(away) > 0 {
		asked = append(asked, Listed(away))
	}
	for _, some := range asked {
		if err := s.cellsOf(r, brand, some, m, f.cell); err != nil {
			return nil, nil, err
		}
	}
	for _, some := range asked {
		if err := s.later(r, brand, some, m, span{after, math.MaxInt64}, f.touch); err != nil {
			return nil, nil, err
		}
	}
	return f.of, members, nil
}

// cellsOf reads the sums of people as m sees them, and how many touchpoints without an
// outcome are beside each. Those of a customer come one after another.
func (s *Store) cellsOf(r Reader, brand string, people People, m *score.Model, f func(customer string, c score.Cell, unscored int64)) error {
	var q sqldb.Query
	// Small numbers come as one: a column takes both sides longer than a sum.
	q.Add(`SELECT customer, 16 * bucket + 2 * stage + is_service, w, wx, wxx, ww, 2147483648 * n + unscored
		FROM stage_bucket WHERE brand = ? AND layout = ?`, brand, m.Layout)
	s.whose(&q, "customer", &people)
	q.Add(` ORDER BY customer`)
	return r.Lines(func(l *sqldb.Line) {
		customer, place := l.Text(), l.Int()
		c := score.Cell{Bucket: place >> 4, Stage: int(place>>1&7) - 1, Service: place&1 != 0} // the kernel counts stages from 0
		c.Sums = score.Sums{W: l.Int(), WX: l.Int(), WXX: l.Int(), WW: l.Int()}
		numbers := l.Int()
		c.N = numbers >> 31
		f(customer, c, numbers&math.MaxInt32)
	}, q.String(), q.Args...)
}

// roots returns whom each of people is part of who is part of another, and the same of
// everybody who is part of one of people.
func (s *Store) roots(r Reader, brand string, people People) (map[string]string, error) {
	roots := map[string]string{}
	for _, column := range []string{"root", "member"} {
		var q sqldb.Query
		q.Add(`SELECT member, root FROM customer_link WHERE brand = ?`, brand)
		s.whose(&q, column, &people)
		err := r.Lines(func(l *sqldb.Line) { roots[l.Text()] = l.Text() }, q.String(), q.Args...)
		if err != nil {
			return nil, err
		}
	}
	return roots, nil
}

const (
	laterColumns = `t.customer, t.event_time, 256 * t.channel + 16 * t.expectation + 2 * t.stage + t.is_service, t.weight,
		t.rating, t.scale_min, t.scale_max, t.lower_is_better`
	laterWhere = `t.brand = ? AND t.event_time > ? AND t.event_time < ? AND t.retract_time IS NULL`
)

// A span is the time between two instants, without both.
type span struct{ after, before int64 }

// later reads the touchpoints of people in a span, as m sees them, and whether it knows
// their outcomes.
func (s *Store) later(r Reader, brand string, people People, m *score.Model, in span, f func(string, score.Touch, bool)) error {
	q := s.laterOf(brand, people, in)
	return r.Lines(func(l *sqldb.Line) {
		t := Touchpoint{Customer: l.Text(), EventTime: l.Int()}
		traits := l.Int()
		t.Channel, t.Expectation = typev1.Channel(traits>>8), typev1.Expectation(traits>>4&15) //nolint:gosec // small
		t.Stage, t.Service, t.Weight = typev1.Stage(traits>>1&7), traits&1 != 0, l.Float()     //nolint:gosec // small
		if !l.Null() {
			t.Rating = Rating{Value: l.Int(), Min: l.Int(), Max: l.Int(), LowerIsBetter: l.Int() != 0}
		}
		touch, known := t.Touch(m)
		f(t.Customer, touch, known)
	}, q.String(), q.Args...)
}

// laterOf returns the statement of later. PostgreSQL would otherwise read the touchpoints of all
// customers where it knows little of the table.
func (s *Store) laterOf(brand string, people People, in span) *sqldb.Query {
	var q sqldb.Query
	if s.db.Postgres() && !people.between {
		q.Add(`SELECT t.* FROM unnest(?::text[]) AS who (name) CROSS JOIN LATERAL (
			SELECT `+laterColumns+` FROM touchpoint t WHERE `+laterWhere+` AND t.customer = who.name OFFSET 0) AS t`, people.listed, brand, max(in.after, never), in.before)
		return &q
	}
	by := ""
	if !s.db.Postgres() && people.between {
		by = ` INDEXED BY touchpoint_customer` // or it reads those of everybody in the span
	}
	q.Add(`SELECT `+laterColumns+` FROM touchpoint t`+by+` WHERE `+laterWhere, brand, max(in.after, never), in.before)
	s.whose(&q, "t.customer", &people)
	return &q
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
