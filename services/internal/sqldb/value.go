package sqldb

import (
	"strconv"
	"strings"
	"time"
)

// Values returns the placeholders of a multi-row INSERT: Values(2, 2) is
// "($1,$2),($3,$4)". Both arguments are at least 1; a statement takes at most
// 32,766 placeholders.
func Values(rows, cols int) string {
	var b strings.Builder
	b.Grow(rows * (cols*6 + 2))
	var num [8]byte
	for n := range rows * cols {
		switch {
		case n == 0:
			b.WriteByte('(')
		case n%cols == 0:
			b.WriteString("),(")
		default:
			b.WriteByte(',')
		}
		b.WriteByte('$')
		b.Write(strconv.AppendInt(num[:0], int64(n+1), 10))
	}
	b.WriteByte(')')
	return b.String()
}

// Micros returns t as a time column holds it: microseconds since 1970, rounded down.
func Micros(t time.Time) int64 { return t.UnixMicro() }

// Time returns the time, in UTC, that a time column holds as us.
func Time(us int64) time.Time { return time.UnixMicro(us).UTC() }

// NullMicros returns [Micros] of t, or nil, which is NULL, for the zero time.
func NullMicros(t time.Time) any {
	if t.IsZero() {
		return nil
	}
	return t.UnixMicro()
}
