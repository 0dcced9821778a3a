package sqldb

import (
	"strconv"
	"strings"
)

// A Query is a statement that grows part by part and numbers its placeholders as
// they come. The zero Query is empty. It is for one goroutine.
type Query struct {
	strings.Builder
	Args []any
}

// Add appends text, each ? of which stands for the next of args.
func (q *Query) Add(text string, args ...any) {
	for _, a := range args {
		before, after, _ := strings.Cut(text, "?")
		q.Args = append(q.Args, a)
		q.WriteString(before)
		q.WriteString("$" + strconv.Itoa(len(q.Args)))
		text = after
	}
	q.WriteString(text)
}

// In appends a condition that column is one of values, of which there must be one.
func In[T any](q *Query, column string, values []T) {
	q.WriteString(` AND ` + column + ` IN (`)
	for i, v := range values {
		if i > 0 {
			q.WriteString(`, `)
		}
		q.Add(`?`, v)
	}
	q.WriteString(`)`)
}
