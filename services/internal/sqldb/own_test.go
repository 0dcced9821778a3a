package sqldb_test

import (
	"testing"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

func TestADatabaseBelongsToOneService(t *testing.T) {
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		for range 2 {
			if err := sqldb.Own(t.Context(), db, "ticket"); err != nil {
				t.Fatal(err)
			}
		}
		if err := sqldb.Own(t.Context(), db, "survey"); err == nil {
			t.Error("the survey service got the ticket service's database")
		}
	})
}

func TestOnlyOneProcessHasPostgreSQLForItself(t *testing.T) {
	url := sqldbtest.Postgres(t)
	a, b := sqldbtest.Open(t, url), sqldbtest.Open(t, url)
	release, err := a.Exclusive(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := b.Exclusive(t.Context()); err == nil {
		t.Error("two have it for themselves")
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
	if release, err = b.Exclusive(t.Context()); err != nil {
		t.Fatalf("after the first one has gone: %v", err)
	}
	if err := release(); err != nil {
		t.Fatal(err)
	}
}
