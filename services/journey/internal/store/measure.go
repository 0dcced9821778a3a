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
	Rating     Rating // none where Withdrawn
	Version    int64  // of the response; its greatest counts
	Withdrawn  bool   // the response counts no more
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
	tx.Defer(`
		INSERT INTO measure (brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, version, withdrawn)
		VALUES ($1, $2, $3, '', 0, $4, $5, $6, $7, 1, 0)
		ON CONFLICT (brand, target, customer, response) DO NOTHING`,
		brand, t.target(), t.Customer, t.Rating.Value, t.Rating.Min, t.Rating.Max, bit(t.Rating.LowerIsBetter))
}

// Measure keeps the last word of a response about a target and gives the touchpoints
// that are meant, those that are there and those that will come, the rating that
// counts now.
func (s *Store) Measure(tx *sqldb.Tx, brand string, m Measure) error {
	s.turn(tx)
	n, err := tx.Exec(`
		INSERT INTO measure (brand, target, customer, response, submit_time, rating, scale_min, scale_max, lower_is_better, version, withdrawn)
		VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)
		ON CONFLICT (brand, target, customer, response) DO UPDATE SET submit_time = excluded.submit_time,
		  rating = excluded.rating, scale_min = excluded.scale_min, scale_max = excluded.scale_max,
		  lower_is_better = excluded.lower_is_better, version = excluded.version, withdrawn = excluded.withdrawn
		WHERE excluded.version > measure.version`,
		brand, m.Target, m.Customer, m.Response, m.SubmitTime, m.Rating.Value, m.Rating.Min, m.Rating.Max, bit(m.Rating.LowerIsBetter),
		m.Version, bit(m.Withdrawn))
	if err != nil || n == 0 {
		return err
	}
	touchpoints, err := measured(tx, brand, m.Target)
	if err != nil || len(touchpoints) == 0 {
		return err
	}
	sums := s.change()
	for i := range touchpoints {
		now, err := rerated(tx, brand, touchpoints[i])
		if err != nil {
			return err
		}
		if now.Rating == touchpoints[i].Rating && now.Response == touchpoints[i].Response {
			continue
		}
		spare(tx, brand, &touchpoints[i])
		sums.sub(&touchpoints[i])
		sums.add(&now)
		tx.Defer(`
			UPDATE touchpoint SET rating = $1, scale_min = $2, scale_max = $3, lower_is_better = $4, response = $5, response_time = $6
			WHERE brand = $7 AND id = $8`, append(now.rated(nil), brand, now.ID)...)
	}
	s.save(tx, brand, sums)
	return nil
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
	defer rows.Close()
	for rows.Next() {
		var m Measure
		if err := m.scan(rows); err != nil {
			return t, err
		}
		if m.beats(&t) {
			m.apply(&t)
		}
	}
	return t, rows.Err()
}

func (m *Measure) scan(row scanner) error {
	err := row.Scan(&m.Target, &m.Customer, &m.Response, &m.SubmitTime, &m.Rating.Value, &m.Rating.Min, &m.Rating.Max,
		&m.Rating.LowerIsBetter)
	if err != nil {
		return fmt.Errorf("read measure: %w", err)
	}
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
		FROM measure WHERE brand = $1 AND target IN (` + list(n) + `) AND withdrawn = 0`
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
	own := map[*Touchpoint]Touchpoint{} // as they came
	err := r.store.selectMeasures.fill(targets, func(statement string, part []any) error {
		rows, err := r.tx.Query(statement, append([]any{r.brand}, part...)...)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var m Measure
			if err := m.scan(rows); err != nil {
				return err
			}
			for _, t := range waiting[m.Target] {
				if m.beats(t) {
					if t.Response == "" {
						own[t] = *t
					}
					m.apply(t)
				}
			}
		}
		return rows.Err()
	})
	for _, t := range own {
		spare(r.tx, r.brand, &t)
	}
	return err
}
