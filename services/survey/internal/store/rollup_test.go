package store

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

func testRolling(t *testing.T, s *Store) {
	now := noon.AddDate(0, 0, 10)
	for range 2 {
		write(t, s, func(tx *sqldb.Tx) error {
			MarkAnswers(tx, "acme", noon, now)
			MarkAnswers(tx, "acme", now.Add(-ripe), now)           // its day is not over for long enough
			MarkInvitation(tx, "other", noon, now.Add(-time.Hour)) // another brand and source
			return nil
		})
	}
	day := almanac.DayOf(sqldb.Micros(noon))
	state := func() (head Head, fresh almanac.Fresh, marks []Mark, pages string) {
		err := s.Snapshot(t.Context(), func(snap *Snapshot) (err error) {
			if head, err = snap.Head("acme", rollup.Answers); err != nil {
				return err
			}
			if fresh, err = snap.Fresh("acme", rollup.Answers); err != nil {
				return err
			}
			if marks, err = snap.Marks("acme", rollup.Answers, 10); err != nil {
				return err
			}
			return snap.Days("acme", rollup.Answers, almanac.Range{From: 0, To: day + 5}, func(p Part) error {
				pages += string(p.Bytes)
				return nil
			})
		})
		if err != nil {
			t.Fatal(err)
		}
		return head, fresh, marks, pages
	}
	save := func(r Rolling) bool {
		r.Brand, r.Of, r.Through = "acme", rollup.Answers, day+1
		saved, err := s.SaveRolling(t.Context(), r)
		if err != nil {
			t.Fatal(err)
		}
		return saved
	}
	before, fresh, marks, _ := state()
	if len(marks) != 2 || marks[0].Day != day || len(fresh.Stale) != 1 || !fresh.Stale[day] {
		t.Fatalf("marks = %v, stale %v, want two of one day", marks, fresh.Stale)
	}
	page := func(text string) []Part { return []Part{{Period: day, Bytes: []byte(text)}} }
	if !save(Rolling{Before: before, Days: page("first"), Marks: marks[:1]}) {
		t.Error("the first was not saved")
	}
	if save(Rolling{Before: before, Days: page("late"), Marks: marks}) {
		t.Error("who began as early and came late was saved")
	}
	head, fresh, left, pages := state()
	if head.Version != 1 || head.Through != day+1 || pages != "first" || len(left) != 1 || left[0] != marks[1] || fresh.Day(day) {
		t.Errorf("head %+v, pages %q, marks %v", head, pages, left)
	}
	if !save(Rolling{Before: head, Days: page("second"), Marks: left}) || save(Rolling{Before: head, Days: page("late")}) {
		t.Error("the second was not saved, or who came late was")
	}
	head, fresh, _, pages = state()
	if head.Version != 2 || pages != "second" || !fresh.Day(day) {
		t.Errorf("head %+v, pages %q, fresh %+v", head, pages, fresh)
	}
	if !save(Rolling{Before: head, Days: page("")}) {
		t.Error("an empty day was not saved")
	}
	if _, _, _, pages = state(); pages != "" {
		t.Errorf("pages = %q, want the day to be gone", pages)
	}
}

// byMark is in a plan that looks rows up from a day and an id on.
var byMark = regexp.MustCompile(`Index Cond: .*\(day, id\) >= |SEARCH .*\(day,id\)>\(`)

func testUnmarking(t *testing.T, s *Store) {
	const each = 200
	write(t, s, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`
			INSERT INTO rollup_stale (brand, source, day, id)
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 17999)
			SELECT 'acme', 1, 20454 + i % 90, 'a' || CAST(100000 + i AS TEXT) FROM n`) // from 1 January 2026
		return err
	})
	left := func() (all []Mark, fresh almanac.Fresh) {
		err := s.Snapshot(t.Context(), func(snap *Snapshot) (err error) {
			if fresh, err = snap.Fresh("acme", rollup.Answers); err == nil {
				all, err = snap.Marks("acme", rollup.Answers, 1e6)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all, fresh
	}
	marks, fresh := left()
	if len(marks) != 31*each || len(fresh.Stale) != 90 || !fresh.Stale[20454] || !fresh.Stale[20543] {
		t.Fatalf("%d marks of %d days, want those of January and 90", len(marks), len(fresh.Stale))
	}
	done := slices.Concat(marks[:each/2], marks[each:3*each]) // half of the first day and two others
	r := Rolling{Brand: "acme", Of: rollup.Answers, Marks: done}
	q := unmarking(r, done[:maxMarks])
	if plan := sqldbtest.Plan(t, s.db, q.String(), q.Args...); !byMark.MatchString(plan) {
		t.Errorf("plan = %s, want it to begin with the first mark", plan)
	}
	if saved, err := s.SaveRolling(t.Context(), r); !saved || err != nil {
		t.Fatal(saved, err)
	}
	got, _ := left()
	equal(t, "marks that are left", got, slices.Concat(marks[each/2:each], marks[3*each:]))
}
