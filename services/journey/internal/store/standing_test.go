package store

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// TestARangeStandsAsItsCustomersDo holds what is read of a range to what is read of its
// customers, some of whom are part of others within it and beyond.
func TestARangeStandsAsItsCustomersDo(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 120 {
			record(t, s, touchpoint(i))
		}
		for _, link := range [][2]string{{"c3", "c2"}, {"c9", "c4"}, {"c5", "c8"}} {
			err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { return s.Link(tx, "acme", link[0], link[1], 1) })
			if err != nil {
				t.Fatal(err)
			}
		}
		m := score.Default()
		for _, tt := range []struct {
			first, end string
			listed     []string
			standing   []string
			members    []string
		}{
			{"", "", []string{"c0", "c1", "c2", "c3", "c4", "c5", "c6", "c7", "c8", "c9"}, []string{"c0", "c1", "c2", "c4", "c6", "c7", "c8"}, []string{"c3", "c5", "c9"}},
			{"c2", "c6", []string{"c2", "c3", "c4", "c5"}, []string{"c2", "c4"}, []string{"c3", "c5", "c9"}},
			{"c5", "c8", []string{"c5", "c6", "c7"}, []string{"c6", "c7"}, []string{"c5"}},
			{"c8", "", []string{"c8", "c9"}, []string{"c8"}, []string{"c5", "c9"}},
			{"d", "", nil, nil, nil},
		} {
			var read [2]map[string]*Standing
			err := s.Snapshot(t.Context(), func(snap *Snapshot) error {
				for i, people := range []People{Listed(tt.listed), Range(tt.first, tt.end)} {
					of, members, err := s.Standings(snap.Reader(t.Context()), "acme", people, &m, 60*day)
					if err != nil {
						return err
					}
					read[i] = of
					slices.Sort(members)
					if got := sortedKeys(of); !slices.Equal(got, tt.standing) || !slices.Equal(members, tt.members) {
						t.Errorf("from %q to %q: %v stand and %v are members, want %v and %v", tt.first, tt.end, got, members, tt.standing, tt.members)
					}
				}
				return nil
			})
			if err != nil {
				t.Fatal(err)
			}
			compareStandings(t, fmt.Sprint("from ", tt.first, " to ", tt.end), read[1], read[0])
		}
	})
}

// TestARangeIsReadByItsCustomers holds ranges, one of which has no end, to the index by customer,
// in the plan that PostgreSQL has for all values.
func TestARangeIsReadByItsCustomers(t *testing.T) {
	s, err := Open(t.Context(), sqldbtest.Open(t, migrated.Postgres(t)))
	if err != nil {
		t.Fatal(err)
	}
	record(t, s, many(5_000, 500)...)
	do(t, s, func(tx *sqldb.Tx) error { tx.Defer(`ANALYZE`); return nil })
	for i, people := range []People{Range("", "c2"), Range("c2", "c3"), Range("c9", "")} {
		q := s.laterOf("acme", people, span{2500 * day, math.MaxInt64})
		do(t, s, func(tx *sqldb.Tx) error {
			text := fmt.Sprintf(`PREPARE range_%d AS %s`, i, q.String())
			if _, err := tx.Exec(text); err != nil {
				return err
			}
			values := strings.Repeat(`, 'c'`, len(q.Args)-3)
			rows, err := tx.Query(fmt.Sprintf(`EXPLAIN EXECUTE range_%d ('acme', 0, 1%s)`, i, values))
			if err != nil {
				return err
			}
			steps, err := table.All(rows, func(scan func(...any) error) (step string, err error) { return step, scan(&step) })
			if plan := strings.Join(steps, "\n"); !strings.Contains(plan, "touchpoint_customer") || strings.Contains(plan, "touchpoint_time") {
				t.Errorf("from %q to %q: want customers looked up, got\n%s", people.first, people.end, plan)
			}
			return err
		})
	}
}

// compareStandings compares standings, whose parts are in no order.
func compareStandings(t *testing.T, what string, got, want map[string]*Standing) {
	t.Helper()
	total := 0
	for customer, w := range want {
		g := got[customer]
		if g == nil {
			continue
		}
		for _, of := range []*Standing{g, w} {
			slices.SortFunc(of.Cells, func(a, b score.Cell) int { return slices.Compare(key(a), key(b)) })
			slices.SortFunc(of.Later, func(a, b score.Touch) int { return int(a.Time - b.Time) })
		}
		if !reflect.DeepEqual(g, w) {
			t.Errorf("%s: %s stands as %+v, want %+v", what, customer, g, w)
		}
		total += len(w.Cells) + len(w.Later)
	}
	if len(want) > 0 && total == 0 {
		t.Errorf("%s: there is nothing to compare", what)
	}
}

func key(c score.Cell) []int64 { return []int64{c.Bucket, int64(c.Stage), c.W, c.WX} }

func sortedKeys(of map[string]*Standing) (keys []string) {
	for k := range of {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
