package table

import (
	"context"
	"errors"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

var noon = time.Date(2013, 1, 7, 12, 0, 0, 123_000, time.UTC)

// A thing has a column of each sort.
type thing struct {
	Record
	Title   string
	Count   int32
	Start   time.Time
	End     time.Time // zero for never
	Length  time.Duration
	Done    bool
	Parts   []string
	Detail  detail
	More    *detail
	Labels  map[string]string
	Shouted string // the title; read only
}

type detail struct {
	Words string `json:"words,omitempty"`
}

var things = &Table[thing]{
	Name:    "thing",
	Columns: []string{"title", "count", "start_time", "end_time", "length", "done", "parts", "detail", "more", "labels"},
	Fields: func(t *thing) []any {
		return []any{
			&t.Title, &t.Count,
			Micros{&t.Start},
			Moment{&t.End},
			Span{&t.Length},
			Flag{&t.Done},
			Array[string]{&t.Parts},
			Document[detail]{&t.Detail},
			Document[*detail]{&t.More},
			Words{&t.Labels},
		}
	},
	Head:    func(t *thing) *Record { return &t.Record },
	Derived: `upper(title)`,
	Result:  func(t *thing) any { return &t.Shouted },
}

// A plain row has no columns but its own and none that is derived.
type plain struct {
	Record
	Title string
}

var plains = &Table[plain]{
	Name:    "thing",
	Columns: []string{"title"},
	Fields:  func(p *plain) []any { return []any{&p.Title} },
	Head:    func(p *plain) *Record { return &p.Record },
}

// made has the table of things.
var made = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE IF NOT EXISTS thing (
			brand TEXT NOT NULL, id TEXT NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, version BIGINT NOT NULL,
			title TEXT NOT NULL, count INTEGER NOT NULL DEFAULT 0, start_time BIGINT NOT NULL DEFAULT 0, end_time BIGINT,
			length BIGINT NOT NULL DEFAULT 0, done INTEGER NOT NULL DEFAULT 0, parts TEXT NOT NULL DEFAULT '', detail TEXT NOT NULL DEFAULT '',
			more TEXT NOT NULL DEFAULT '', labels TEXT NOT NULL DEFAULT '{}', PRIMARY KEY (brand, id))`)
		return err
	})
})

// TestTable holds SQLite and PostgreSQL to the same promises.
func TestTable(t *testing.T) {
	made.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		for _, tt := range []struct {
			name string
			test func(*testing.T, *sqldb.DB)
		}{
			{"a row comes back as it went in", testRow},
			{"a taken id is refused and changes nothing", testTaken},
			{"an update changes all but the key, and that row alone", testUpdate},
			{"a deleted row is gone, and that row alone", testDelete},
			{"a list is of one brand, in its order, and has its limit", testList},
			{"of writers who lock a row none is lost", testLock},
			{"what another version left out is none", testDefaults},
		} {
			t.Run(tt.name, func(t *testing.T) { tt.test(t, open(t)) })
		}
	})
}

// full returns a thing of acme with every field set.
func full(id string) thing {
	const text = "où est ? 🧨 <b> \\ ' \u2028"
	return thing{
		Record: Record{"acme", id, noon, noon.Add(time.Microsecond), 1},
		Title:  "a " + id, Count: -3, Start: time.UnixMicro(-1).UTC(), End: noon.Add(time.Hour), Length: time.Hour + time.Microsecond,
		Done: true, Parts: []string{text, "", "b"}, Detail: detail{text}, More: &detail{text}, Labels: map[string]string{"a": text, "b": ""},
		Shouted: "A " + strings.ToUpper(id),
	}
}

// empty returns a thing of acme with no field set.
func empty(id string) thing {
	return thing{Record: Record{"acme", id, noon, noon, 1}, Start: time.UnixMicro(0).UTC()}
}

// in returns row as one of another brand.
func in(brand string, row thing) thing {
	row.Brand = brand
	return row
}

func write(t *testing.T, db *sqldb.DB, f func(tx *sqldb.Tx) error) {
	t.Helper()
	if err := db.Write(t.Context(), f); err != nil {
		t.Fatal(err)
	}
}

func add(t *testing.T, db *sqldb.DB, rows ...thing) {
	t.Helper()
	write(t, db, func(tx *sqldb.Tx) error {
		for _, want := range rows {
			got, err := things.Add(tx, want)
			if err != nil {
				return err
			}
			equal(t, "Add", got, want)
		}
		return nil
	})
}

// holds checks that the table has exactly these rows of acme and other, by id.
func holds(t *testing.T, db *sqldb.DB, want ...thing) {
	t.Helper()
	var got []thing
	for _, brand := range []string{"acme", "other"} {
		rows, err := things.List(t.Context(), db, Listing{Brand: brand, By: "id", Limit: 100})
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, rows...)
	}
	equal(t, "the table", got, want)
	write(t, db, func(tx *sqldb.Tx) error {
		for _, one := range want {
			got, err := things.Get(tx, one.Brand, one.ID)
			if err != nil {
				return err
			}
			equal(t, "Get", got, one)
		}
		return nil
	})
}

func equal[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if !reflect.DeepEqual(got, want) {
		t.Errorf("%s = %+v, want %+v", what, got, want)
	}
}

func testRow(t *testing.T, db *sqldb.DB) {
	rows := []thing{full("a"), empty("b"), in("other", full("a")), in("other", empty("b"))}
	add(t, db, rows...)
	holds(t, db, rows...)
}

func testTaken(t *testing.T, db *sqldb.DB) {
	add(t, db, full("a"))
	err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
		got, err := things.Add(tx, empty("a"))
		equal(t, "Add of a taken id", got, thing{})
		return err
	})
	if !errors.Is(err, ErrExists) {
		t.Errorf("Add of a taken id = %v, want ErrExists", err)
	}
	holds(t, db, full("a"))
}

func testUpdate(t *testing.T, db *sqldb.DB) {
	add(t, db, empty("a"), empty("b"), in("other", empty("a")))
	want := full("a")
	want.CreateTime, want.UpdateTime = noon.Add(time.Hour), noon.Add(2*time.Hour)
	write(t, db, func(tx *sqldb.Tx) error {
		locked, err := things.Lock(tx, "acme", "a")
		if err != nil {
			return err
		}
		equal(t, "Lock", locked, empty("a"))
		got, err := things.Update(tx, want)
		want.CreateTime, want.Version = noon, 2
		equal(t, "Update", got, want)
		return err
	})
	holds(t, db, want, empty("b"), in("other", empty("a")))
}

func testDelete(t *testing.T, db *sqldb.DB) {
	add(t, db, full("a"), full("b"), in("other", full("b")))
	write(t, db, func(tx *sqldb.Tx) error {
		things.Delete(tx, "acme", "b")
		return nil
	})
	write(t, db, func(tx *sqldb.Tx) error {
		for what, find := range map[string]func(*sqldb.Tx, string, string) (thing, error){"Get": things.Get, "Lock": things.Lock} {
			if _, err := find(tx, "acme", "b"); !errors.Is(err, ErrNotFound) {
				t.Errorf("%s of a deleted row = %v, want ErrNotFound", what, err)
			}
		}
		if _, err := things.Update(tx, full("b")); !errors.Is(err, ErrNotFound) {
			t.Errorf("Update of a deleted row = %v, want ErrNotFound", err)
		}
		return nil
	})
	holds(t, db, full("a"), in("other", full("b")))
}

func testList(t *testing.T, db *sqldb.DB) {
	add(t, db, full("b"), full("a"), full("c"), in("other", full("d")))
	for _, tt := range []struct {
		listing Listing
		want    string
	}{
		{Listing{Brand: "acme", By: "id", Limit: 9}, "a b c"},
		{Listing{Brand: "acme", By: "id DESC", Limit: 2}, "c b"},
		{Listing{Brand: "acme", By: "id", Limit: 9, Where: []filter.Clause{
			{Text: "id > ? OR id > ?", Args: []any{"a", "b"}}, {Text: "id < ?", Args: []any{"c"}},
		}}, "b"},
		{Listing{Brand: "none", By: "id", Limit: 9}, ""},
	} {
		rows, err := things.List(t.Context(), db, tt.listing)
		var ids []string
		for _, row := range rows {
			ids = append(ids, things.Record(row).ID)
		}
		if got := strings.Join(ids, " "); err != nil || got != tt.want {
			t.Errorf("List(%+v) = %q, %v, want %q", tt.listing, got, err, tt.want)
		}
	}
}

func testLock(t *testing.T, db *sqldb.DB) {
	add(t, db, empty("a"))
	var wg sync.WaitGroup
	for range 8 {
		wg.Go(func() {
			if err := db.Write(t.Context(), func(tx *sqldb.Tx) error {
				row, err := things.Lock(tx, "acme", "a")
				if err == nil {
					row.Count++
					_, err = things.Update(tx, row)
				}
				return err
			}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want := empty("a")
	want.Count, want.Version = 8, 9
	holds(t, db, want)
}

func testDefaults(t *testing.T, db *sqldb.DB) {
	write(t, db, func(tx *sqldb.Tx) error {
		want := plain{Record{"acme", "a", noon, noon, 1}, "x"}
		got, err := plains.Add(tx, want)
		equal(t, "Add", got, want)
		return err
	})
	want := empty("a")
	want.Title, want.Shouted = "x", "X"
	holds(t, db, want)
}
