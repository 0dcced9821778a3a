package filter

import (
	"strings"
	"unicode/utf8"

	"go.einride.tech/aip/filtering"
)

// A writer collects the parts of a [Clause].
type writer struct {
	strings.Builder
	args     []any
	postgres bool
}

// add appends text and the arguments of its question marks.
func (w *writer) add(text string, args ...any) {
	w.WriteString(text)
	w.args = append(w.args, args...)
}

func (w *writer) clause() Clause { return Clause{w.String(), w.args} }

// condition writes n. Where it is exact, what would be NULL is false: NOT NULL is
// not true. Elsewhere the plain form leaves indexes of use.
func (w *writer) condition(n node, exact bool) {
	switch n.op {
	case filtering.FunctionNot:
		w.add("NOT ")
		w.condition(n.kids[0], true)
	case filtering.FunctionAnd, filtering.FunctionOr:
		w.add("(")
		w.condition(n.kids[0], exact)
		w.add(" " + n.op + " ")
		w.condition(n.kids[1], exact)
		w.add(")")
	case opPresent:
		w.present(n)
	case filtering.FunctionNotEquals:
		w.differs(n)
	default:
		null := n.field.Nullable || n.field.Kind == Map
		if null && exact {
			w.add("COALESCE(")
		}
		w.comparison(n)
		if null && exact {
			w.add(", FALSE)")
		}
	}
}

// present writes that the field of n holds something.
func (w *writer) present(n node) {
	f := n.field
	switch {
	case n.key != "" || f.Nullable && f.Kind != Map:
		w.add(w.operand(n) + " IS NOT NULL")
	case f.Kind == Map:
		w.add("COALESCE(" + f.Column + ", '{}') <> '{}'")
	case f.Kind == Text, f.Kind == Name:
		w.add(f.Column + " <> ''")
	case f.Kind == Time, f.Kind == Duration:
		w.add("TRUE")
	default:
		w.add(w.operand(n) + " <> 0")
	}
}

// differs writes that the field of n is absent or holds another value.
func (w *writer) differs(n node) {
	switch {
	case n.value == nil:
		w.add("TRUE")
	case n.field.Nullable, n.field.Kind == Map:
		w.add(w.operand(n)+" IS DISTINCT FROM "+placeholder(n.value), n.value)
	default:
		w.add(w.operand(n)+" <> "+placeholder(n.value), n.value)
	}
}

// comparison writes any other comparison.
func (w *writer) comparison(n node) {
	column := w.operand(n)
	text, _ := n.value.(string)
	switch n.op {
	case opContains:
		position := "instr"
		if w.postgres {
			position = "strpos"
		}
		w.add(position+"("+column+", ?) > 0", text)
	case opPrefix:
		w.add("substr("+column+", 1, ?) = ?", utf8.RuneCountInString(text), text)
	case opSuffix:
		w.add("substr("+column+", length("+column+") - ? + 1) = ?", utf8.RuneCountInString(text), text)
	case filtering.FunctionEquals:
		if n.value == nil {
			w.add("FALSE")
			return
		}
		w.add(column+" = "+placeholder(n.value), n.value)
	default:
		if n.field.Kind == Text {
			column = w.byteOrder(column)
		}
		w.add(column+" "+n.op+" "+placeholder(n.value), n.value)
	}
}

// operand returns what n compares. A key is in the text, where an index on the
// same expression can serve it; mapKey vouches for it.
func (w *writer) operand(n node) string {
	f := n.field
	switch {
	case n.key != "" && w.postgres:
		return "(CAST(" + f.Column + " AS json) ->> '" + n.key + "')"
	case n.key != "":
		return "(" + f.Column + " ->> '" + n.key + "')"
	case f.Kind == Bool:
		return "CAST(" + f.Column + " AS INTEGER)"
	}
	return f.Column
}

// byteOrder makes a text compare as SQLite does, whatever the locale of PostgreSQL.
func (w *writer) byteOrder(column string) string {
	if w.postgres {
		return column + ` COLLATE "C"`
	}
	return column
}

// placeholder returns the place of an argument. PostgreSQL would take a number for
// one of the column's type and refuse what does not fit in there.
func placeholder(value any) string {
	switch value.(type) {
	case int64:
		return "CAST(? AS BIGINT)"
	case float64:
		return "CAST(? AS DOUBLE PRECISION)"
	}
	return "?"
}
