package store

import (
	"database/sql"
	"fmt"
	"math"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// The words are what was said about touchpoints, by target.
type words map[string][]Measure

// collect takes the measures of rows, of which none may come twice, and closes rows.
func (w words) collect(rows *sql.Rows) error {
	defer rows.Close()
	for rows.Next() {
		var m Measure
		err := rows.Scan(&m.Target, &m.Customer, &m.Response, &m.SubmitTime, &m.Rating.Value, &m.Rating.Min, &m.Rating.Max,
			&m.Rating.LowerIsBetter, &m.Version, &m.Withdrawn, &m.RecordTime)
		if err != nil {
			return fmt.Errorf("read measure: %w", sqldb.Fault(err))
		}
		w[m.Target] = append(w[m.Target], m)
	}
	return sqldb.Fault(rows.Err())
}

// rate gives t the rating that counted at a time, if any word was heard of it by then,
// and reports whether it did.
func (w words) rate(t *Touchpoint, at int64) (rated bool) {
	for _, target := range [...]string{t.target(), t.Interaction} {
		for i := range w[target] {
			if m := &w[target][i]; target != "" && w.last(m, at) && !m.Withdrawn && m.beats(t) {
				m.apply(t)
				rated = true
			}
		}
	}
	return rated
}

// rerated returns t with the rating that counts.
func (w words) rerated(t Touchpoint) Touchpoint {
	if t.Response != "" {
		t.Rating, t.Response, t.ResponseTime = Rating{}, "", 0 // the one it came with is kept
	}
	w.rate(&t, math.MaxInt64)
	return t
}

// last reports whether m was the last word of its response at a time.
func (w words) last(m *Measure, at int64) bool {
	if m.RecordTime > at {
		return false
	}
	for _, o := range w[m.Target] {
		if o.Response == m.Response && o.Version > m.Version && o.RecordTime <= at {
			return false
		}
	}
	return true
}
