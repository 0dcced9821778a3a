package store

import (
	"cmp"
	"math"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Measure is a word of a response about a touchpoint: the rating it gave. Of several for the same
// touchpoint the one submitted last counts, and of those submitted at the same
// moment the one whose response has the greater id: the order in which they
// arrive has no say.
type Measure struct {
	Target     string // customers/ann/touchpoints/7, or tickets/7/interactions/3 for all touchpoints that stand for it
	Customer   string // whose touchpoints it may measure; those of any if empty
	Response   string // its id
	SubmitTime int64
	Rating     Rating // none where Withdrawn
	Version    int64  // of the response; its greatest counts
	Withdrawn  bool   // the response counts no more
	RecordTime int64  // when it was heard
}

const measureColumns = `target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, version, withdrawn, record_time`

// keepMeasure leaves a measure that is there as it is.
const keepMeasure = `ON CONFLICT (brand, target, customer, response, version) DO NOTHING`

const insertMeasure = `
	INSERT INTO measure (brand, ` + measureColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12) ` + keepMeasure

// values returns the columns of m, and the brand before them.
func (m *Measure) values(brand string) []any {
	return []any{
		brand, m.Target, m.Customer, m.Response, m.SubmitTime, m.Rating.Value, m.Rating.Min, m.Rating.Max,
		bit(m.Rating.LowerIsBetter), m.Version, bit(m.Withdrawn), m.RecordTime,
	}
}

// beats reports whether m counts for t rather than what t has.
func (m *Measure) beats(t *Touchpoint) bool {
	if m.Customer != "" && m.Customer != t.Customer {
		return false
	}
	if t.Response == "" || m.SubmitTime != t.ResponseTime {
		return t.Response == "" || m.SubmitTime > t.ResponseTime
	}
	return m.Response > t.Response
}

func (m *Measure) apply(t *Touchpoint) {
	t.Rating, t.Response, t.ResponseTime = m.Rating, m.Response, m.SubmitTime
}

// spare keeps the rating that t came with, as a measure of no response, before one
// takes its place: it counts again where no response does.
func spare(tx *sqldb.Tx, brand string, t *Touchpoint) {
	if t.Response != "" || !t.Rating.Given() {
		return
	}
	m := Measure{Target: t.target(), Customer: t.Customer, Rating: t.Rating, Version: 1, RecordTime: t.RecordTime}
	tx.Defer(insertMeasure, m.values(brand)...)
}

// Measure keeps what responses say about targets and gives the touchpoints that are
// meant, those that are there and those that will come, the ratings that count now. It
// returns those it has changed.
func (s *Store) Measure(tx *sqldb.Tx, brand string, said []Measure) ([]Touchpoint, error) {
	s.turn(tx)
	s.hear(tx, brand, said)
	touchpoints, err := s.measured(tx, brand, said)
	if err != nil || len(touchpoints) == 0 {
		return nil, err
	}
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return nil, err
	}
	heard, err := s.heard(tx, brand, touchpoints, latest(said))
	if err != nil {
		return nil, err
	}
	sums := newChange(kept)
	var changed []Touchpoint
	var customers []string
	for _, t := range touchpoints {
		now := heard.rerated(*t)
		if now == *t {
			continue
		}
		spare(tx, brand, t)
		sums.minus(t)
		sums.plus(&now)
		var args arguments
		now.Rating.write(&args)
		now.writeResponse(&args)
		tx.Defer(`
			UPDATE touchpoint SET rating = $1, scale_min = $2, scale_max = $3, lower_is_better = $4, response = $5, response_time = $6
			WHERE brand = $7 AND id = $8`, append(args, brand, now.ID)...)
		changed, customers = append(changed, now), append(customers, now.Customer)
	}
	s.save(tx, brand, sums)
	s.mark(tx, brand, customers)
	return changed, nil
}

// hear keeps what was said, in the order of its key. A repeat finds everything as it is
// to be.
func (s *Store) hear(tx *sqldb.Tx, brand string, said []Measure) {
	said = slices.SortedFunc(slices.Values(said), func(a, b Measure) int {
		return cmp.Or(cmp.Compare(a.Target, b.Target), cmp.Compare(a.Customer, b.Customer),
			cmp.Compare(a.Response, b.Response), cmp.Compare(a.Version, b.Version))
	})
	if s.db.Postgres() && len(said) > 1 {
		tx.Defer(s.spreadMeasures.text, s.spreadMeasures.args(len(said), func(i int, into []any) []any {
			return append(into, said[i].values(brand)...)
		})...)
		return
	}
	for i := range said {
		tx.Defer(insertMeasure, said[i].values(brand)...)
	}
}

// measured returns the touchpoints that the targets of what was said mean.
func (s *Store) measured(tx *sqldb.Tx, brand string, said []Measure) (all []*Touchpoint, err error) {
	var ids, interactions []string
	meant := map[string]bool{}
	for i := range said {
		target := said[i].Target
		if _, id, ok := touchpointTarget(target); !ok {
			interactions = append(interactions, target)
		} else if !meant[target] {
			ids, meant[target] = append(ids, id), true
		}
	}
	byID, err := s.among(tx, brand, "id", ids)
	if err != nil {
		return nil, err
	}
	for i := range byID {
		if t := &byID[i]; meant[t.target()] { // else it is another customer's
			all = append(all, t)
		}
	}
	more, err := s.among(tx, brand, "interaction", interactions)
	for i := range more {
		if t := &more[i]; !meant[t.target()] {
			all = append(all, t)
		}
	}
	return all, err
}

// among returns the touchpoints of which a column is one of values.
func (s *Store) among(tx *sqldb.Tx, brand, column string, values []string) ([]Touchpoint, error) {
	if len(values) == 0 {
		return nil, nil
	}
	var q sqldb.Query
	if s.db.Postgres() {
		q.Add(`SELECT `+columns+` FROM (SELECT DISTINCT unnest(?::text[]) AS sought) AS given `+apiece("touchpoint", column, "?"), values, brand)
	} else {
		q.Add(`SELECT `+columns+` FROM touchpoint WHERE brand = ?`, brand)
		s.listed(&q, column, values)
	}
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return collect(rows)
}

func selectMeasures(n int) string {
	return `SELECT ` + measureColumns + ` FROM measure WHERE brand = $1 AND target IN (` + list(n) + `)`
}

// seekMeasures is selectMeasures for PostgreSQL.
func seekMeasures(n int) string { return seek(measureColumns, "measure", "target", n) }

// measure gives the new touchpoints the measures that came before them.
func (r *recording) measure() error {
	heard, err := r.heard()
	if err != nil || len(heard) == 0 {
		return err
	}
	var own []Touchpoint // with the ratings that they came with
	var ids []string
	for _, i := range r.fresh {
		t := &r.answer[i].Touchpoint
		if came := *t; heard.rate(t, math.MaxInt64) && came.Rating.Given() {
			own, ids = append(own, came), append(ids, came.ID)
			if came.Alias != "" {
				ids = append(ids, came.Alias)
			}
		}
	}
	if len(own) == 0 {
		return nil
	}
	known, err := r.known(ids) // a repeat may say another rating, which never counted
	for i := range own {
		_, stored := known[own[i].ID]
		if _, repeat := known[own[i].Alias]; !stored && !repeat {
			spare(r.tx, r.brand, &own[i])
		}
	}
	return err
}

// heard returns the measures that mean new touchpoints.
func (r *recording) heard() (words, error) {
	fresh, now := make([]*Touchpoint, len(r.fresh)), int64(0)
	for n, i := range r.fresh {
		fresh[n] = &r.answer[i].Touchpoint
		now = max(now, fresh[n].RecordTime)
	}
	return r.store.heard(r.tx, r.brand, fresh, now)
}

// heard returns the measures that mean touchpoints, as is known now.
func (s *Store) heard(tx *sqldb.Tx, brand string, touchpoints []*Touchpoint, now int64) (words, error) {
	var targets []string
	for _, t := range touchpoints {
		if targets = append(targets, t.target()); t.Interaction != "" {
			targets = append(targets, t.Interaction)
		}
	}
	slices.Sort(targets)
	heard := words{}
	err := s.selectMeasures.fill(slices.Compact(targets), func(statement string, part []any) error {
		rows, err := tx.Query(statement, append([]any{brand}, part...)...)
		if err != nil {
			return err
		}
		return heard.collect(rows)
	})
	if err != nil {
		return nil, err
	}
	return heard, s.adopt(tx, brand, touchpoints, heard, now)
}
