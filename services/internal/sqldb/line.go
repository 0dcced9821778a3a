package sqldb

import (
	"encoding/binary"
	"fmt"
	"math"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// A Line is one row of an answer, whose columns are read from left to right. It holds
// while the function runs that was given it, and is for that goroutine. NULL is 0 or "".
type Line struct {
	fields []pgconn.FieldDescription // of PostgreSQL
	types  *pgtype.Map
	raw    [][]byte

	values []any // of SQLite, instead

	next  int
	texts []string // the last of each column: rows beside each other often have the same
	err   error
}

// Int returns the next column, a whole number.
func (l *Line) Int() int64 {
	i := l.step()
	if l.types == nil {
		v, ok := l.values[i].(int64)
		l.check(i, ok)
		return v
	}
	raw := l.raw[i]
	if f := &l.fields[i]; f.Format == pgx.BinaryFormatCode {
		switch {
		case f.DataTypeOID == pgtype.Int8OID && len(raw) == 8:
			return int64(binary.BigEndian.Uint64(raw)) //nolint:gosec // two's complement
		case f.DataTypeOID == pgtype.Int4OID && len(raw) == 4:
			return int64(int32(binary.BigEndian.Uint32(raw))) //nolint:gosec // two's complement
		}
	}
	var v int64
	l.scan(i, &v)
	return v
}

// Float returns the next column, a float.
func (l *Line) Float() float64 {
	i := l.step()
	if l.types == nil {
		v, ok := l.values[i].(float64)
		l.check(i, ok)
		return v
	}
	raw := l.raw[i]
	if f := &l.fields[i]; f.Format == pgx.BinaryFormatCode && f.DataTypeOID == pgtype.Float8OID && len(raw) == 8 {
		return math.Float64frombits(binary.BigEndian.Uint64(raw))
	}
	var v float64
	l.scan(i, &v)
	return v
}

// Text returns the next column, a text.
func (l *Line) Text() string {
	i := l.step()
	if l.types == nil {
		v, ok := l.values[i].(string)
		l.check(i, ok)
		return v
	}
	if last := l.texts[i]; string(l.raw[i]) == last {
		return last
	}
	l.texts[i] = string(l.raw[i])
	return l.texts[i]
}

// Null reports whether the next column is NULL, and leaves it to be read.
func (l *Line) Null() bool {
	if l.types == nil {
		return l.values[l.next] == nil
	}
	return l.raw[l.next] == nil
}

func (l *Line) step() int {
	l.next++
	return l.next - 1
}

// check notes that column i of a row of SQLite is not what was asked for.
func (l *Line) check(i int, ok bool) {
	if !ok && l.values[i] != nil && l.err == nil {
		l.err = fmt.Errorf("read column %d: it is a %T", i, l.values[i])
	}
}

// scan reads column i of a row of PostgreSQL in any form.
func (l *Line) scan(i int, dest any) {
	if l.raw[i] == nil {
		return
	}
	if err := l.types.Scan(l.fields[i].DataTypeOID, l.fields[i].Format, l.raw[i], dest); err != nil && l.err == nil {
		l.err = fmt.Errorf("read column %d: %w", i, err)
	}
}
