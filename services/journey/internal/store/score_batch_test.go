package store

import (
	"database/sql"
	"fmt"
	"reflect"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A counter counts what is asked of a reader.
type counter struct {
	Reader
	asked int
}

func (c *counter) Query(query string, args ...any) (*sql.Rows, error) {
	c.asked++
	return c.Reader.Query(query, args...)
}

func (c *counter) Lines(visit func(*sqldb.Line), query string, args ...any) error {
	c.asked++
	return c.Reader.Lines(visit, query, args...)
}

func TestManyCoursesAreReadAtOnceAndScoreAsEachDoes(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 300 {
			record(t, s, touchpoint(i))
		}
		err = s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c3", "c2", 1) })
		if err != nil {
			t.Fatal(err)
		}
		plain := score.Default()
		moments := plain
		moments.PeakEnd = 0.3
		for _, m := range []*score.Model{&plain, &moments} {
			for _, asOf := range []int64{-1, 0, 7*day + 1, 95 * day, 180 * day, 299 * day, 1000 * day} {
				compareCourses(t, s, m, asOf)
			}
		}
	})
}

// compareCourses holds the courses of all customers to what each says of itself.
func compareCourses(t *testing.T, s *Store, m *score.Model, asOf int64) {
	t.Helper()
	asked := map[int]int{} // by the number of customers
	for _, n := range []int{1, 12} {
		var names []string
		for i := range n {
			names = append(names, fmt.Sprint("c", i)) // of whom the last two are nobody
		}
		r := &counter{Reader: s.Reader(t.Context())}
		courses, err := s.courses(r, "acme", names, asOf, m)
		if err != nil {
			t.Fatal(err)
		}
		asked[n] = r.asked
		for _, name := range names {
			c := courses[name]
			j, err := s.Journey(t.Context(), "acme", name, asOf, m)
			if err != nil {
				t.Fatal(err)
			}
			if c.Exists != j.Exists || c.Unscored != j.Unscored || name == "c3" && c.Root != "c2" {
				t.Errorf("%s as of %d: exists %t, %d unscored, of %s, want %t, %d", name, asOf, c.Exists, c.Unscored, c.Root, j.Exists, j.Unscored)
			}
			all, err := s.Touchpoints(t.Context(), "acme", name)
			if err != nil {
				t.Fatal(err)
			}
			var touches []score.Touch
			for i := range all {
				if touch, known := all[i].Touch(m); known {
					touches = append(touches, touch)
				}
			}
			got := m.Latest(c.Cells, asOf)
			if m.PeakEnd > 0 {
				got = m.Remember(got, m.Moments(c.Touches, asOf))
			}
			if want := m.Replay(touches, asOf); !reflect.DeepEqual(got, want) {
				t.Errorf("%s as of %d: %+v, want %+v", name, asOf, got, want)
			}
		}
	}
	if asked[12] != asked[1] || asked[1] == 0 {
		t.Errorf("%d questions for 12 customers, %d for one", asked[12], asked[1])
	}
}
