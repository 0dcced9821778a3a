package store

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

const (
	isUnmet = typev1.Expectation_EXPECTATION_UNMET
	isMet   = typev1.Expectation_EXPECTATION_MET
)

func TestSignals(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *Store)
		}{
			{"what changes marks its hour while rules look at it", testMarks},
			{"a mark that was renewed stays, and its tallies wait", testRenewedMarks},
			{"tallies are what a count by hand gives", testTallies},
			{"customers are counted once, whoever they were merged into", testFigures},
			{"what a customer said since is looked up by customer", testFiguresPlan},
			{"a long segment is sampled evenly", testSample},
			{"a brand is taken on by one at a time", testTakeOn},
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

// do runs f in a transaction.
func do(t *testing.T, s *Store, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := s.db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

// marked returns the hours that are marked, and takes the marks away.
func marked(t *testing.T, s *Store) (hours []int64) {
	t.Helper()
	marks, err := s.Marks(t.Context(), "acme", math.MaxInt64, 100)
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range marks {
		hours = append(hours, m.Hour)
	}
	do(t, s, func(tx *sqldb.Tx) error { Unmark(tx, "acme", marks); return nil })
	return hours
}

// watchDays has a rule look at the last 8 days.
func watchDays(t *testing.T, s *Store) {
	t.Helper()
	do(t, s, func(tx *sqldb.Tx) error {
		rule := &SignalRule{Rule: &signal.Rule{Kind: signal.Broken, Window: 24 * time.Hour}}
		return s.Watch(tx, "acme", "rule", rule)
	})
}

func at(id, customer string, when time.Time, e typev1.Expectation) Touchpoint {
	return Touchpoint{
		ID: id, Customer: customer, Definition: "delivery", EventTime: sqldb.Micros(when), RecordTime: 1,
		Stage: 1, Expectation: e, Weight: 1,
	}
}

func testMarks(t *testing.T, s *Store) {
	now := time.Now()
	record(t, s, at("a", "ann", now, isMet))
	if got := marked(t, s); got != nil {
		t.Errorf("hours %v are marked that no rule looks at", got)
	}
	watchDays(t, s)
	record(t, s, at("b", "ann", now.Add(-3*time.Hour), isMet), at("c", "ben", now.Add(-time.Hour), isMet),
		at("d", "ben", now.Add(-time.Hour), isMet), at("e", "ben", now.Add(-9*24*time.Hour), isMet))
	if got, want := marked(t, s), []int64{HourOf(now.Add(-3 * time.Hour)), HourOf(now.Add(-time.Hour))}; !slices.Equal(got, want) {
		t.Errorf("marked %v, want %v", got, want)
	}
	record(t, s, at("b", "ann", now.Add(-3*time.Hour), isMet))
	if got := marked(t, s); got != nil {
		t.Errorf("a repeat marks %v", got)
	}
	do(t, s, func(tx *sqldb.Tx) error {
		_, err := s.Measure(tx, "acme", []Measure{{
			Target: "customers/ann/touchpoints/b", Customer: "ann", Response: "r", Version: 1, Rating: Rating{Value: 1, Min: 1, Max: 5},
		}})
		return err
	})
	if got, want := marked(t, s), []int64{HourOf(now.Add(-3 * time.Hour))}; !slices.Equal(got, want) {
		t.Errorf("a measure marks %v, want %v", got, want)
	}
	do(t, s, func(tx *sqldb.Tx) error {
		_, _, err := s.Retract(tx, "acme", "ben", "c", "", sqldb.Micros(now))
		return err
	})
	if got, want := marked(t, s), []int64{HourOf(now.Add(-time.Hour))}; !slices.Equal(got, want) {
		t.Errorf("a retraction marks %v, want %v", got, want)
	}
	do(t, s, func(tx *sqldb.Tx) error { return s.Watch(tx, "acme", "rule", nil) })
	record(t, s, at("f", "ann", now, isMet))
	if got := marked(t, s); got != nil {
		t.Errorf("hours %v are marked after the rule is gone", got)
	}
}

func testRenewedMarks(t *testing.T, s *Store) {
	now := time.Now()
	watchDays(t, s)
	record(t, s, at("a", "ann", now, isMet))
	old, err := s.Marks(t.Context(), "acme", math.MaxInt64, 100)
	if err != nil {
		t.Fatal(err)
	}
	record(t, s, at("b", "ann", now, isMet))
	tallies := map[int64][]Tallied{old[0].Hour: {{old[0].Hour, "delivery", signal.Tally{Known: 1}}}}
	do(t, s, func(tx *sqldb.Tx) error {
		Unmark(tx, "acme", old)
		return SetTallies(tx, "acme", old, tallies)
	})
	window := signal.Span{Start: HourStart(old[0].Hour), End: HourStart(old[0].Hour + 1)}
	if got, err := s.Tallies(t.Context(), "acme", window); err != nil || len(got) != 0 {
		t.Errorf("tallies %v, %v of before the change, want none", got, err)
	}
	if got := marked(t, s); len(got) != 1 {
		t.Errorf("%d hours are marked, want the one that changed again", len(got))
	}
}

func testTallies(t *testing.T, s *Store) {
	now := time.Now().Truncate(time.Hour)
	watchDays(t, s)
	ratings := []Rating{{}, {Value: 1, Min: 1, Max: 5}, {Value: 3, Min: 1, Max: 5}, {Value: 5, Min: 1, Max: 5, LowerIsBetter: true}}
	want := map[string]signal.Tally{}
	var batch []Touchpoint
	for i := range 400 {
		p := at(fmt.Sprint("t", i), fmt.Sprint("c", i%7), now.Add(time.Duration(i%180)*time.Minute), typev1.Expectation(i%4))
		p.Definition, p.Rating = fmt.Sprint("d", i%3), ratings[i/4%4]
		batch = append(batch, p)
		if i%180 >= 120 {
			continue // the third hour
		}
		tally := want[p.Definition]
		if p.Expectation != 0 {
			tally.Known++
		}
		if p.Expectation == isUnmet {
			tally.Unmet++
		}
		if p.Expectation != 0 || p.Rating.Given() {
			tally.Judged++
		}
		if p.Expectation == isUnmet || p.Expectation == 0 && p.Rating.Given() && p.Rating.Outcome() < 0.5 {
			tally.Failed++
		}
		want[p.Definition] = tally
	}
	record(t, s, batch...)
	taken := at("taken", "ann", now, isUnmet)
	record(t, s, taken)
	do(t, s, func(tx *sqldb.Tx) error {
		_, _, err := s.Retract(tx, "acme", "ann", "taken", "", sqldb.Micros(now))
		return err
	})
	marks, err := s.Marks(t.Context(), "acme", math.MaxInt64, 100)
	if err != nil || len(marks) != 3 {
		t.Fatalf("marks %v, %v, want 3", marks, err)
	}
	counted, err := s.Count(t.Context(), "acme", marks[0].Hour, marks[2].Hour+1)
	if err != nil {
		t.Fatal(err)
	}
	byHour := map[int64][]Tallied{}
	for _, c := range counted {
		byHour[c.Hour] = append(byHour[c.Hour], c)
	}
	for range 2 { // it may be done again
		do(t, s, func(tx *sqldb.Tx) error { return SetTallies(tx, "acme", marks, byHour) })
	}
	got, err := s.Tallies(t.Context(), "acme", signal.Span{Start: now, End: now.Add(2 * time.Hour)})
	if err != nil {
		t.Fatal(err)
	}
	for _, d := range []string{"d0", "d1", "d2"} {
		if got[d] != want[d] {
			t.Errorf("%s: %+v, want %+v", d, got[d], want[d])
		}
	}
	if len(got) != 3 {
		t.Errorf("tallies of %d definitions, want 3", len(got))
	}
	hours, err := s.BusyHours(t.Context(), "acme", marks[0].Hour, marks[2].Hour)
	if err != nil || !slices.Equal(hours, []int64{marks[0].Hour, marks[1].Hour}) {
		t.Errorf("busy hours %v, %v, want the first two", hours, err)
	}
}

func testFigures(t *testing.T, s *Store) {
	noon := time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)
	contact := at("contact", "ben", noon.Add(time.Hour), isMet)
	contact.Definition, contact.Service = "support", true
	early := contact
	early.ID, early.Customer, early.EventTime = "early", "ann", sqldb.Micros(noon.Add(-time.Hour))
	message := at("message", "ann", noon.Add(3*time.Hour), isMet)
	message.Definition = "message"
	other := at("other", "eve", noon, isUnmet)
	other.Definition = "checkout"
	record(t, s, at("1", "ann", noon, isUnmet), at("2", "ann", noon.Add(time.Minute), isUnmet), at("3", "ben", noon, isUnmet),
		at("4", "cat", noon.Add(2*time.Hour), isUnmet), at("5", "dan", noon, isMet), at("6", "eve", noon.Add(24*time.Hour), isUnmet),
		contact, early, message, other)
	v := Signal{
		Record: table.Record{Brand: "acme", ID: "s"}, Kind: signal.Unmet, Definition: "delivery",
		Window: signal.Span{Start: noon, End: noon.Add(24 * time.Hour)},
		Acted:  noon.Add(2 * time.Hour), Action: SignalAction{Kind: 1, Definition: "message"},
	}
	now := noon.Add(3 * time.Hour)
	want := func(f SignalFigures, long int64) {
		t.Helper()
		f.At = now
		if got, n, err := s.Figures(t.Context(), &v, now, 2*time.Hour); err != nil || got != f || n != long {
			t.Errorf("figures %+v and %d, %v, want %+v and %d", got, n, err, f, long)
		}
	}
	want(SignalFigures{Affected: 3, Silent: 2, Reached: 1}, 1)
	got, err := s.AffectedBy(t.Context(), &v, false, "", 10)
	if err != nil || !slices.Equal(got, []Affected{{"ann", noon, true}, {"ben", noon, false}, {"cat", noon.Add(2 * time.Hour), true}}) {
		t.Errorf("affected %v, %v", got, err)
	}
	if got, err := s.AffectedBy(t.Context(), &v, true, "ann", 1); err != nil || len(got) != 1 || got[0].Customer != "cat" {
		t.Errorf("silent after ann: %v, %v, want cat", got, err)
	}
	for patience, n := range map[time.Duration]int64{30 * time.Minute: 3, time.Hour: 2} {
		if got, err := s.SilentFor(t.Context(), &v, patience); err != nil || got != n {
			t.Errorf("silent for %v: %d, %v, want %d", patience, got, err, n)
		}
	}
	do(t, s, func(tx *sqldb.Tx) error { return s.Link(tx, "acme", "ben", "ann", 1) })
	want(SignalFigures{Affected: 2, Silent: 1, Reached: 1}, 0)
	do(t, s, func(tx *sqldb.Tx) error { return s.Unlink(tx, "acme", "ben", 3) })
	want(SignalFigures{Affected: 3, Silent: 2, Reached: 1}, 1)

	v.Kind = signal.Drop
	v.Finding = &signal.Finding{}
	do(t, s, func(tx *sqldb.Tx) error {
		added, err := OpenSignal(tx, v, map[string]time.Time{"ben": noon, "zoe": noon})
		if again, _ := OpenSignal(tx, v, nil); !added || again {
			t.Errorf("added %t and again %t, want once", added, again)
		}
		return err
	})
	want(SignalFigures{Affected: 2, Silent: 1}, 1)
}

func testSample(t *testing.T, s *Store) {
	do(t, s, func(tx *sqldb.Tx) error {
		for i := range 10 {
			c := Customer{Record: table.Record{Brand: "acme", ID: fmt.Sprint("c", i), Version: 1}, Segments: []string{"gold"}}
			if c.Touchpoints = 1; i == 3 {
				c.Segments = []string{"golden"}
			}
			if _, err := CustomerTable.Add(tx, c); err != nil {
				return err
			}
		}
		return nil
	})
	for limit, want := range map[int][]string{
		9: {"c0", "c1", "c2", "c4", "c5", "c6", "c7", "c8", "c9"}, 5: {"c0", "c2", "c5", "c7", "c9"}, 1: {"c0"},
	} {
		if got, err := s.SegmentSample(t.Context(), "acme", "gold", limit); err != nil || !slices.Equal(got, want) {
			t.Errorf("at most %d: %v, %v, want %v", limit, got, err, want)
		}
	}
}

// On SQLite the plan does not depend on what there is: one that looks for the time first
// reads, for each customer, whatever anybody did since.
func testFiguresPlan(t *testing.T, s *Store) {
	if s.db.Postgres() {
		t.Skip("PostgreSQL plans by what there is")
	}
	v := &Signal{Kind: signal.Silence, Definition: "delivery"}
	var q sqldb.Query
	q.Add(`EXPLAIN QUERY PLAN SELECT 1 FROM (`)
	affected(&q, v)
	q.Add(`) AS a WHERE `)
	since(&q, v, contacted)
	rows, err := s.db.Read().QueryContext(t.Context(), q.String(), q.Args...)
	if err != nil {
		t.Fatal(err)
	}
	steps, err := table.All(rows, func(scan func(...any) error) (step string, err error) {
		var id, parent, unused int
		return step, scan(&id, &parent, &unused, &step)
	})
	if err != nil {
		t.Fatal(err)
	}
	plan := strings.Join(steps, "\n")
	if strings.Count(plan, "touchpoint_time") != 1 || strings.Count(plan, "touchpoint_customer") != 2 {
		t.Errorf("want the time for the window and the customer for the rest, got\n%s", plan)
	}
}

func testTakeOn(t *testing.T, s *Store) {
	noon := time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)
	take := func(now time.Time) bool {
		t.Helper()
		mine, err := s.TakeOn(t.Context(), "acme", now, now.Add(time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		return mine
	}
	if !take(noon) || take(noon.Add(time.Second)) || !take(noon.Add(time.Minute)) {
		t.Error("a brand is to be had by one for a minute, and then by another")
	}
	if err := s.LetGo(t.Context(), "acme"); err != nil || !take(noon) {
		t.Errorf("a brand that was let go is not to be had: %v", err)
	}
}
