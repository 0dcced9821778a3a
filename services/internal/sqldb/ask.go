package sqldb

import (
	"fmt"
	"strings"
)

// An Ask is a query of one row that a write begins with: Query finds it by $1, $2, …,
// which stand for the texts in Key.
type Ask struct {
	Query string
	Key   []string
}

// args returns the key as arguments of the query.
func (a *Ask) args() []any {
	args := make([]any, len(a.Key))
	for i, k := range a.Key {
		args[i] = k
	}
	return args
}

// A finding is what came of an Ask.
type finding struct {
	scan func(dest ...any) error // nil without a row
}

// Asked returns the row of the Ask that [DB.WriteAsking] was given. On PostgreSQL the
// lane has looked for it beforehand, together with those of its neighbors, and what
// others have committed since may not show.
func (tx *Tx) Asked() *Row {
	if known := tx.known; known != nil {
		tx.known = nil // a second time it may have changed
		return &Row{tx: tx, err: tx.ready(), known: known}
	}
	return tx.QueryRow(tx.ask.Query, tx.ask.args()...)
}

// manyAsks returns the query for the rows of several keys, which come as one array
// for each part of the key, and for the place of each in the arrays. LIMIT has them
// looked up one by one, however small PostgreSQL thinks the table is.
func manyAsks(query string, parts int) string {
	var arrays, names []string
	for n := parts; n > 0; n-- { // $10 before $1
		query = strings.ReplaceAll(query, fmt.Sprint("$", n), fmt.Sprint("asked.k", n))
	}
	for n := range parts {
		arrays, names = append(arrays, fmt.Sprintf("$%d::text[]", n+1)), append(names, fmt.Sprint("k", n+1))
	}
	return `SELECT asked.place, found.* FROM unnest(` + strings.Join(arrays, ", ") + `) WITH ORDINALITY AS asked (` +
		strings.Join(names, ", ") + `, place) CROSS JOIN LATERAL (` + query + ` LIMIT 1) AS found`
}

// ask looks for the rows that the group asks for. It returns an answer by request,
// nil for one that has to ask by itself: of twins in a group, the later ones have to
// see what the first has done.
func (l *lane) ask(group []*request) ([]*finding, error) {
	known := make([]*finding, len(group))
	var (
		asks   []*Ask
		places []int
		seen   map[string]bool
	)
	for i, r := range group {
		if r.ask == nil || len(asks) > 0 && r.ask.Query != asks[0].Query {
			continue
		}
		if key := strings.Join(r.ask.Key, "\x00"); !seen[key] {
			if seen == nil {
				seen = make(map[string]bool, len(group))
			}
			seen[key] = true
			asks, places = append(asks, r.ask), append(places, i)
		}
	}
	if len(asks) == 0 {
		return known, nil
	}
	answers, err := l.session.ask(asks)
	for i := range answers {
		known[places[i]] = &answers[i]
	}
	return known, err
}
