package store

import (
	"errors"
	"fmt"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// TestTables holds the tables of the directory, the catalog and self-service to
// the same promises on both databases.
func TestTables(t *testing.T) {
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		s, err := Open(t.Context(), open(t))
		if err != nil {
			t.Fatal(err)
		}
		due, atOnce := 400*24*time.Hour, time.Duration(0)
		at := func(id string) Record {
			return Record{"acme", id, noon, noon.Add(time.Microsecond), 1}
		}
		const text = "Où est ? 🧨 <b> \\ ' \u2028"
		t.Run("partners", func(t *testing.T) {
			keeps(t, s, Partners, Partner{at("a"), text, true}, Partner{at("b"), "x", false})
		})
		t.Run("teams", func(t *testing.T) {
			keeps(t, s, Teams, Team{at("a"), text, "mihir", "bo", true}, Team{Record: at("b"), DisplayName: "x"})
		})
		t.Run("agents", func(t *testing.T) {
			keeps(t, s, Agents, Agent{at("a"), text, "night", "mihir", true}, Agent{Record: at("b"), DisplayName: "x"})
		})
		t.Run("issue types", func(t *testing.T) {
			steps := []PrescribedStep{{text, &due}, {"now", &atOnce}, {"some day", nil}}
			keeps(t, s, IssueTypes, IssueType{at("a"), text, 20, 5, 4, 4, steps}, IssueType{Record: at("b"), DisplayName: "x", IssueKind: 1})
		})
		t.Run("problems", func(t *testing.T) {
			keeps(t, s, Problems, Problem{at("a"), text, strings.Repeat("ü", 4000), 3, 5, 0}, Problem{Record: at("b"), Title: "x", State: 1})
		})
		t.Run("sessions", func(t *testing.T) {
			full := Session{
				Record: at("a"), Customer: "ann", Kind: 2, Channel: 15, IssueKind: 20, Stage: 5, Phase: 4,
				StartTime: noon, EndTime: noon.Add(time.Hour), Verdict: 2, Articles: []string{text, "faq"},
			}
			keeps(t, s, Sessions, full, Session{Record: at("b"), Kind: 1, Channel: 1, StartTime: noon, EndTime: noon})
		})
	})
}

// keeps checks what a table promises of any two rows, a and b of acme.
func keeps[T any](t *testing.T, s *Store, table *Table[T], a, b T) {
	t.Helper()
	renamed := func(row T, change func(*Record)) T {
		change(table.record(&row))
		return row
	}
	foreign := renamed(b, func(r *Record) { r.Brand = "other" })
	namesake := renamed(a, func(r *Record) { r.Brand = "other" })
	for _, want := range []T{a, b, foreign, namesake} {
		write(t, s, func(tx *sqldb.Tx) error {
			got, err := table.Add(tx, want)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("Add = %+v, want %+v", got, want)
			}
			return err
		})
	}
	same := func(brand, id string, want T) {
		t.Helper()
		write(t, s, func(tx *sqldb.Tx) error {
			got, err := table.Read(tx, brand, id)
			if !reflect.DeepEqual(got, want) {
				t.Errorf("Read = %+v, want %+v", got, want)
			}
			return err
		})
	}
	same("acme", "a", a)
	same("acme", "b", b)

	if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
		_, err := table.Add(tx, renamed(b, func(r *Record) { r.ID = "a" }))
		return err
	}); !errors.Is(err, ErrExists) {
		t.Errorf("Add of a taken id = %v, want ErrExists", err)
	}
	same("acme", "a", a)

	later := renamed(b, func(r *Record) { r.ID, r.UpdateTime = "a", noon.Add(time.Hour) })
	want := renamed(later, func(r *Record) { r.Version = 2 })
	write(t, s, func(tx *sqldb.Tx) error {
		locked, err := table.Lock(tx, "acme", "a")
		if err != nil || !reflect.DeepEqual(locked, a) {
			t.Errorf("Lock = %+v, %v, want %+v", locked, err, a)
		}
		got, err := table.Update(tx, later)
		if !reflect.DeepEqual(got, want) {
			t.Errorf("Update = %+v, want %+v", got, want)
		}
		return err
	})
	same("acme", "a", want)
	pages(t, s, table)

	write(t, s, func(tx *sqldb.Tx) error {
		table.Delete(tx, "acme", "b")
		return nil
	})
	for _, find := range []func(*sqldb.Tx, string, string) (T, error){table.Read, table.Lock} {
		if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
			_, err := find(tx, "acme", "b")
			return err
		}); !errors.Is(err, ErrNotFound) {
			t.Errorf("a deleted row in a transaction = %v, want ErrNotFound", err)
		}
	}
	same("other", "b", foreign)
	same("other", "a", namesake)
	counts(t, s, table)
}

// pages checks lists of the two rows.
func pages[T any](t *testing.T, s *Store, table *Table[T]) {
	t.Helper()
	for _, tt := range []struct {
		listing Listing
		want    string
	}{
		{Listing{Brand: "acme", By: "id", Limit: 9}, "a b"},
		{Listing{Brand: "acme", By: "id DESC", Limit: 1}, "b"},
		{Listing{Brand: "acme", By: "id", Limit: 9, Where: []filter.Clause{
			{Text: "id > ? OR id > ?", Args: []any{"a", "b"}}, {Text: "version = ?", Args: []any{1}},
		}}, "b"},
		{Listing{Brand: "none", By: "id", Limit: 9}, ""},
	} {
		rows, err := table.List(t.Context(), s, tt.listing)
		var ids []string
		for _, row := range rows {
			ids = append(ids, table.Record(row).ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != tt.want {
			t.Errorf("List(%+v) = %q, %v, want %q", tt.listing, got, err, tt.want)
		}
	}
}

// counts lets many writers lock a row and write its next version: none is lost.
func counts[T any](t *testing.T, s *Store, table *Table[T]) {
	t.Helper()
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := s.db.Write(t.Context(), func(tx *sqldb.Tx) error {
				row, err := table.Lock(tx, "acme", "a")
				if err == nil {
					_, err = table.Update(tx, row)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	write(t, s, func(tx *sqldb.Tx) error {
		row, err := table.Read(tx, "acme", "a")
		if got := table.Record(row).Version; got != 10 {
			t.Errorf("after 8 writes the version is %d, want 10", got)
		}
		return err
	})
}

func TestColumnsRefuseWhatTheyCannotHold(t *testing.T) {
	for _, c := range []interface{ Scan(any) error }{micros{new(time.Time)}, flag{new(bool)}, array[string]{new([]string)}} {
		for _, v := range []any{nil, 1.5, "{"} {
			if err := c.Scan(v); err == nil {
				t.Errorf("%T takes %v", c, v)
			}
		}
	}
	words := []string{"left from before"}
	if err := (array[string]{&words}).Scan(""); err != nil || words != nil {
		t.Errorf("an empty column = %q, %v, want none", words, err)
	}
	if got := fmt.Sprint(words); got != "[]" {
		t.Errorf("words = %s", got)
	}
}
