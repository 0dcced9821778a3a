package store

import (
	"errors"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// Whoever was part of a customer when it was merged is part of it again after the
// split, and all sums are those of before.
func TestASplitRestoresWhatTheMergeFound(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		for i := range 50 {
			record(t, s, touchpoint(i))
		}
		do := func(f func(*sqldb.Tx) error) error { return s.db.Write(t.Context(), f) }
		link := func(member, into string) {
			t.Helper()
			if err := do(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", member, into, 1) }); err != nil {
				t.Fatalf("link %s to %s: %v", member, into, err)
			}
		}
		link("c3", "c2")
		link("c2", "c1")
		before := standing(t, s)
		link("c1", "c0")
		link("c4", "c3") // which means c0
		want := map[string]string{"c1": "c0", "c2": "c0", "c3": "c0", "c4": "c0"}
		if got, err := s.Roots(t.Context(), "acme"); err != nil || !maps.Equal(got, want) {
			t.Errorf("roots = %v, %v, want %v", got, err, want)
		}
		if got, err := s.Members(t.Context(), "acme", "c3"); err != nil || !slices.Equal(got, []string{"c0", "c1", "c2", "c3", "c4"}) {
			t.Errorf("members = %v, %v, want all, the root first", got, err)
		}
		for _, again := range [][2]string{{"c0", "c3"}, {"c2", "c9"}, {"c0", "c0"}} {
			err := do(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", again[0], again[1], 2) })
			if !errors.Is(err, ErrLinked) {
				t.Errorf("link %v: %v, want it refused", again, err)
			}
		}
		for _, member := range []string{"c4", "c1"} {
			if err := do(func(tx *sqldb.Tx) error { return s.Unlink(tx, "acme", member, 3) }); err != nil {
				t.Fatal(err)
			}
		}
		if got := standing(t, s); !reflect.DeepEqual(got, before) {
			t.Errorf("after the split %v, want %v", got, before)
		}
		if err := do(func(tx *sqldb.Tx) error { return s.Unlink(tx, "acme", "c1", 3) }); !errors.Is(err, ErrNotFound) {
			t.Errorf("split of somebody who is part of nobody: %v", err)
		}
	})
}

// Replicas whose clocks differ may write links that were never there together.
func TestACircleOfPastLinksEnds(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		record(t, s, touchpoint(0))
		err = s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`INSERT INTO customer_link_past (brand, member, parent, link_time, unlink_time) VALUES ('acme', 'c0', 'c1', 1, 11), ('acme', 'c1', 'c0', 9, 20)`)
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		if _, known, err := s.Known(t.Context(), "acme", "c0", 10); err != nil || len(known) != 1 {
			t.Errorf("known = %v, %v, want one touchpoint", known, err)
		}
	})
}

// An event that comes again for somebody else is a repeat if the two are one.
func TestWhoseEventItIs(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		p := touchpoint(0)
		p.Customer = "c1"
		record(t, s, p)
		do := func(f func(*sqldb.Tx) error) {
			t.Helper()
			if err := s.db.Write(t.Context(), f); err != nil {
				t.Fatal(err)
			}
		}
		stranger := func(customer string, want bool) {
			t.Helper()
			again := p
			again.Customer = customer
			do(func(tx *sqldb.Tx) error {
				got, err := s.Record(tx, "acme", []Touchpoint{again})
				if err == nil && (got[0].New || got[0].Stranger != want || got[0].Touchpoint.Customer != "c1") {
					t.Errorf("again for %s: %+v, want a repeat of c1's, of a stranger: %t", customer, got[0], want)
				}
				return err
			})
		}
		stranger("c1", false)
		stranger("c0", true)
		do(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c1", "c0", 1) })
		do(func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "c2", "c0", 2) })
		stranger("c1", false)
		stranger("c0", false)
		stranger("c2", false)
		stranger("c3", true)
		do(func(tx *sqldb.Tx) error { return s.Unlink(tx, "acme", "c1", 3) })
		stranger("c0", true)
	})
}

// standing returns whom each customer is one with, and its journey.
func standing(t *testing.T, s *Store) map[string]any {
	t.Helper()
	m, all := score.Default(), map[string]any{}
	for i := range 10 {
		customer := fmt.Sprint("c", i)
		members, err := s.Members(t.Context(), "acme", customer)
		if err != nil {
			t.Fatal(err)
		}
		j, err := s.Journey(t.Context(), "acme", customer, 100*day, &m)
		if err != nil {
			t.Fatal(err)
		}
		all[customer] = [2]any{members, m.Score(j.Cells, j.Partial, 100*day)}
	}
	return all
}
