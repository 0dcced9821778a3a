// Package filter turns the filter (AIP-160) and the order_by (AIP-132) of a List
// request into SQL that means the same on SQLite and PostgreSQL.
//
// A service declares its fields once, in a table of [Field]. Nothing else of a
// request reaches the text of a statement: its values travel as arguments.
//
// The language is that of AIP-160, OR binding tighter than AND, with these choices:
//   - A comparison has a field on its left and a value on its right, quoted where
//     it has spaces or parentheses. Words alone, and comparisons with neither AND
//     nor OR between them, are refused. The functions are timestamp("…") and
//     duration("…").
//   - An absent value makes a comparison false, and != true: "a != 1" is "NOT a = 1".
//   - "field:*" asks whether the field is there: not absent and, if it can never
//     be absent, not the zero value, which a time and a duration do not have.
//   - "text:word" looks for the word within the text, by case; "map:key" for the
//     key; ":" is "=" with other fields and with the values of a map.
//   - In a value compared by = or != with a text, a * at an end stands for any
//     text. Elsewhere it stands for itself.
//   - Texts compare by code points; enum values go by their full name or without
//     the prefix; numbers end before 2^53; times and durations are cut to microseconds.
package filter

import (
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// What a filter may be at most.
const (
	maxBytes       = 2048
	maxComparisons = 100
	maxDepth       = 20 // of parentheses
)

// A Kind says what a field holds and how its column keeps that.
type Kind int

// The kinds of fields.
const (
	Text     Kind = iota // TEXT
	Number               // any number
	Bool                 // BOOLEAN, or INTEGER with 0 and 1
	Enum                 // INTEGER, the number of the contract
	Time                 // BIGINT, microseconds since 1970
	Duration             // BIGINT, microseconds
	Name                 // TEXT, the last segment of a name brands/B/COLLECTION/ID
	Map                  // TEXT, a JSON object of strings
)

// A Field is one that a list can be filtered by.
type Field struct {
	Name       string // as in the contract
	Column     string // or another SQL expression; the Name if empty
	Kind       Kind
	Enum       protoreflect.EnumDescriptor // of an Enum
	Collection string                      // of a Name
	Nullable   bool                        // the column can be NULL, which is an absent value
	Order      string                      // the SQL to order by, which is never NULL; empty if one cannot
}

// Fields are the fields of one list. They are safe for concurrent use.
type Fields []Field

// A Filter is a filter that has been understood. The zero Filter picks all rows.
type Filter struct {
	root *node
}

// A Clause is a part of a statement. Each ? in its text stands for the next of its
// arguments.
type Clause struct {
	Text string
	Args []any
}

// Parse returns the filter that text describes for the rows of a brand; the empty
// text picks all. What it cannot read is a fault on filter.
func (fs Fields) Parse(text, brand string) (Filter, error) {
	if strings.TrimSpace(text) == "" {
		return Filter{}, nil
	}
	src, err := scan(text)
	if err != nil {
		return Filter{}, err
	}
	root, err := src.parse()
	if err != nil {
		return Filter{}, err
	}
	c := checker{source: src, fields: fs, brand: brand}
	n, err := c.condition(root)
	if err != nil {
		return Filter{}, err
	}
	return Filter{&n}, nil
}

// Where returns a condition, true for the rows that f picks and else false or NULL.
func (f Filter) Where(postgres bool) Clause {
	if f.root == nil {
		return Clause{Text: "TRUE"}
	}
	w := writer{postgres: postgres}
	w.condition(*f.root, false)
	return w.clause()
}

// find returns the field of that name.
func (fs Fields) find(name string) (Field, bool) {
	for _, f := range fs {
		if f.Name == name {
			if f.Column == "" {
				f.Column = f.Name
			}
			return f, true
		}
	}
	return Field{}, false
}

// names lists the fields that keep holds for.
func (fs Fields) names(keep func(Field) bool) string {
	var all []string
	for _, f := range fs {
		if keep(f) {
			all = append(all, f.Name)
		}
	}
	return strings.Join(all, ", ")
}

func invalid(reason, description string) error {
	return fault.Invalid(fault.Field{Path: "filter", Reason: reason, Description: description})
}
