package api

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// TestRolledUpAnswersEqualTheRowsAndARecount has writers, those who take responses out
// and put them back, and rollers work on a brand at the same time, and compares.
func TestRolledUpAnswersEqualTheRowsAndARecount(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, brands := rollingServer(t, open(t)), atomic.Int64{}
		rapid.Check(t, func(rt *rapid.T) {
			w := newWorld(s, fmt.Sprint("b", brands.Add(1)))
			seed := rapid.Uint64().Draw(rt, "seed")
			for round := range rapid.IntRange(1, 3).Draw(rt, "rounds") {
				w.together(t, seed+uint64(round), rapid.IntRange(0, 9).Draw(rt, "writes"), rapid.IntRange(0, 2).Draw(rt, "rollers"))
				r := rand.New(rand.NewPCG(seed, uint64(round)))
				for range 4 {
					w.compare(t, w.inquiry(r))
				}
			}
			if t.Failed() {
				rt.Fatalf("see above")
			}
		})
	})
}

// together has three write and others roll up.
func (w *world) together(t *testing.T, seed uint64, writes, rollers int) {
	var wg sync.WaitGroup
	for n := range uint64(3) { // each has things of its own
		wg.Go(func() {
			r := rand.New(rand.NewPCG(seed, n))
			for i := range writes {
				switch id := fmt.Sprint(n, "-", r.IntN(2)); r.IntN(3) {
				case 0:
					w.submit(t, w.respond(r, fmt.Sprint(id, "-", seed, "-", i)))
				case 1:
					w.move(t, r, w.pick(r, n))
				case 2:
					w.decide(t, r, id)
				}
			}
		})
	}
	for range rollers {
		wg.Go(func() { w.rollAll(t) })
	}
	wg.Wait()
}

// pick returns the id of a response of one writer, or nothing.
func (w *world) pick(r *rand.Rand, n uint64) string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var own []string
	for id := range w.responses {
		if id[0] == byte('0'+n) {
			own = append(own, id)
		}
	}
	if len(own) == 0 {
		return ""
	}
	return own[r.IntN(len(own))]
}

// compare counts from the roll-ups, from the rows and again.
func (w *world) compare(t *testing.T, q inquiry) {
	t.Helper()
	rolled, rows := recorder{}, recorder{}
	err := w.Store.Snapshot(t.Context(), func(snap *store.Snapshot) error {
		if err := q.read(snap, rolled); err != nil {
			return err
		}
		return q.raw(snap, q.window, rows)
	})
	if err != nil {
		t.Fatal(err)
	}
	want := w.recount(&q)
	if !maps.Equal(map[string]int64(rows), want) {
		t.Errorf("%+v\nrows are %v\nwant     %v", q, rows, want)
	}
	if !maps.Equal(map[string]int64(rolled), want) {
		t.Errorf("%+v\nroll-ups are %v\nwant         %v", q, rolled, want)
	}
}

func TestRollUpsAreUsedOnceTheyAreThere(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		w := newWorld(rollingServer(t, open(t)), "acme")
		r := rand.New(rand.NewPCG(1, 2))
		for i := range 60 {
			w.submit(t, w.respond(r, fmt.Sprint(i)))
			w.decide(t, r, fmt.Sprint(i))
		}
		addSurvey(t, w)
		if err := w.RollUp(t.Context(), time.Now()); err != nil {
			t.Fatal(err)
		}
		for _, of := range rollup.Sources {
			q := inquiry{brand: "acme", of: of, window: almanac.Range{From: sqldb.Micros(w.now.AddDate(0, 0, -101)), To: sqldb.Micros(w.now)}}
			err := w.Store.Snapshot(t.Context(), func(snap *store.Snapshot) error {
				fresh, err := snap.Fresh("acme", of)
				if plan := fresh.NewPlan(q.window, true); err == nil && (len(fresh.Stale) > 0 || len(plan.Months) != 1 || len(plan.Raw) != 1) {
					t.Errorf("source %d: plan is %+v of %+v, want months, and rows of the last days only", of, plan, fresh)
				}
				return err
			})
			if err != nil {
				t.Fatal(err)
			}
			w.compare(t, q)
		}
	})
}

// addSurvey makes the brand one that has surveys.
func addSurvey(t testing.TB, w *world) {
	t.Helper()
	w.write(t, func(tx *sqldb.Tx) error {
		tx.Defer(`INSERT INTO survey (brand, id, display_name, subject, scope, questions, sampling_rate, quiet_period, channels, state, create_time, version)
			VALUES ($1, 's0', 's', 1, 1, '[]', 1, 0, '[]', 2, 0, 1)`, w.brand)
		return nil
	})
}

func TestTheRollerRunsUntilItIsStopped(t *testing.T) {
	w := newWorld(rollingServer(t, sqldbtest.Open(t, sqldbtest.SQLite(t))), "acme")
	addSurvey(t, w)
	r := rand.New(rand.NewPCG(3, 4))
	for i := range 20 {
		w.submit(t, w.respond(r, fmt.Sprint(i)))
	}
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	var roller sync.WaitGroup
	roller.Go(func() { w.RunRollups(ctx) })
	lately := almanac.DayOf(sqldb.Micros(w.now)) - 33
	for rolled := false; !rolled && ctx.Err() == nil; {
		err := w.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
			fresh, err := snap.Fresh("acme", rollup.Answers)
			rolled = fresh.Through > lately
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	cancel()
	roller.Wait()
}
