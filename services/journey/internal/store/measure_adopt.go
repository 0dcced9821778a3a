package store

import (
	"math"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// adopt adds to heard what was said of touchpoints under another name of their customer,
// and keeps it as said by the customer now: whoever said it goes on having said it after a
// split.
func (s *Store) adopt(tx *sqldb.Tx, brand string, touchpoints []*Touchpoint, heard words, now int64) error {
	var names []string
	heard.strange(touchpoints, func(t *Touchpoint, m *Measure) { names = append(names, t.Customer, m.Customer) })
	if len(names) == 0 {
		return nil
	}
	roots, err := s.links(tx, brand, "member", names)
	if err != nil {
		return err
	}
	root := func(customer string) string {
		if of := roots[customer]; of != "" {
			return of
		}
		return customer
	}
	var adopted []Measure
	heard.strange(touchpoints, func(t *Touchpoint, m *Measure) {
		if root(t.Customer) != root(m.Customer) {
			return
		}
		own := *m
		own.Customer, own.RecordTime = t.Customer, max(m.RecordTime, now)
		adopted = append(adopted, own)
	})
	for i := range adopted {
		m := &adopted[i]
		heard[m.Target] = append(heard[m.Target], *m)
		tx.Defer(insertMeasure, m.values(brand)...)
	}
	return nil
}

// strange calls f for what counts of what customers other than that of a touchpoint said
// of it.
func (w words) strange(touchpoints []*Touchpoint, f func(*Touchpoint, *Measure)) {
	for _, t := range touchpoints {
		for _, target := range [...]string{t.target(), t.Interaction} {
			if target == "" {
				continue
			}
			for i := range w[target] {
				if m := &w[target][i]; m.Customer != "" && m.Customer != t.Customer && !m.Withdrawn && w.last(m, math.MaxInt64) {
					f(t, m)
				}
			}
		}
	}
}

// latest returns when the last of what was said was heard.
func latest(said []Measure) (at int64) {
	for i := range said {
		at = max(at, said[i].RecordTime)
	}
	return at
}
