package api

import (
	"fmt"
	"slices"
	"testing"
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// A trailed follows the customers of acme step by step.
type trailed struct {
	*Server
	recorded int
}

// following runs a test on both databases.
func following(t *testing.T, test func(*testing.T, *trailed)) {
	t.Helper()
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		test(t, &trailed{Server: newTestServer(t, open(t))})
	})
}

func (f *trailed) write(t *testing.T, do func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := f.db.Write(t.Context(), do); err != nil {
		t.Fatal(err)
	}
}

// record stores a touchpoint of each of customers.
func (f *trailed) record(t *testing.T, customers ...string) {
	t.Helper()
	batch := make([]store.Touchpoint, 0, len(customers))
	for _, c := range customers {
		f.recorded++
		at := sqldb.Micros(time.Now().Add(-time.Hour)) + int64(f.recorded)
		batch = append(batch, store.Touchpoint{
			ID: fmt.Sprint("t", f.recorded), Customer: c, Definition: "website-visit", EventTime: at, RecordTime: at, Source: "web",
			Stage: typev1.Stage_STAGE_CONSIDERATION, Expectation: typev1.Expectation_EXPECTATION_MET, Weight: 1,
		})
	}
	f.write(t, func(tx *sqldb.Tx) error {
		_, err := f.store.Record(tx, "acme", batch)
		return err
	})
}

// saw stores advertisements that a customer saw so many days ago, each a second apart.
func (f *trailed) saw(t *testing.T, customer string, days ...int) {
	t.Helper()
	batch := make([]store.Touchpoint, 0, len(days))
	for _, d := range days {
		f.recorded++
		at := sqldb.Micros(time.Now().Add(-time.Duration(d)*24*time.Hour)) + int64(f.recorded)*1e6
		batch = append(batch, store.Touchpoint{
			ID: fmt.Sprint("t", f.recorded), Customer: customer, Definition: "online-ad", EventTime: at, RecordTime: at, Source: "web",
			Stage: typev1.Stage_STAGE_AWARENESS, Weight: 1,
		})
	}
	f.write(t, func(tx *sqldb.Tx) error {
		_, err := f.store.Record(tx, "acme", batch)
		return err
	})
}

// found is what the follower finds out now.
func (f *trailed) found(t *testing.T) (found finding) {
	t.Helper()
	err := f.store.Snapshot(t.Context(), func(s *store.Snapshot) error {
		r := s.Reader(t.Context())
		marks, err := store.StaleCustomers(r, store.Stale{}, followBatch)
		if err == nil {
			found, err = f.findOut(t.Context(), r, marks, f.moment())
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return found
}

func (f *trailed) kept(t *testing.T, found finding) {
	t.Helper()
	f.write(t, func(tx *sqldb.Tx) error { return f.keep(tx, found) })
}

// wants compares the touchpoints that the rows of customers count, the customers that
// have a score, and those that are marked.
func (f *trailed) wants(t *testing.T, touchpoints, scored, marked string) {
	t.Helper()
	for query, want := range map[string]string{
		`SELECT id || touchpoints FROM customer ORDER BY id`:    touchpoints,
		`SELECT id FROM customer_score ORDER BY id`:             scored,
		`SELECT customer FROM customer_stale ORDER BY customer`: marked,
	} {
		rows, err := f.db.Read().QueryContext(t.Context(), query)
		if err != nil {
			t.Fatal(err)
		}
		got := ""
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				t.Fatal(err)
			}
			got += one + " "
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if got != want {
			t.Errorf("%s: %q, want %q", query, got, want)
		}
	}
}

func (f *trailed) follows(t *testing.T) {
	t.Helper()
	if _, _, err := f.catchUp(t.Context(), store.Stale{}, followBatch); err != nil {
		t.Fatal(err)
	}
}

func TestATouchpointThatComesMeanwhileLeavesTheMark(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		f.record(t, "ann", "ben")
		found := f.found(t)
		f.record(t, "ann")
		f.kept(t, found)
		f.wants(t, "ann1 ben1 ", "ann ben ", "ann ")
		f.follows(t)
		f.wants(t, "ann2 ben1 ", "ann ben ", "")
	})
}

func TestWhatWasFoundBeforeAMergeIsNotKept(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		f.record(t, "ann", "ben", "cat")
		found := f.found(t)
		f.write(t, func(tx *sqldb.Tx) error { return f.store.Link(tx, "acme", "ben", "ann", 1) })
		f.kept(t, found)
		f.wants(t, "cat1 ", "cat ", "ann ben ")
		f.follows(t)
		f.wants(t, "ann2 cat1 ", "ann cat ", "")
	})
}

func TestWhatWasFoundBeforeASplitIsNotKept(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		f.record(t, "ann", "ben")
		f.write(t, func(tx *sqldb.Tx) error { return f.store.Link(tx, "acme", "ben", "ann", 1) })
		found := f.found(t)
		f.write(t, func(tx *sqldb.Tx) error { return f.store.Unlink(tx, "acme", "ben", 2) })
		f.kept(t, found)
		f.wants(t, "", "", "ann ben ")
		f.follows(t)
		f.wants(t, "ann1 ben1 ", "ann ben ", "")
	})
}

func TestWhatAnotherFollowerHasDoneIsNotUndone(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		f.record(t, "ann")
		found := f.found(t)
		f.record(t, "ann")
		f.follows(t)
		f.kept(t, found)
		f.wants(t, "ann2 ", "ann ", "")
	})
}

// Who made the later score may have read before: it stands, and another look follows.
func TestALaterScoreStandsAndLeavesTheMark(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		f.record(t, "ann", "ben")
		found := f.found(t)
		later := found.now.Add(time.Second)
		f.write(t, func(tx *sqldb.Tx) error { return f.rescore(tx, "acme", []string{"ann"}, later) })
		f.kept(t, found)
		f.wants(t, "ann1 ben1 ", "ann ben ", "ann ")
		var asOf int64
		err := f.db.Read().QueryRowContext(t.Context(), `SELECT as_of_time FROM customer_score WHERE id = 'ann'`).Scan(&asOf)
		if err != nil || asOf != sqldb.Micros(later) {
			t.Errorf("the score is as of %d, %v, want %d", asOf, err, sqldb.Micros(later))
		}
	})
}

func TestAPauseIsFoundHoweverManyTouchpointsAreSince(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		for _, since := range []int{1, 3, 4, 49, 50, 200} {
			days := slices.Repeat([]int{1}, since)
			f.saw(t, fmt.Sprint("back", since), append(days, 95, 130)...)
			f.saw(t, fmt.Sprint("here", since), append(days, 80, 120)...)
			f.saw(t, fmt.Sprint("new", since), append(days, 30)...)
			f.saw(t, fmt.Sprint("idle", since), append(slices.Repeat([]int{100}, since), 300)...)
		}
		f.follows(t)
		for kind, want := range map[string]journeyv1.Customer_ActivityStatus{
			"back": journeyv1.Customer_ACTIVITY_STATUS_REACTIVATED, "here": journeyv1.Customer_ACTIVITY_STATUS_ACTIVE,
			"new": journeyv1.Customer_ACTIVITY_STATUS_ACTIVE, "idle": journeyv1.Customer_ACTIVITY_STATUS_IDLE,
		} {
			var n int
			err := f.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM customer WHERE id LIKE $1 AND activity_status = $2`,
				kind+"%", int64(want)).Scan(&n)
			if err != nil || n != 6 {
				t.Errorf("%d of 6 customers called %s are %v, %v", n, kind, want, err)
			}
		}
	})
}

func TestTheFollowerRestsWhileOthersWriteAndNotWhileItIsBehind(t *testing.T) {
	following(t, func(t *testing.T, f *trailed) {
		var customers []string
		for i := range followBatch + 100 {
			customers = append(customers, fmt.Sprintf("c%04d", i))
		}
		f.record(t, customers...)
		follower := follower{server: f.Server, batch: followBatch}
		pass := func() time.Duration {
			t.Helper()
			rest, err := follower.pass(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			return rest
		}
		if rest := pass(); rest < followEvery {
			t.Errorf("after marks that are new, it rests %v, want %v or more", rest, followEvery)
		}
		f.record(t, customers[0]) // whose turn comes after that of the others
		if rest := pass(); rest != 0 {
			t.Errorf("with a start to look from, it rests %v, want none", rest)
		}
		if rest := pass(); rest < followEvery {
			t.Errorf("after a mark that is new, it rests %v, want %v or more", rest, followEvery)
		}
		f.write(t, func(tx *sqldb.Tx) error {
			tx.Defer(`INSERT INTO customer_stale (brand, customer, stamp) SELECT brand, id, 1 FROM customer`)
			return nil
		})
		if rest := pass(); rest != 0 {
			t.Errorf("with old marks left, it rests %v, want none", rest)
		}
		if rest := pass(); rest != 0 {
			t.Errorf("before it looks from the start, it rests %v, want none", rest)
		}
		if rest := pass(); rest != followEvery {
			t.Errorf("with nothing left, it rests %v, want %v", rest, followEvery)
		}
	})
}
