package filter

import (
	"cmp"
	"encoding/json"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
)

// held returns what r holds in a field, as the SQL it is ordered by gives it.
func (r thing) held(field string) any {
	switch field {
	case "name":
		return r.id
	case "subject":
		return r.subject
	case "note":
		return or(r.note, "")
	case "state":
		return int32(r.state) //nolint:gosec // below 8
	case "reopen_count":
		return int(r.reopened)
	case "score":
		return or(r.score, -1)
	case "urgent":
		return r.urgent
	case "open_time":
		return sqldb.Time(r.open)
	case "close_time":
		return or(r.close, 0)
	case "customer":
		return r.customer
	}
	return nil
}

func or[T any](p *T, otherwise T) T {
	if p == nil {
		return otherwise
	}
	return *p
}

// compare orders two rows by one field.
func compare(a, b thing, field string) int {
	switch x := a.held(field).(type) {
	case string:
		return cmp.Compare(x, b.held(field).(string))
	case float64:
		return cmp.Compare(x, b.held(field).(float64))
	case bool:
		return cmp.Compare(map[bool]int{true: 1}[x], map[bool]int{true: 1}[b.held(field).(bool)])
	}
	switch field {
	case "state":
		return cmp.Compare(a.state, b.state)
	case "reopen_count":
		return cmp.Compare(a.reopened, b.reopened)
	case "open_time":
		return cmp.Compare(a.open, b.open)
	}
	return cmp.Compare(or(a.close, 0), or(b.close, 0))
}

func TestPagesOfAnyOrderShowEachRowOnce(t *testing.T) {
	rows := things(40)
	byID := map[string]thing{}
	for _, r := range rows {
		byID[r.id] = r
	}
	var sortable []string
	for _, f := range fields {
		if f.Order != "" {
			sortable = append(sortable, f.Name)
		}
	}
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := filled(t, open(t), rows)
		rapid.Check(t, func(t *rapid.T) {
			names := rapid.SliceOfNDistinct(rapid.SampledFrom(sortable), 0, 4, rapid.ID[string]).Draw(t, "fields")
			var parts []string
			desc := make([]bool, len(names)+1)
			for i, n := range names {
				direction := rapid.SampledFrom([]string{"", " asc", " desc", "  desc "}).Draw(t, "direction")
				parts, desc[i] = append(parts, n+direction), strings.Contains(direction, "desc")
				desc[len(names)] = desc[i]
			}
			want := slices.SortedFunc(slices.Values(rows), func(a, b thing) int {
				for i, n := range append(names[:len(names):len(names)], "name") {
					if c := compare(a, b, n); c != 0 {
						return map[bool]int{false: c, true: -c}[desc[i]]
					}
				}
				return 0
			})
			o, err := fields.ParseOrder(strings.Join(parts, ","))
			if err != nil {
				t.Fatal(err)
			}
			got := walk(t, db, o, byID, rapid.IntRange(1, 15).Draw(t, "page"))
			if !slices.EqualFunc(got, want, func(id string, r thing) bool { return id == r.id }) {
				t.Fatalf("%v: got %v", parts, got)
			}
		})
	})
}

// walk returns the ids of all pages.
func walk(t *rapid.T, db *sqldb.DB, o Order, byID map[string]thing, size int) (all []string) {
	var c Cursor
	for range len(byID) + 1 {
		after, err := o.After(c, db.Postgres())
		if err != nil {
			t.Fatal(err)
		}
		where, args := numbered(Clause{Text: "TRUE"}, after, Clause{Text: "id <> ?", Args: []any{"nobody"}})
		query := `SELECT id FROM thing WHERE ` + where + ` ORDER BY ` + o.By(db.Postgres()) + ` LIMIT ` + strconv.Itoa(size)
		got := ids(t, db, query, args)
		if all = append(all, got...); len(got) == 0 {
			return all
		}
		last := byID[got[len(got)-1]]
		if c, err = o.Cursor(last.id, last.held); err != nil {
			t.Fatal(err)
		}
		body, err := json.Marshal(c) // as a page token keeps it
		if err != nil {
			t.Fatal(err)
		}
		c = nil
		if err := json.Unmarshal(body, &c); err != nil {
			t.Fatal(err)
		}
	}
	t.Fatal("the pages do not end")
	return nil
}

func TestWhatIsNoOrderIsRefused(t *testing.T) {
	for text, reason := range map[string]string{
		"id; drop table":               "order_by.syntax",
		"state;drop":                   "order_by.field",
		"subject desc nulls last":      "order_by.syntax",
		"subject DESC":                 "order_by.syntax",
		"subject,":                     "order_by.syntax",
		",":                            "order_by.syntax",
		"-subject":                     "order_by.field",
		"id":                           "order_by.field",
		"open":                         "order_by.field",
		"took":                         "order_by.field",
		"attributes.tenure":            "order_by.field",
		"subject, state, subject desc": "order_by.field",
		"(SELECT 1)":                   "order_by.syntax",
		"subject\x00":                  "order_by.field",
	} {
		o, err := fields.ParseOrder(text)
		if err == nil {
			t.Errorf("ParseOrder(%q) = %s", text, o.By(false))
			continue
		}
		wantInvalid(t, err, "order_by", reason)
	}
}

func TestACursorOfAnotherOrderIsRefused(t *testing.T) {
	o, err := fields.ParseOrder("open_time desc, score, subject")
	if err != nil {
		t.Fatal(err)
	}
	if _, err := o.After(Cursor{"1", "0.5", "a", "x"}, true); err != nil {
		t.Errorf("a good cursor: %v", err)
	}
	for _, c := range []Cursor{
		{},
		{"x"},
		{"1", "0.5", "a"},
		{"1", "0.5", "a", "x", "y"},
		{"soon", "0.5", "a", "x"},
		{"1.5", "0.5", "a", "x"},
		{"", "0.5", "a", "x"},
		{"99999999999999999999", "0.5", "a", "x"},
		{"1", "NaN", "a", "x"},
		{"1", "Inf", "a", "x"},
		{"1", "much", "a", "x"},
		{"1", "0.5", "\x00", "x"},
		{"1", "0.5", "a", "\xff"},
	} {
		_, err := o.After(c, true)
		if err == nil {
			t.Errorf("After(%q) takes it", c)
			continue
		}
		wantInvalid(t, err, "page_token", "PAGE_TOKEN")
	}
}

func TestAForgedCursorIsOnlyAPlace(t *testing.T) {
	rows := things(10)
	sqldbtest.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := filled(t, open(t), rows)
		for _, by := range []string{"state, subject", "state, subject desc", "urgent", "score desc, reopen_count"} {
			o, err := fields.ParseOrder(by)
			if err != nil {
				t.Fatal(err)
			}
			c := Cursor{"9223372036854775807", "-9223372036854775808", "' OR TRUE --"}
			if by == "urgent" {
				c = c[1:]
			}
			after, err := o.After(c, db.Postgres())
			if err != nil {
				t.Fatal(err)
			}
			where, args := numbered(after)
			ids(t, db, `SELECT id FROM thing WHERE `+where, args)
		}
	})
}

func TestACursorKeepsOnlyWhatItCanCompare(t *testing.T) {
	o, err := fields.ParseOrder("took")
	if err == nil {
		t.Fatalf("took is sortable: %s", o.By(false))
	}
	if o, err = fields.ParseOrder("subject"); err != nil {
		t.Fatal(err)
	}
	if c, err := o.Cursor("x", func(string) any { return nil }); err == nil {
		t.Errorf("Cursor = %v of no value", c)
	}
}

func BenchmarkParse(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		f, err := fields.Parse(`state = OPEN AND open_time > "2026-01-05T12:00:00Z" AND (attributes.tenure = 31-60 OR NOT customer = "brands/acme/customers/ann")`, "acme")
		if err != nil {
			b.Fatal(err)
		}
		f.Where(true)
	}
}
