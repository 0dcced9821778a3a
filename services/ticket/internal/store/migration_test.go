package store

import (
	"fmt"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestTicketsOfTheFirstSchemaAreCounted(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		first, err := fs.ReadFile(migrations, "migrations/0001_ticket.sql")
		if err != nil {
			t.Fatal(err)
		}
		if err := sqldb.Migrate(t.Context(), db, "ticket", fstest.MapFS{"0001_ticket.sql": {Data: first}}); err != nil {
			t.Fatal(err)
		}
		s := &Store{db}
		for id, response := range map[string]string{"a": "20", "b": "NULL"} {
			write(t, s, func(tx *sqldb.Tx) error {
				_, err := tx.Exec(`INSERT INTO ticket VALUES ('acme', $1, 'ann', 'x', 2, 2, 0, 4, 4, 1, 1, 1, '', '', '', 0, `+response+`, NULL, 0, 0, '{}', 0, 0, 1)`, id)
				return err
			})
		}
		for n, said := range []string{ // kind, direction, actor, agent, start
			"1, 1, 3, '', 10", "1, 2, 2, '', 20", "4, 2, 1, 'ed', 25", "1, 3, 1, 'flo', 26", "2, 2, 1, 'cy', 40", "1, 1, 3, '', 20", "1, 1, 3, '', 35", "3, 2, 1, 'bo', 30",
		} {
			part := strings.Split(said, ", ")
			write(t, s, func(tx *sqldb.Tx) error {
				_, err := tx.Exec(fmt.Sprintf(`INSERT INTO interaction VALUES ('acme', 'a', '%d', %s, %s, %s, %s, '', '', 1, %s, 50, '', 0, '{}', 60)`,
					n, part[0], part[1], part[2], part[3], part[4]))
				return err
			})
		}
		if s, err = Open(t.Context(), db); err != nil {
			t.Fatal(err)
		}
		for id, want := range map[string]string{"a": "{8 7 1 bo true 0 0}", "b": "{0 0 0  false 0 0}"} {
			if got, err := s.Ticket(t.Context(), "acme", id); err != nil || fmt.Sprint(got.Counts) != want {
				t.Errorf("counts of %s = %v, %v, want %s", id, got.Counts, err, want)
			}
		}
	})
}

func TestMarksOfAnEarlierSchemaAreKept(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db, earlier := open(t), fstest.MapFS{}
		names, err := fs.Glob(migrations, "migrations/000[1-6]_*.sql")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range names {
			data, err := fs.ReadFile(migrations, name)
			if err != nil {
				t.Fatal(err)
			}
			earlier[strings.TrimPrefix(name, "migrations/")] = &fstest.MapFile{Data: data}
		}
		if err := sqldb.Migrate(t.Context(), db, "ticket", earlier); err != nil {
			t.Fatal(err)
		}
		write(t, &Store{db}, func(tx *sqldb.Tx) error {
			for day := range almanac.Period(3) {
				MarkStale(tx, "acme", day, noon)
			}
			return nil
		})
		s, err := Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		err = s.Snapshot(t.Context(), func(snap *Snapshot) error {
			marks, err := snap.Marks("acme", noon.Add(time.Hour), 10)
			if len(marks) != 3 || marks[2].Day != 2 {
				t.Errorf("marks = %v, want those of three days", marks)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
	})
}

func TestTheTicketsOfAPartnerHaveAnIndex(t *testing.T) {
	s, err := Open(t.Context(), sqldbtest.Open(t, sqldbtest.SQLite(t)))
	if err != nil {
		t.Fatal(err)
	}
	f := TicketFilter{Brand: "acme", Partner: "mihir", By: "open_time DESC, id DESC", Limit: 50}
	q := f.query()
	for text, args := range map[string][]any{q.String(): q.Args, spanOfOne: {"acme", "mihir"}} {
		if plan := sqldbtest.Plan(t, s.db, text, args...); !strings.Contains(plan, "ticket_by_partner") || strings.Contains(plan, "TEMP B-TREE") {
			t.Errorf("plan of %s = %s, want the index of partners", text, plan)
		}
	}
}
