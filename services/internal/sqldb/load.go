package sqldb

import (
	"encoding/binary"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
)

// A Form is how COPY takes the rows of a table of PostgreSQL. It is safe for concurrent
// use.
type Form struct {
	statement string
	kinds     []string   // of the columns
	rooms     *sync.Pool // of *[]byte: what rows were written into, for those that come next
}

// maxRoom is the largest one that is kept, so that one large load is not held for good.
const maxRoom = 1 << 20

// NewForm returns the form of a table. Columns are separated by commas, each with its
// kind: text, integer, bigint or float8.
func NewForm(table, columns string) Form {
	f := Form{rooms: &sync.Pool{New: func() any { return new([]byte) }}}
	var names []string
	for column := range strings.SplitSeq(columns, ",") {
		words := strings.Fields(column)
		names, f.kinds = append(names, words[0]), append(f.kinds, words[1])
	}
	f.statement = `COPY ` + table + ` (` + strings.Join(names, ", ") + `) FROM STDIN (FORMAT binary)`
	return f
}

// What every file of COPY begins and ends with.
const (
	copyHead = "PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00"
	copyTail = "\xff\xff"
)

// rows appends to out so many rows as COPY reads them, of which value returns one at a time,
// in the memory it is given: text, whole numbers, floats and, for NULL, nil.
func (f *Form) rows(out []byte, n int, value func(row int, into []any) []any) ([]byte, error) {
	out = append(slices.Grow(out, 384*n), copyHead...)
	into := make([]any, 0, len(f.kinds))
	for row := range n {
		values := value(row, into)
		if len(values) != len(f.kinds) {
			return nil, fmt.Errorf("copy: %d values for %d columns", len(values), len(f.kinds))
		}
		out = binary.BigEndian.AppendUint16(out, uint16(len(values))) //nolint:gosec // a table has at most 1,600
		for i, v := range values {
			var err error
			if out, err = appendValue(out, f.kinds[i], v); err != nil {
				return nil, err
			}
		}
	}
	return append(out, copyTail...), nil
}

// appendValue appends v as a column of the kind.
func appendValue(out []byte, kind string, v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return append(out, 0xff, 0xff, 0xff, 0xff), nil
	case string:
		if kind == "text" {
			out = binary.BigEndian.AppendUint32(out, uint32(len(v))) //nolint:gosec // far below 1 GB
			return append(out, v...), nil
		}
	case int64:
		switch {
		case kind == "bigint":
			out = append(out, 0, 0, 0, 8)
			return binary.BigEndian.AppendUint64(out, uint64(v)), nil //nolint:gosec // two's complement
		case kind == "integer" && v == int64(int32(v)): //nolint:gosec // that is the question
			out = append(out, 0, 0, 0, 4)
			return binary.BigEndian.AppendUint32(out, uint32(v)), nil //nolint:gosec // two's complement
		}
	case float64:
		if kind == "float8" {
			out = append(out, 0, 0, 0, 8)
			return binary.BigEndian.AppendUint64(out, math.Float64bits(v)), nil
		}
	}
	return nil, fmt.Errorf("copy: a %T is no %s", v, kind)
}

// Loads reports whether [Tx.Load] can be had: PostgreSQL takes no COPY from a role for which
// row-level security holds, and SQLite none from anybody.
func (db *DB) Loads() bool { return db.postgres && !db.fenced }

// Load copies so many rows into the table of the form, which takes PostgreSQL half of
// what an INSERT does, where [DB.Loads] says that it can. The row that value returns is in the memory it is
// given. Where one of the rows is there already, Load undoes what tx has done since the
// savepoint, ends that and returns false; otherwise the savepoint is left to the caller.
func (tx *Tx) Load(f *Form, savepoint string, n int, value func(row int, into []any) []any) (bool, error) {
	if err := tx.ready(); err != nil {
		return false, err
	}
	room := f.rooms.Get().(*[]byte) //nolint:errcheck // it holds nothing else
	rows, err := f.rows((*room)[:0], n, value)
	stored := false
	if err == nil {
		defer func() {
			if cap(rows) <= maxRoom {
				*room = rows
				f.rooms.Put(room)
			}
		}()
		tx.dirty = true
		tx.span.say(f.statement)
		stored, err = tx.session.load(f.statement, savepoint, rows)
	}
	tx.fail(err)
	return stored, err
}
