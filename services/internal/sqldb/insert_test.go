package sqldb

import (
	"slices"
	"strings"
	"testing"
)

func TestOnlyPlainInsertsOfOneRowAreMerged(t *testing.T) {
	for query, want := range map[string]int{
		`INSERT INTO item (id, name) VALUES ($1, $2)`:                            2,
		"INSERT INTO item (id,\n\tname, n)\nVALUES ($1,\n\t$2, $3)":              3,
		`INSERT INTO item (id) VALUES ($1)`:                                      1,
		`INSERT INTO item (id, name) VALUES ($2, $1)`:                            0,
		`INSERT INTO item (id, name) VALUES ($1, $1)`:                            0,
		`INSERT INTO item (id, name) VALUES ($1, 'a')`:                           0,
		`INSERT INTO item (id, name) VALUES ($1, $2), ($3, $4)`:                  0,
		`INSERT INTO item (id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING`:     0,
		`INSERT INTO item (id, name) VALUES ($1, $2) RETURNING id`:               0,
		`INSERT INTO item (id, name) SELECT 1, 'a' UNION ALL VALUES ($1, $2)`:    0,
		`INSERT INTO item (id) SELECT id FROM (SELECT 1) AS a UNION VALUES ($1)`: 0,
		`INSERT INTO item VALUES ($1, $2)`:                                       0,
		`INSERT OR REPLACE INTO item (id) VALUES ($1)`:                           0,
		`WITH a AS (SELECT 1) INSERT INTO item (id) VALUES ($1)`:                 0,
		`UPDATE item SET n = 1 WHERE (id, name) IN (VALUES ($1, $2))`:            0,
		`INSERT INTO item DEFAULT VALUES`:                                        0,
		`DELETE FROM item WHERE id = $1`:                                         0,
	} {
		got := 0
		if s := newShape(query); s != nil {
			got = s.columns
		}
		if got != want {
			t.Errorf("%s: %d columns to merge, want %d", query, got, want)
		}
	}
}

func TestMergedInsertsCarryEveryRowOnce(t *testing.T) {
	const first, second = `INSERT INTO a (id, name) VALUES ($1, $2)`, `INSERT INTO b (id) VALUES ($1)`
	var m merger
	for round := range 3 {
		for id := range 47 {
			if !m.add("", first, []any{id, "x"}) || id < 3 && !m.add("", second, []any{id}) {
				t.Fatal("an insert is not merged")
			}
		}
		if m.add("", first, []any{1}) || m.add("", `DELETE FROM a`, nil) {
			t.Error("merged what is no row")
		}
		if m.rows != 50 {
			t.Errorf("%d rows wait, want 50", m.rows)
		}
		var sizes, ids []int
		m.drain(func(_, query string, args []any) {
			columns := 1
			if strings.HasPrefix(query, "INSERT INTO a ") {
				columns = 2
			}
			if rows := strings.Count(query, "("); rows != 1+len(args)/columns {
				t.Errorf("%d arguments for %s", len(args), query)
			}
			sizes = append(sizes, len(args)/columns)
			for i := 0; i < len(args); i += columns {
				ids = append(ids, args[i].(int))
			}
		})
		if want := []int{32, 14, 1, 3}; !slices.Equal(sizes, want) {
			t.Errorf("round %d: statements of %v rows, want %v", round, sizes, want)
		}
		if len(ids) != 50 || ids[46] != 46 || ids[47] != 0 || m.rows != 0 || len(m.open) != 0 {
			t.Errorf("round %d: rows %v, want each once and nothing left", round, ids)
		}
	}
}
