package store

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

func TestSignalDays(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"a span of any hours is what its hours add up to", testSpans},
			{"days are made of the hours that an older program counted", testOldHours},
			{"what no rule looks at is forgotten", testForgetTallies},
			{"it is forgotten a little at a time", testForgetSome},
			{"signals that were closed long ago are forgotten with their customers", testForgetSignals},
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

// firstHour is some hour that begins a day.
const firstHour = 480_000

// tallied keeps tallies of two definitions in hours, and returns those of all it has kept.
func tallied(tb testing.TB, s *Store, random *rand.Rand, kept map[int64][]Tallied, hours ...int64) {
	tb.Helper()
	var marks []Mark
	fresh := map[int64][]Tallied{}
	for _, h := range hours {
		for _, d := range []string{"delivery", "checkout"} {
			n := random.Int64N(9)
			fresh[h] = append(fresh[h], Tallied{h, d, signal.Tally{Known: n, Unmet: n / 2, Judged: n + 1, Failed: n / 3}})
		}
		kept[h] = fresh[h]
	}
	err := s.db.Write(tb.Context(), func(tx *sqldb.Tx) error { MarkHours(tx, "acme", hours); return nil })
	if err == nil {
		marks, err = s.Marks(tb.Context(), "acme", 1<<40, len(hours))
	}
	if err == nil {
		err = s.db.Write(tb.Context(), func(tx *sqldb.Tx) error {
			if err := SetTallies(tx, "acme", marks, fresh); err != nil {
				return err
			}
			Unmark(tx, "acme", marks)
			return nil
		})
	}
	if err != nil {
		tb.Fatal(err)
	}
}

// spans holds the tallies of some spans to the hours that were kept.
func spans(t *testing.T, s *Store, random *rand.Rand, kept map[int64][]Tallied) {
	t.Helper()
	for range 60 {
		from := firstHour + random.Int64N(120) - 5
		to := from + random.Int64N(100)
		want := map[string]signal.Tally{}
		for h := from; h < to; h++ {
			for _, c := range kept[h] {
				want[c.Definition] = want[c.Definition].Plus(c.Tally)
			}
		}
		got, err := s.Tallies(t.Context(), "acme", signal.Span{Start: HourStart(from), End: HourStart(to)})
		if err != nil || !maps.Equal(got, want) {
			t.Fatalf("from %d for %d hours: %v, %v, want %v", from-firstHour, to-from, got, err, want)
		}
	}
}

func testSpans(t *testing.T, s *Store) {
	random, kept := rand.New(rand.NewPCG(1, 2)), map[int64][]Tallied{}
	for first := int64(0); first < 110; first += 10 {
		tallied(t, s, random, kept, firstHour+first, firstHour+first+3, firstHour+first+4)
	}
	spans(t, s, random, kept)
	tallied(t, s, random, kept, firstHour, firstHour+40) // again
	spans(t, s, random, kept)
}

func testOldHours(t *testing.T, s *Store) {
	random, kept := rand.New(rand.NewPCG(3, 4)), map[int64][]Tallied{}
	tallied(t, s, random, kept, firstHour+1, firstHour+30, firstHour+31, firstHour+80)
	migration, err := migrations.ReadFile("migrations/0015_signal_days.sql")
	if err != nil {
		t.Fatal(err)
	}
	_, fill, _ := strings.Cut(string(migration), "\n);\n")
	fill, _, _ = strings.Cut(fill, ";")
	do(t, s, func(tx *sqldb.Tx) error {
		tx.Defer(`DELETE FROM signal_day`)
		tx.Defer(fill)
		return nil
	})
	spans(t, s, random, kept)
}

func testForgetTallies(t *testing.T, s *Store) {
	random, kept := rand.New(rand.NewPCG(5, 6)), map[int64][]Tallied{}
	now := HourStart(firstHour + 1000)
	do(t, s, func(tx *sqldb.Tx) error { // which look back 9 days
		rule := &SignalRule{Rule: &signal.Rule{Kind: signal.Broken, Window: 48 * time.Hour}}
		return s.Watch(tx, "acme", "rule", rule)
	})
	tallied(t, s, random, kept, firstHour, firstHour+1000-9*24, firstHour+1000)
	hours := func(want int) {
		t.Helper()
		for _, text := range []string{`SELECT COUNT(DISTINCT hour) FROM signal_tally`, `SELECT COUNT(DISTINCT day) FROM signal_day`} {
			var n int
			if err := s.db.Read().QueryRowContext(t.Context(), text).Scan(&n); err != nil || n != want {
				t.Errorf("%s: %d, %v, want %d", text, n, err, want)
			}
		}
	}
	forget(t, s, now, 100)
	hours(2)
	if got, err := s.NextTallied(t.Context(), ""); got != "acme" || err != nil {
		t.Errorf("next brand %q, %v, want acme", got, err)
	}
	do(t, s, func(tx *sqldb.Tx) error { return s.Watch(tx, "acme", "rule", nil) })
	forget(t, s, now, 100)
	hours(0)
	if got, err := s.NextTallied(t.Context(), ""); got != "" || err != nil {
		t.Errorf("next brand %q, %v, want none", got, err)
	}
}

// forget forgets tallies, so many a time at least and a definition more at most, and returns
// how many times it took.
func forget(t *testing.T, s *Store, now time.Time, limit int) (times int) {
	t.Helper()
	left := func() (n int) {
		err := s.db.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(*) FROM signal_tally) + (SELECT COUNT(*) FROM signal_day)`).Scan(&n)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	for more := true; more; times++ {
		was := left()
		do(t, s, func(tx *sqldb.Tx) (err error) {
			more, err = ForgetTallies(tx, "acme", now, limit)
			return err
		})
		if gone := was - left(); more && gone < limit || gone > 2*(limit+2) {
			t.Errorf("%d tallies are forgotten at a time, want about %d", gone, limit)
		}
	}
	return times
}

// testForgetSome forgets many tallies a few at a time, while others become younger than a new
// rule looks back.
func testForgetSome(t *testing.T, s *Store) {
	random, kept := rand.New(rand.NewPCG(7, 8)), map[int64][]Tallied{}
	for first := int64(0); first < 1000; first += 100 {
		tallied(t, s, random, kept, firstHour+first, firstHour+first+1, firstHour+first+30)
	}
	now := HourStart(firstHour + 1000)
	do(t, s, func(tx *sqldb.Tx) error {
		more, err := ForgetTallies(tx, "acme", now, 10)
		if !more {
			t.Error("all are forgotten at once")
		}
		return err
	})
	do(t, s, func(tx *sqldb.Tx) error { // which looks back 9 days
		return s.Watch(tx, "acme", "rule", &SignalRule{Rule: &signal.Rule{Kind: signal.Broken, Window: 48 * time.Hour}})
	})
	if got, want := forget(t, s, now, 10), 6; got < want {
		t.Errorf("forgotten in %d times, want %d at least", got, want)
	}
	first := (firstHour + 1000 - 9*24) / int64(perDay) * perDay
	for h := range kept {
		if h < first {
			delete(kept, h)
		}
	}
	spans(t, s, random, kept)
	if hours, days := len(kept), map[int64]bool{}; hours > 0 {
		for h := range kept {
			days[h/perDay] = true
		}
		var gotHours, gotDays int
		err := s.db.Read().QueryRowContext(t.Context(), `SELECT (SELECT COUNT(DISTINCT hour) FROM signal_tally), (SELECT COUNT(DISTINCT day) FROM signal_day)`).Scan(&gotHours, &gotDays)
		if err != nil || gotHours != hours || gotDays != len(days) {
			t.Errorf("%d hours and %d days are left, %v, want %d and %d", gotHours, gotDays, err, hours, len(days))
		}
	}
}

func testForgetSignals(t *testing.T, s *Store) {
	noon := time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)
	for id, closed := range map[string]time.Time{"open": {}, "old": noon, "older": noon.Add(-time.Hour), "new": noon.Add(time.Hour)} {
		do(t, s, func(tx *sqldb.Tx) error {
			_, err := OpenSignal(tx, Signal{
				Record: table.Record{Brand: "acme", ID: id, CreateTime: noon, UpdateTime: noon, Version: 1}, Kind: signal.Drop,
				Finding: &signal.Finding{}, Closed: closed, Window: signal.Span{Start: noon, End: noon}, Expires: noon,
			}, map[string]time.Time{"ann": noon})
			return err
		})
	}
	for _, want := range []int{1, 1, 0} {
		do(t, s, func(tx *sqldb.Tx) error {
			n, err := ForgetSignals(tx, noon.Add(time.Minute), 1)
			if n != want {
				t.Errorf("%d forgotten, want %d", n, want)
			}
			return err
		})
	}
	names, err := s.names(t.Context(), `SELECT signal FROM signal_customer c WHERE EXISTS (
		SELECT 1 FROM signal s WHERE s.brand = c.brand AND s.id = c.signal) ORDER BY signal`)
	left, err2 := s.names(t.Context(), `SELECT signal FROM signal_customer ORDER BY signal`)
	if err != nil || err2 != nil || fmt.Sprint(names, left) != "[new open] [new open]" {
		t.Errorf("%v and %v are left, %v, %v, want the new and the open one", names, left, err, err2)
	}
}

// BenchmarkTallies reads a window of 90 days: what that costs does not grow with what was
// before it.
func BenchmarkTallies(b *testing.B) {
	for name, url := range map[string]func(testing.TB) string{"sqlite": sqldbtest.SQLite, "postgres": sqldbtest.Postgres} {
		for _, days := range []int64{90, 720} {
			b.Run(fmt.Sprintf("%s/%d", name, days), func(b *testing.B) {
				s, err := Open(b.Context(), sqldbtest.Open(b, url(b)))
				if err != nil {
					b.Fatal(err)
				}
				random, kept := rand.New(rand.NewPCG(7, 8)), map[int64][]Tallied{}
				for day := range days {
					hours := make([]int64, perDay)
					for i := range hours {
						hours[i] = firstHour + day*perDay + int64(i)
					}
					tallied(b, s, random, kept, hours...)
				}
				end := firstHour + days*perDay - 5
				window := signal.Span{Start: HourStart(end - 90*perDay), End: HourStart(end)}
				for b.Loop() {
					if _, err := s.Tallies(b.Context(), "acme", window); err != nil {
						b.Fatal(err)
					}
				}
			})
		}
	}
}
