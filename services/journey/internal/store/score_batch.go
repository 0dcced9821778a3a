package store

import (
	"context"
	"math"

	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A Course is the journey of a customer, and of all who are one with it, as of an instant.
// Its touchpoints are there if the model looks at moments.
type Course struct {
	Journey
	Touches []score.Touch
}

// Courses returns the courses of customers by the name that was asked for, as of asOf and
// as m sees them, all of one moment. What it asks of the database does not grow with
// their number.
func (s *Store) Courses(ctx context.Context, brand string, customers []string, asOf int64, m *score.Model) (map[string]*Course, error) {
	var courses map[string]*Course
	err := s.Snapshot(ctx, func(snap *Snapshot) (err error) {
		courses, err = s.courses(snap.Reader(ctx), brand, customers, asOf, m)
		return err
	})
	return courses, err
}

func (s *Store) courses(r Reader, brand string, customers []string, asOf int64, m *score.Model) (map[string]*Course, error) {
	families, err := s.Families(r, brand, customers)
	if err != nil {
		return nil, err
	}
	var all []string
	courses := make(map[string]*Course, len(customers))
	for root, family := range families {
		c := &Course{Journey: Journey{Root: root, Whole: true}}
		all = append(all, family...)
		for _, member := range family {
			courses[member] = c
		}
	}
	return courses, s.follow(r, brand, all, asOf, m, courses)
}

// follow reads what courses are made of.
func (s *Store) follow(r Reader, brand string, customers []string, asOf int64, m *score.Model, courses map[string]*Course) error {
	cut := m.Bucket(asOf)
	err := s.cellsOf(r, brand, Listed(customers), m, func(customer string, c score.Cell, unscored int64) {
		j := &courses[customer].Journey
		c.Stage++ // as it is stored
		j.cell(c, unscored, cut)
	})
	if err != nil {
		return err
	}
	later := map[*Course][]score.Touch{}
	in := span{asOf, (cut + 1) * m.HalfLife.Microseconds()}
	if m.PeakEnd > 0 {
		in.after = math.MinInt64 // the moments are among all touchpoints
	}
	err = s.later(r, brand, Listed(customers), m, in, func(customer string, t score.Touch, known bool) {
		c := courses[customer]
		switch {
		case t.Time <= asOf && known:
			c.Touches = append(c.Touches, t)
		case t.Time > asOf && known:
			later[c] = append(later[c], t)
		case t.Time > asOf:
			c.Unscored--
		}
	})
	for c, touches := range later {
		c.Cells = m.Back(c.Cells, touches, asOf)
	}
	return err
}
