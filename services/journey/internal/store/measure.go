package store

import (
	"database/sql"
	"errors"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Measure is a rating that a response gave a touchpoint. Of several for the same
// touchpoint the one submitted last counts, and of those submitted at the same
// moment the one whose response has the greater id: the order in which they
// arrive has no say.
type Measure struct {
	Target     string // customers/ann/touchpoints/7, or tickets/7/interactions/3 for all touchpoints that stand for it
	Customer   string // whose touchpoints it may measure; those of any if empty
	Response   string // its id
	SubmitTime int64
	Rating     Rating
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

// Measure keeps m and gives it to its touchpoints, those that are there and those
// that will come, unless they have one that counts more.
func (s *Store) Measure(tx *sqldb.Tx, brand string, m Measure) error {
	s.turn(tx)
	n, err := tx.Exec(`
		INSERT INTO measure (brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
		ON CONFLICT (brand, target, customer) DO UPDATE SET response = excluded.response, submit_time = excluded.submit_time,
		  rating = excluded.rating, scale_min = excluded.scale_min, scale_max = excluded.scale_max,
		  lower_is_better = excluded.lower_is_better
		WHERE excluded.submit_time > measure.submit_time
		   OR (excluded.submit_time = measure.submit_time AND excluded.response > measure.response)`,
		brand, m.Target, m.Customer, m.Response, m.SubmitTime, m.Rating.Value, m.Rating.Min, m.Rating.Max, bit(m.Rating.LowerIsBetter))
	if err != nil || n == 0 {
		return err
	}
	touchpoints, err := measured(tx, brand, m.Target)
	if err != nil {
		return err
	}
	sums := s.change()
	for i := range touchpoints {
		t := &touchpoints[i]
		if !m.beats(t) {
			continue
		}
		sums.sub(t)
		m.apply(t)
		sums.add(t)
		tx.Defer(`
			UPDATE touchpoint SET rating = $1, scale_min = $2, scale_max = $3, lower_is_better = $4, response = $5, response_time = $6
			WHERE brand = $7 AND id = $8`,
			t.Rating.Value, t.Rating.Min, t.Rating.Max, bit(t.Rating.LowerIsBetter), t.Response, t.ResponseTime, brand, t.ID)
	}
	s.save(tx, brand, sums)
	return nil
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
	return `SELECT target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better
		FROM measure WHERE brand = $1 AND target IN (` + list(n) + `)`
}

// measure gives the new touchpoints the measures that came before them.
func (r *recording) measure() error {
	if len(r.fresh) > 1 {
		var one int
		err := r.tx.QueryRow(`SELECT 1 FROM measure WHERE brand = $1 LIMIT 1`, r.brand).Scan(&one)
		if errors.Is(err, sql.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
	}
	waiting := map[string][]*Touchpoint{}
	var targets []string
	for _, i := range r.fresh {
		t := &r.answer[i].Touchpoint
		for _, target := range []string{t.target(), t.Interaction} {
			if target != "" {
				targets = append(targets, target)
				waiting[target] = append(waiting[target], t)
			}
		}
	}
	return r.store.selectMeasures.fill(targets, func(statement string, part []any) error {
		rows, err := r.tx.Query(statement, append([]any{r.brand}, part...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Measure
			if err := rows.Scan(&m.Target, &m.Customer, &m.Response, &m.SubmitTime, &m.Rating.Value, &m.Rating.Min, &m.Rating.Max,
				&m.Rating.LowerIsBetter); err != nil {
				return fmt.Errorf("read measure: %w", err)
			}
			for _, t := range waiting[m.Target] {
				if m.beats(t) {
					m.apply(t)
				}
			}
		}
		return rows.Err()
	})
}
