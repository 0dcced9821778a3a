package sqldb_test

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

var things = fstest.MapFS{"0001_thing.sql": {Data: []byte(`-- +goose Up
CREATE TABLE thing (id BIGINT PRIMARY KEY, name TEXT, size INTEGER, weight DOUBLE PRECISION);
`)}}

var thingForm = sqldb.NewForm("thing", `id bigint, name text,
	size integer, weight float8`)

// load loads rows of thing behind a row of id 1,000, and adds one of id 2,000.
func load(t *testing.T, db *sqldb.DB, rows ...[]any) (stored bool, err error) {
	t.Helper()
	err = db.Write(t.Context(), func(tx *sqldb.Tx) (err error) {
		tx.Defer(`INSERT INTO thing (id) VALUES ($1)`, 1000)
		tx.Defer("SAVEPOINT here")
		stored, err = tx.Load(&thingForm, "acme", "here", len(rows), func(i int, into sqldb.Cells) { give(into, rows[i]...) })
		if err != nil {
			return err
		}
		tx.Defer(`INSERT INTO thing (id) VALUES ($1)`, 2000)
		return nil
	})
	return stored, err
}

// give gives a row its values.
func give(row sqldb.Cells, values ...any) {
	for _, v := range values {
		switch v := v.(type) {
		case string:
			row.Text(v)
		case int64:
			row.Int(v)
		case float64:
			row.Float(v)
		case nil:
			row.Null()
		}
	}
}

func openThings(t *testing.T) *sqldb.DB {
	t.Helper()
	db := sqldbtest.Open(t, sqldbtest.Postgres(t))
	if err := sqldb.Migrate(t.Context(), db, "thing", things); err != nil {
		t.Fatal(err)
	}
	return db
}

// ids returns the ids of the things there are.
func ids(t *testing.T, db *sqldb.DB) (all []int64) {
	t.Helper()
	rows, err := db.Read().QueryContext(t.Context(), `SELECT id FROM thing ORDER BY id`)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	for rows.Next() {
		var id int64
		if err := rows.Scan(&id); err != nil {
			t.Fatal(err)
		}
		all = append(all, id)
	}
	return all
}

func TestWhatIsLoadedComesBack(t *testing.T) {
	db := openThings(t)
	rows := [][]any{
		{int64(math.MinInt64), "", int64(math.MinInt32), math.SmallestNonzeroFloat64},
		{int64(-1), "a\tb\\N\n", int64(-1), math.Copysign(0, -1)},
		{int64(1), strings.Repeat("größer", 10_000), int64(math.MaxInt32), math.MaxFloat64},
		{int64(math.MaxInt64), nil, nil, nil},
	}
	if stored, err := load(t, db, rows...); !stored || err != nil {
		t.Fatalf("load = %v, %v, want it stored", stored, err)
	}
	for _, want := range rows {
		got := make([]any, 4)
		row := db.Read().QueryRowContext(t.Context(), `SELECT id, name, CAST(size AS BIGINT), weight FROM thing WHERE id = $1`, want[0])
		if err := row.Scan(&got[0], &got[1], &got[2], &got[3]); err != nil || !slices.Equal(got, want) {
			t.Errorf("thing %v = %.40v, %v, want %.40v", want[0], got, err, want)
		}
	}
	if got := ids(t, db); len(got) != len(rows)+2 {
		t.Errorf("things %v, want those loaded and the two beside them", got)
	}
}

func TestNothingIsLoadedWhereARowIsThere(t *testing.T) {
	db := openThings(t)
	stored, err := load(t, db, []any{int64(1), nil, nil, nil}, []any{int64(1000), nil, nil, nil})
	if got := ids(t, db); stored || err != nil || !slices.Equal(got, []int64{1000, 2000}) {
		t.Errorf("load = %v, %v and leaves %v, want it refused and the rows before and after it", stored, err, got)
	}
}

func TestALoadThatFailsLeavesNothing(t *testing.T) {
	db := openThings(t)
	for name, row := range map[string][]any{
		"a value short":             {int64(1)},
		"a text as a number":        {"1", nil, nil, nil},
		"a number as a text":        {int64(1), int64(1), nil, nil},
		"a number too large":        {int64(1), nil, int64(math.MaxInt32 + 1), nil},
		"a number as a float":       {int64(1), nil, nil, int64(1)},
		"a float as a number":       {1.5, nil, nil, nil},
		"a value more":              {int64(1), nil, nil, nil, "1"},
		"a text PostgreSQL refuses": {int64(1), "\x00", nil, nil},
		"NULL where it must not be": {nil, nil, nil, nil},
	} {
		if stored, err := load(t, db, []any{int64(7), nil, nil, nil}, row); err == nil || stored {
			t.Errorf("%s: load = %v, %v, want an error", name, stored, err)
		}
	}
	if got := ids(t, db); len(got) > 0 {
		t.Errorf("things %v, want none", got)
	}
}

func TestSQLiteDoesNotLoad(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.SQLite(t))
	if err := sqldb.Migrate(t.Context(), db, "thing", things); err != nil {
		t.Fatal(err)
	}
	if stored, err := load(t, db); !errors.Is(err, errors.ErrUnsupported) || stored {
		t.Errorf("load = %v, %v, want it refused", stored, err)
	}
}

func TestWhatWaitsSurvivesALoadThatGoesBack(t *testing.T) {
	db := openThings(t)
	if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Defer(`INSERT INTO thing (id) VALUES ($1)`, 1000)
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		tx.Finally(`INSERT INTO thing (id) VALUES ($1)`, 3000) // such as an event, and those of neighbors in the lane
		tx.Defer("SAVEPOINT here")
		_, err := tx.Load(&thingForm, "acme", "here", 1, func(_ int, into sqldb.Cells) { give(into, int64(1000), nil, nil, nil) })
		return err
	})
	if got := ids(t, db); err != nil || !slices.Equal(got, []int64{1000, 3000}) {
		t.Errorf("err %v things %v, want 1000 and 3000", err, got)
	}
}

// TestRowsAreLoadedIntoThePartitionOfTheirBrand and into another one as soon as the table is
// divided in another way.
func TestRowsAreLoadedIntoThePartitionOfTheirBrand(t *testing.T) {
	db := sqldbtest.Open(t, sqldbtest.Postgres(t))
	divide := func(parts int) {
		t.Helper()
		if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(`DROP TABLE IF EXISTS grown`)
			tx.Defer(`CREATE TABLE grown (brand TEXT NOT NULL, id BIGINT NOT NULL, PRIMARY KEY (brand, id)) PARTITION BY HASH (brand)`)
			for i := range parts {
				tx.Defer(fmt.Sprintf(`CREATE TABLE "Part %d of %d" PARTITION OF grown FOR VALUES WITH (MODULUS %[2]d, REMAINDER %[1]d)`, i, parts))
			}
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	form := sqldb.NewForm("grown", "brand text, id bigint")
	store := func(brand string, id int64) error {
		return db.Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer("SAVEPOINT here")
			stored, err := tx.Load(&form, brand, "here", 1, func(_ int, into sqldb.Cells) { give(into, brand, id) })
			if err == nil && !stored {
				err = errors.New("it was there")
			}
			return err
		})
	}
	check := func(brand string, want int) {
		t.Helper()
		var whole, rightly int
		err := db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*), COUNT(*) FILTER (WHERE satisfies_hash_partition('grown'::regclass,
			(SELECT COUNT(*)::int FROM pg_inherits WHERE inhparent = 'grown'::regclass), split_part(tableoid::regclass::text, ' ', 2)::int, brand))
			FROM grown WHERE brand = $1`, brand).Scan(&whole, &rightly)
		if err != nil || whole != want || rightly != want {
			t.Errorf("%d rows of %s, %d where they belong, %v, want %d", whole, brand, rightly, err, want)
		}
	}
	divide(4)
	brands := []string{"acme", "brio", "cato", "dora", "emma"}
	for i, brand := range append(brands, brands...) {
		if err := store(brand, int64(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, brand := range brands {
		check(brand, 2)
	}
	divide(3)
	for _, brand := range brands {
		if err := store(brand, 1); err == nil {
			t.Error("a partition that is gone has taken a row")
		} else if err := store(brand, 1); err != nil {
			t.Fatal(err)
		}
		check(brand, 1)
	}
}
