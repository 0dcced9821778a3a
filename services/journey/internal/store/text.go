package store

import (
	"regexp"
	"strconv"
	"strings"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// texts holds one statement for each number of rows it may be asked for, so that
// a database sees few different texts and keeps them prepared.
type texts struct {
	sizes []int // descending
	text  map[int]string
}

// write returns the texts of a statement that takes so many rows, or values, at a
// time. Its placeholders appear once each.
func write(db *sqldb.DB, statement func(rows int) string, sizes []int) texts {
	t := texts{sizes, map[int]string{}}
	for _, n := range t.sizes {
		t.text[n] = statement(n)
		if !db.Postgres() {
			t.text[n] = numbers.ReplaceAllLiteralString(t.text[n], "?")
		}
	}
	return t
}

// numbers matches numbered placeholders. SQLite's driver asks for the name of each
// one, and SQLite walks the list of all names to find it: with a thousand of them
// that takes longer than the statement.
var numbers = regexp.MustCompile(`\$[0-9]+`)

// split calls f for n rows in parts, each with the statement for its size.
func (t texts) split(n int, f func(statement string, from, to int) error) error {
	from := 0
	for _, size := range t.sizes {
		for n-from >= size {
			if err := f(t.text[size], from, from+size); err != nil {
				return err
			}
			from += size
		}
	}
	return nil
}

// fill calls f for values in parts, each with the statement for its size or, at
// the end, with one for more: it looks for the last value several times.
func (t texts) fill(values []string, f func(statement string, part []any) error) error {
	for len(values) > 0 {
		size := t.sizes[0]
		for _, s := range t.sizes {
			if s >= len(values) {
				size = s
			}
		}
		n := min(size, len(values))
		part := make([]any, size)
		for i := range part {
			part[i] = values[min(i, n-1)]
		}
		if err := f(t.text[size], part); err != nil {
			return err
		}
		values = values[n:]
	}
	return nil
}

// seek returns a query for the rows of a brand whose column is one of n values, which
// PostgreSQL answers by as many looks into the index. Asked with IN it reads the whole table
// until that has been analyzed: the plan that is kept supposes that there are 200 different
// values.
func seek(columns, table, column string, n int) string {
	return `SELECT ` + columns + ` FROM (SELECT DISTINCT CAST(sought AS TEXT) AS sought FROM (VALUES (` + strings.ReplaceAll(list(n), ",", "),(") + `)) AS given (sought)) AS given ` +
		apiece(table, column, "$1")
}

// apiece joins the rows of a brand whose column is given.sought, one look for each.
func apiece(table, column, brand string) string {
	return `CROSS JOIN LATERAL (SELECT * FROM ` + table + ` WHERE brand = ` + brand + ` AND ` + column + ` = given.sought OFFSET 0) AS found`
}

// list returns n placeholders after the first: "$2,$3,$4".
func list(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.WriteString(strconv.Itoa(i + 2))
	}
	return b.String()
}

// arguments are rows as a statement takes them. They implement [sqldb.Cells].
type arguments []any

func (a *arguments) Text(s string)   { *a = append(*a, s) }
func (a *arguments) Int(n int64)     { *a = append(*a, n) }
func (a *arguments) Float(f float64) { *a = append(*a, f) }
func (a *arguments) Null()           { *a = append(*a, nil) }

// writeText gives row s, or NULL for "".
func writeText(row sqldb.Cells, s string) {
	if s == "" {
		row.Null()
	} else {
		row.Text(s)
	}
}

// writeInt gives row n, or NULL for 0.
func writeInt(row sqldb.Cells, n int64) {
	if n == 0 {
		row.Null()
	} else {
		row.Int(n)
	}
}

// bit returns b as the INTEGER columns hold it.
func bit(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
