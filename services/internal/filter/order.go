package filter

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// An Order is an order_by that has been understood. The column id comes last, in
// the direction of what is before it, so that no two rows are equal. The zero Order
// is that by id.
type Order struct {
	terms []term
}

type term struct {
	field Field
	desc  bool
}

// A Cursor is a place between two rows of an ordered list, for a page token. The
// zero Cursor is before the first.
type Cursor []string

// ParseOrder returns the order that text describes, such as "open_time desc,
// priority". What it cannot read is a fault on order_by.
func (fs Fields) ParseOrder(text string) (Order, error) {
	var o Order
	if strings.TrimSpace(text) == "" {
		return o, nil
	}
	for part := range strings.SplitSeq(text, ",") {
		words := strings.Fields(part)
		if len(words) < 1 || len(words) > 2 || len(words) == 2 && words[1] != "asc" && words[1] != "desc" {
			return Order{}, invalidOrder("order_by.syntax", excerpt(part)+" is neither a field nor a field and desc")
		}
		f, ok := fs.find(words[0])
		if !ok || f.Order == "" {
			return Order{}, invalidOrder("order_by.field", excerpt(words[0])+" is none of "+fs.names(func(f Field) bool { return f.Order != "" }))
		}
		for _, t := range o.terms {
			if t.field.Name == f.Name {
				return Order{}, invalidOrder("order_by.field", f.Name+" stands there twice")
			}
		}
		o.terms = append(o.terms, term{f, len(words) == 2 && words[1] == "desc"})
	}
	return o, nil
}

// all returns the terms and the tie-break.
func (o Order) all() []term {
	id := term{field: Field{Order: "id"}}
	if n := len(o.terms); n > 0 {
		id.desc = o.terms[n-1].desc
	}
	return append(o.terms[:len(o.terms):len(o.terms)], id)
}

// By returns what follows ORDER BY.
func (o Order) By(postgres bool) string {
	var b strings.Builder
	for i, t := range o.all() {
		if i > 0 {
			b.WriteString(", ")
		}
		b.WriteString(t.expression(postgres))
		if t.desc {
			b.WriteString(" DESC")
		}
	}
	return b.String()
}

// Cursor returns the place after a row, given its id and what it holds in the
// fields that it is ordered by, as the SQL they are ordered by gives it: a string, a
// number, a bool, a time or a duration.
func (o Order) Cursor(id string, value func(field string) any) (Cursor, error) {
	c := make(Cursor, 0, len(o.terms)+1)
	for _, t := range o.terms {
		s, err := encode(value(t.field.Name))
		if err != nil {
			return nil, fmt.Errorf("order by %s: %w", t.field.Name, err)
		}
		c = append(c, s)
	}
	return append(c, id), nil
}

// After returns a condition, true for the rows after c. A cursor that is of no
// such order is a fault on page_token.
func (o Order) After(c Cursor, postgres bool) (Clause, error) {
	terms := o.all()
	if c == nil {
		return Clause{Text: "TRUE"}, nil
	}
	if len(c) != len(terms) {
		return Clause{}, errCursor()
	}
	values := make([]any, len(terms))
	mixed := false
	for i, t := range terms {
		v, ok := decode(t.field.Kind, c[i])
		if !ok {
			return Clause{}, errCursor()
		}
		values[i] = v
		mixed = mixed || t.desc != terms[0].desc
	}
	w := writer{postgres: postgres}
	if mixed {
		// The first bound alone is implied; it is there for an index to serve.
		w.beyond(terms[0], values[0], "=")
		w.add(" AND ")
		w.mixed(terms, values)
	} else {
		w.row(terms, values)
	}
	return w.clause(), nil
}

// row writes that the terms, all of one direction, are beyond the values.
func (w *writer) row(terms []term, values []any) {
	var left, right []string
	for i, t := range terms {
		left = append(left, t.expression(w.postgres))
		right = append(right, placeholder(values[i]))
	}
	w.add("("+strings.Join(left, ", ")+") "+terms[0].direction()+" ("+strings.Join(right, ", ")+")", values...)
}

// mixed writes that the terms, of any directions, are beyond the values.
func (w *writer) mixed(terms []term, values []any) {
	w.add("(")
	w.beyond(terms[0], values[0], "")
	if len(terms) > 1 {
		w.add(" OR "+terms[0].expression(w.postgres)+" = "+placeholder(values[0])+" AND ", values[0])
		w.mixed(terms[1:], values[1:])
	}
	w.add(")")
}

func (w *writer) beyond(t term, value any, orEqual string) {
	w.add(t.expression(w.postgres)+" "+t.direction()+orEqual+" "+placeholder(value), value)
}

func (t term) direction() string {
	if t.desc {
		return "<"
	}
	return ">"
}

// expression returns the SQL to order by. The tie-break has no name and keeps the
// collation of its index: any order will do.
func (t term) expression(postgres bool) string {
	f := t.field
	switch {
	case f.Kind == Bool:
		return "CAST(" + f.Order + " AS INTEGER)"
	case postgres && f.Name != "" && (f.Kind == Text || f.Kind == Name):
		return f.Order + ` COLLATE "C"`
	}
	return f.Order
}

// encode returns a value as a cursor keeps it. JSON would round large numbers.
func encode(value any) (string, error) {
	switch v := value.(type) {
	case string:
		return v, nil
	case int:
		return strconv.Itoa(v), nil
	case int32:
		return strconv.FormatInt(int64(v), 10), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case float64:
		return strconv.FormatFloat(v, 'g', -1, 64), nil
	case bool:
		if v {
			return "1", nil
		}
		return "0", nil
	case time.Time:
		return strconv.FormatInt(sqldb.Micros(v), 10), nil
	case time.Duration:
		return strconv.FormatInt(v.Microseconds(), 10), nil
	}
	return "", fmt.Errorf("a cursor keeps no %T", value)
}

// decode returns the value of a cursor, who may have been made by anybody.
func decode(kind Kind, s string) (any, bool) {
	if kind == Text || kind == Name {
		return s, utf8.ValidString(s) && !strings.ContainsRune(s, 0)
	}
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return n, true
	}
	v, err := strconv.ParseFloat(s, 64)
	return v, err == nil && kind == Number && !math.IsNaN(v) && !math.IsInf(v, 0)
}

func invalidOrder(reason, description string) error {
	return fault.Invalid(fault.Field{Path: "order_by", Reason: reason, Description: description})
}

// errCursor says what package page says of a token that is none.
func errCursor() error {
	return fault.Invalid(fault.Field{
		Path: "page_token", Reason: "PAGE_TOKEN",
		Description: "must be a next_page_token of a call with the same arguments",
	})
}
