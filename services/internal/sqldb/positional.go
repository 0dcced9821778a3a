package sqldb

import (
	"strconv"
	"strings"
)

// positional returns query with ? for $1, $2, … if each stands there once and in
// order, and else as it is. It means the same, and the SQLite driver, which looks
// each numbered placeholder up among all arguments, binds it in one go.
func positional(query string) string {
	var b strings.Builder
	next := 1
	for rest := query; ; next++ {
		at := strings.IndexAny(rest, "$'")
		if at < 0 {
			b.WriteString(rest)
			return b.String()
		}
		number := "$" + strconv.Itoa(next)
		tail, ok := strings.CutPrefix(rest[at:], number)
		if !ok || tail != "" && '0' <= tail[0] && tail[0] <= '9' {
			return query // a quote, a repeat, or out of order
		}
		b.WriteString(rest[:at])
		b.WriteByte('?')
		rest = tail
	}
}
