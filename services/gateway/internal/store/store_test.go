package store

import (
	"errors"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

var noon = time.Date(2026, 1, 5, 12, 0, 0, 0, time.UTC)

// TestStore holds SQLite and PostgreSQL to the same promises.
func TestStore(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		s, err := Open(t.Context(), db)
		if err != nil {
			t.Fatal(err)
		}
		create := func(id string) error {
			return db.Write(t.Context(), func(tx *sqldb.Tx) error {
				return s.Create(tx, Brand{ID: id, DisplayName: "Brand " + id, CreateTime: noon})
			})
		}
		for _, id := range []string{"b", "a", "c"} {
			if err := create(id); err != nil {
				t.Fatal(err)
			}
		}
		t.Run("a brand comes back as it went in", func(t *testing.T) {
			got, err := s.Get(t.Context(), "a")
			if err != nil || got != (Brand{ID: "a", DisplayName: "Brand a", CreateTime: noon, UpdateTime: noon, Version: 1}) {
				t.Errorf("Get = %+v, %v", got, err)
			}
		})
		t.Run("an id is used once", func(t *testing.T) {
			if err := create("a"); !errors.Is(err, ErrExists) {
				t.Errorf("Create = %v, want ErrExists", err)
			}
		})
		t.Run("an unknown brand is not found", func(t *testing.T) {
			if _, err := s.Get(t.Context(), "z"); !errors.Is(err, ErrNotFound) {
				t.Errorf("Get = %v, want ErrNotFound", err)
			}
		})
		t.Run("pages join up, and one brand sees itself", func(t *testing.T) {
			first, err := s.List(t.Context(), Filter{Limit: 2})
			if err != nil || len(first) != 2 || first[0].ID != "a" {
				t.Fatalf("List = %+v, %v", first, err)
			}
			rest, err := s.List(t.Context(), Filter{After: first[1].ID, Limit: 2})
			if err != nil || len(rest) != 1 || rest[0].ID != "c" {
				t.Errorf("List after %s = %+v, %v", first[1].ID, rest, err)
			}
			own, err := s.List(t.Context(), Filter{ID: "b", Limit: 2})
			if err != nil || len(own) != 1 || own[0].ID != "b" {
				t.Errorf("List of b = %+v, %v", own, err)
			}
		})
	})
}
