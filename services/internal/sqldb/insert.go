package sqldb

import (
	"math/bits"
	"strings"
)

const (
	// maxRows is how many rows a merged INSERT has at most.
	maxRows = 32
	// maxShapes is how many statements are remembered, so that texts which are made
	// up as they go do not fill the memory.
	maxShapes = 512
)

// A merger gathers INSERTs of one row each, of which nobody needs the result, and
// makes one statement of those with the same text and for the same brand: most of what an
// INSERT costs comes once a statement. The zero value is empty.
type merger struct {
	shapes map[said]*shape // by statement; nil for one that is no such INSERT
	open   []*shape        // that have rows, in the order of their first
	rows   int
}

// A said is a statement and for whom it is.
type said struct{ who, query string }

// A shape is an INSERT of one row whose values are $1, $2, … and nothing else.
type shape struct {
	who     string         // it is for
	texts   map[int]string // by number of rows
	head    string         // what comes before the values
	columns int
	args    []any // of the rows that wait
}

// add takes a row and reports whether the statement is one to gather.
func (m *merger) add(who, query string, args []any) bool {
	s := m.shape(said{who, query})
	if s == nil || len(args) != s.columns {
		return false
	}
	if len(s.args) == 0 {
		m.open = append(m.open, s)
	}
	s.args = append(s.args, args...)
	m.rows++
	return true
}

func (m *merger) shape(what said) *shape {
	s, known := m.shapes[what]
	if !known {
		if s = newShape(what.query); s != nil {
			s.who = what.who
		}
		if m.shapes == nil || len(m.shapes) == maxShapes {
			m.shapes = map[said]*shape{}
		}
		m.shapes[what] = s
	}
	return s
}

// newShape returns the shape of query, or nil if it is anything else than INSERT INTO
// table (columns) VALUES ($1, $2, …).
func newShape(query string) *shape {
	head, values, _ := strings.Cut(query, "VALUES")
	table, columns, _ := strings.Cut(strings.TrimSpace(head), "(")
	n := strings.Count(values, "$")
	if !strings.HasPrefix(table, "INSERT INTO ") || len(strings.Fields(table)) != 3 ||
		strings.IndexByte(columns, ')') != len(columns)-1 || n == 0 || len(columns) == 0 ||
		strings.Join(strings.Fields(values), "") != Values(1, n) {
		return nil
	}
	return &shape{texts: map[int]string{1: query}, head: head + "VALUES ", columns: n}
}

// drain hands over the statements that add what waits, and forgets it.
func (m *merger) drain(queue func(who, query string, args []any)) {
	for _, s := range m.open {
		for args := s.args; len(args) > 0; {
			n := size(len(args) / s.columns)
			queue(s.who, s.text(n), args[:n*s.columns])
			args = args[n*s.columns:]
		}
	}
	m.forget()
}

// size returns how many of so many rows the next statement takes: a number of which
// three binary digits count, so that few texts need preparing.
func size(rows int) int {
	if rows >= maxRows {
		return maxRows
	}
	return rows &^ (1<<max(0, bits.Len(uint(rows))-3) - 1) //nolint:gosec // it is above 0
}

// forget forgets what waits.
func (m *merger) forget() {
	for _, s := range m.open {
		s.args = nil
	}
	m.open, m.rows = m.open[:0], 0
}

func (s *shape) text(rows int) string {
	text, known := s.texts[rows]
	if !known {
		text = s.head + Values(rows, s.columns)
		s.texts[rows] = text
	}
	return text
}
