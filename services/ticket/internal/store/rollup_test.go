package store

import (
	"regexp"
	"slices"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// byMark is in a plan that looks rows up from a day and an id on.
var byMark = regexp.MustCompile(`Index Cond: .*\(day, id\) >= |SEARCH .*\(day,id\)>\(`)

func testUnmarking(t *testing.T, s *Store) {
	const each = 200
	now := noon.AddDate(0, 0, 100)
	write(t, s, func(tx *sqldb.Tx) error {
		for _, day := range []almanac.Period{20453, 20454} {
			MarkStale(tx, "acme", day, now) // its transaction may go on
		}
		_, err := tx.Exec(`
			INSERT INTO rollup_stale (brand, day, id, mark_time)
			WITH RECURSIVE n (i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 17999)
			SELECT 'acme', 20454 + i % 90, 'a' || CAST(100000 + i AS TEXT), 0 FROM n`) // from 1 January 2026
		return err
	})
	left := func() (all []Mark, fresh almanac.Fresh) {
		err := s.Snapshot(t.Context(), func(snap *Snapshot) (err error) {
			if fresh, err = snap.Fresh("acme", now); err == nil {
				all, err = snap.Marks("acme", now, 1e6)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		return all, fresh
	}
	marks, fresh := left()
	if len(marks) != 31*each || len(fresh.Stale) != 91 || !fresh.Stale[20453] || !fresh.Stale[20543] {
		t.Fatalf("%d marks of %d days, want those of January and 91", len(marks), len(fresh.Stale))
	}
	done := slices.Concat(marks[:each/2], marks[each:3*each]) // half of the first day and two others
	q := unmarking("acme", done[:maxMarks])
	if plan := sqldbtest.Plan(t, s.db, q.String(), q.Args...); !byMark.MatchString(plan) {
		t.Errorf("plan = %s, want it to begin with the first mark", plan)
	}
	if saved, err := s.SaveRolling(t.Context(), Rolling{Brand: "acme", Marks: done}); !saved || err != nil {
		t.Fatal(saved, err)
	}
	got, _ := left()
	if want := slices.Concat(marks[each/2:each], marks[3*each:]); !slices.Equal(got, want) {
		t.Errorf("%d marks are left, want the %d others", len(got), len(want))
	}
	_, later := left()
	now = now.Add(2 * time.Minute)
	if marks, _ = left(); len(marks) != 1 || marks[0].Day != 20453 || len(later.Stale) != 89 {
		t.Errorf("marks of the first month = %v, want the one that has come of age", marks)
	}
}
