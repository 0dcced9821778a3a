package store

import (
	"database/sql"
	"math"

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

const insertMeasure = `
	INSERT INTO measure (brand, ` + measureColumns + `) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)
	ON CONFLICT (brand, target, customer, response, version) DO NOTHING`

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

// Measure keeps what a response says about a target and gives the touchpoints that are
// meant, those that are there and those that will come, the rating that counts now. It
// returns those it has changed.
func (s *Store) Measure(tx *sqldb.Tx, brand string, m Measure) ([]Touchpoint, error) {
	s.turn(tx)
	tx.Defer(insertMeasure, m.values(brand)...) // a repeat finds everything as it is to be
	touchpoints, err := measured(tx, brand, m.Target)
	if err != nil || len(touchpoints) == 0 {
		return nil, err
	}
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return nil, err
	}
	sums := newChange(kept)
	var changed []Touchpoint
	var customers []string
	for i := range touchpoints {
		now, err := rerated(tx, brand, touchpoints[i])
		if err != nil {
			return nil, err
		}
		if now == touchpoints[i] {
			continue
		}
		spare(tx, brand, &touchpoints[i])
		sums.minus(&touchpoints[i])
		sums.plus(&now)
		tx.Defer(`
			UPDATE touchpoint SET rating = $1, scale_min = $2, scale_max = $3, lower_is_better = $4, response = $5, response_time = $6
			WHERE brand = $7 AND id = $8`, append(now.rated(nil), brand, now.ID)...)
		changed, customers = append(changed, now), append(customers, now.Customer)
	}
	s.save(tx, brand, sums)
	s.mark(tx, brand, customers)
	return changed, nil
}

// rerated returns t with the rating that counts.
func rerated(tx *sqldb.Tx, brand string, t Touchpoint) (Touchpoint, error) {
	if t.Response != "" {
		t.Rating, t.Response, t.ResponseTime = Rating{}, "", 0 // the one it came with is kept
	}
	rows, err := tx.Query(selectMeasures(2), brand, t.target(), t.Interaction)
	if err != nil {
		return t, err
	}
	heard := words{}
	if err := heard.collect(rows); err != nil {
		return t, err
	}
	heard.rate(&t, math.MaxInt64)
	return t, nil
}

// measured returns the touchpoints that target means.
func measured(tx *sqldb.Tx, brand, target string) ([]Touchpoint, error) {
	var rows *sql.Rows
	var err error
	if customer, id, ok := touchpointTarget(target); ok {
		rows, err = tx.Query(`SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND id = $2 AND customer = $3`, brand, id, customer)
	} else {
		rows, err = tx.Query(`SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND interaction = $2`, brand, target)
	}
	if err != nil {
		return nil, err
	}
	return collect(rows)
}

func selectMeasures(n int) string {
	return `SELECT ` + measureColumns + ` FROM measure WHERE brand = $1 AND target IN (` + list(n) + `)`
}

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
	var targets []string
	for _, i := range r.fresh {
		t := &r.answer[i].Touchpoint
		if targets = append(targets, t.target()); t.Interaction != "" {
			targets = append(targets, t.Interaction)
		}
	}
	heard := words{}
	err := r.store.selectMeasures.fill(targets, func(statement string, part []any) error {
		rows, err := r.tx.Query(statement, append([]any{r.brand}, part...)...)
		if err != nil {
			return err
		}
		return heard.collect(rows)
	})
	return heard, err
}
