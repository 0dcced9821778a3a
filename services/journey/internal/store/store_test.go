package store

import (
	"context"
	"fmt"
	"sync"
	"testing"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

const day = 24 * 3600e6

// migrated has the schema of the store.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := Open(ctx, db)
	return err
})

// TestStore holds SQLite and PostgreSQL to the same promises.
func TestStore(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"a batch of any size, known in part, is answered item by item", testBatches},
			{"a measure and its touchpoint that race find each other", testRacingMeasures},
			{"writers of the same sums in any order do not hold each other up", testRacingSums},
			{"what fails leaves nothing", testFailure},
		} {
			t.Run(tt.name, func(t *testing.T) {
				s, err := Open(t.Context(), open(t))
				if err != nil {
					t.Fatal(err)
				}
				tt.test(t, s)
			})
		}
	})
}

func TestOpenTogether(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		var wg sync.WaitGroup
		for range 4 {
			wg.Go(func() {
				if _, err := Open(t.Context(), db); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Wait()
	})
}

// touchpoint is number i of one of ten customers.
func touchpoint(i int) Touchpoint {
	return Touchpoint{
		ID: fmt.Sprint("t", i), Customer: fmt.Sprint("c", i%10), Definition: "d", EventTime: int64(i) * day, RecordTime: 1,
		Stage: typev1.Stage(i%5 + 1), Expectation: typev1.Expectation(i % 4), Weight: 1,
	}
}

func record(t *testing.T, s *Store, batch ...Touchpoint) (answer []Recorded) {
	t.Helper()
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		answer, err = s.Record(tx, "acme", batch)
		return err
	})
	if err != nil {
		t.Error(err)
	}
	return answer
}

// check compares the sums of a customer with a replay of the touchpoints.
func check(t *testing.T, s *Store, customer string, asOf int64) {
	t.Helper()
	m := score.Default()
	checkUnder(t, s, &m, customer, asOf)
}

// checkUnder is check of the sums that m needs.
func checkUnder(t *testing.T, s *Store, m *score.Model, customer string, asOf int64) {
	t.Helper()
	j, err := s.Journey(t.Context(), "acme", customer, asOf, m)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Touchpoints(t.Context(), "acme", customer)
	if err != nil {
		t.Fatal(err)
	}
	var touches []score.Touch
	unscored := int64(0)
	for _, p := range all {
		if touch, known := p.Touch(m); known {
			touches = append(touches, touch)
		} else if p.EventTime <= asOf {
			unscored++
		}
	}
	of := func(cells []score.Cell, partial []score.Touch) score.Result {
		if j.Whole {
			return m.Latest(cells, asOf)
		}
		return m.Score(cells, partial, asOf)
	}
	if got, want := of(j.Cells, j.Partial), m.Replay(touches, asOf); got != want || j.Unscored != unscored {
		t.Errorf("%s as of %d: %+v and %d unscored, want %+v and %d", customer, asOf, got, j.Unscored, want, unscored)
	}
	got, want := of(score.ServiceCells(j.Cells), score.ServiceTouches(j.Partial)), m.Replay(score.ServiceTouches(touches), asOf)
	if got != want {
		t.Errorf("%s, service, as of %d: %+v, want %+v", customer, asOf, got, want)
	}
}

func testBatches(t *testing.T, s *Store) {
	known := map[int]bool{}
	for _, size := range []int{1, 2, 9, 11, 61, 499, 562, 1000} {
		for _, step := range []int{1, 3} { // with 3, a third of the batch is known from the round before
			batch := make([]Touchpoint, size)
			for i := range batch {
				batch[i] = touchpoint(i * step)
				if i%7 == 0 {
					batch[i].Alias = fmt.Sprint("alias-", i*step)
				}
			}
			for i, r := range record(t, s, batch...) {
				if r.New == known[i*step] || r.Touchpoint.ID != batch[i].ID || r.Touchpoint.RecordTime != 1 {
					t.Fatalf("%d by %d: item %d = %+v, want new %t", size, step, i, r, !known[i*step])
				}
				known[i*step] = true
			}
		}
	}
	for i := range 10 {
		for _, asOf := range []int64{100*day + 1, 1500 * day, 4000 * day} {
			check(t, s, fmt.Sprint("c", i), asOf)
		}
	}
}

func testRacingMeasures(t *testing.T, s *Store) {
	const n = 60
	var wg sync.WaitGroup
	for i := range n {
		wg.Go(func() { record(t, s, touchpoint(i), touchpoint(n+i)) })
		wg.Go(func() {
			m := Measure{Response: "r", SubmitTime: 5, Rating: Rating{Value: 3, Min: 1, Max: 5}}
			for _, p := range []Touchpoint{touchpoint(i), touchpoint(n + i)} {
				m.Target = p.target()
				if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error { _, err := s.Measure(tx, "acme", []Measure{m}); return err }); err != nil {
					t.Error(err)
				}
			}
		})
	}
	wg.Wait()
	for i := range 2 * n {
		want := touchpoint(i)
		got, err := s.Touchpoint(t.Context(), "acme", want.Customer, want.ID)
		if err != nil || got.Response != "r" || got.Rating.Value != 3 {
			t.Errorf("touchpoint %d = %+v, %v, want it measured", i, got, err)
		}
	}
	for i := range 10 {
		check(t, s, fmt.Sprint("c", i), 1000*day)
	}
}

func testRacingSums(t *testing.T, s *Store) {
	const writers, rounds = 8, 20
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for r := range rounds {
				for c := range 10 {
					p := touchpoint((w*7 + c*3) % 10)
					p.ID = fmt.Sprint(w, "-", r, "-", c)
					record(t, s, p)
				}
			}
		})
	}
	wg.Wait()
	total := 0
	for i := range 10 {
		check(t, s, fmt.Sprint("c", i), 1000*day)
		all, err := s.Touchpoints(t.Context(), "acme", fmt.Sprint("c", i))
		if err != nil {
			t.Fatal(err)
		}
		total += len(all)
	}
	if total != writers*rounds*10 {
		t.Errorf("%d touchpoints, want %d", total, writers*rounds*10)
	}
}

func testFailure(t *testing.T, s *Store) {
	record(t, s, touchpoint(1))
	err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		if _, err := s.Record(tx, "acme", []Touchpoint{touchpoint(1), touchpoint(11), touchpoint(21)}); err != nil {
			return err
		}
		return ErrNotFound
	})
	if err == nil {
		t.Error("the write succeeded")
	}
	all, err := s.Touchpoints(t.Context(), "acme", "c1")
	if err != nil || len(all) != 1 {
		t.Errorf("c1 has %v, %v, want one touchpoint", all, err)
	}
	check(t, s, "c1", 1000*day)
}
