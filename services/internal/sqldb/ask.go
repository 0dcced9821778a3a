package sqldb

import (
	"errors"
	"fmt"
	"strings"
)

// doubts is how many groups of a lane look for the rows they ask for after one of them
// was there.
const doubts = 64

// An Ask is a query of one row that a write begins with: Query finds it by $1, $2, …,
// which stand for the texts in Key. A write that finds none inserts it with Tx.Finally,
// and the key of the table refuses a second one. Where nothing would refuse it, Look
// has the row looked for each time.
type Ask struct {
	Query string
	Key   []string
	Look  bool
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
// others have committed since may not show. A lane that has met none for long does
// not even look: then the row that is inserted fails, and the write runs again.
func (tx *Tx) Asked() *Row {
	if known := tx.known; known != nil {
		tx.known = nil // a second time it may have changed
		return &Row{tx: tx, err: tx.ready(), known: known}
	}
	if tx.ready() == nil {
		tx.fail(tx.session.flush()) // a twin may have put it there with Finally
	}
	row := tx.QueryRow(tx.ask.Query, tx.ask.args()...)
	row.asked = true
	return row
}

// manyAsks returns the query for the rows of several keys, which come as one array
// for each part of the key, and for the place of each in the arrays. LIMIT has them
// looked up one by one, however small PostgreSQL thinks the table is. Each array is a
// query of its own: PostgreSQL would plan anew for every array whose length it sees.
func manyAsks(query string, parts int) string {
	var arrays, names []string
	for n := parts; n > 0; n-- { // $10 before $1
		query = strings.ReplaceAll(query, fmt.Sprint("$", n), fmt.Sprint("asked.k", n))
	}
	for n := range parts {
		arrays, names = append(arrays, fmt.Sprintf("(SELECT $%d::text[])", n+1)), append(names, fmt.Sprint("k", n+1))
	}
	return `SELECT asked.place, found.* FROM unnest(` + strings.Join(arrays, ", ") + `) WITH ORDINALITY AS asked (` +
		strings.Join(names, ", ") + `, place) CROSS JOIN LATERAL (` + query + ` LIMIT 1) AS found`
}

// ask looks for the rows that the group asks for, those of each query in one go. It
// returns an answer by request, nil for one that has to ask by itself: of twins in a
// group, the later ones have to see what the first has done.
func (l *lane) ask(group []*request) ([]*finding, error) {
	known := make([]*finding, len(group))
	var queries []said
	asking := map[said][]int{} // the places in the group, by query
	seen := make(map[string]bool, len(group))
	for i, r := range group {
		if r.ask == nil {
			continue
		}
		query := said{r.who, r.ask.Query}
		if key := query.query + "\x00" + strings.Join(r.ask.Key, "\x00"); !seen[key] {
			seen[key] = true
			if asking[query] == nil {
				queries = append(queries, query)
			}
			asking[query] = append(asking[query], i)
		}
	}
	for _, query := range queries {
		if err := l.find(group, asking[query], known); err != nil {
			return known, err
		}
	}
	return known, nil
}

// find puts into known what is found for the requests at the places, who ask the same
// query.
func (l *lane) find(group []*request, places []int, known []*finding) error {
	asks, who := make([]*Ask, len(places)), group[places[0]].who
	for n, i := range places {
		asks[n] = group[i].ask
	}
	if asks[0].Look {
		answers, err := l.session.ask(who, asks, false)
		for n := range answers {
			known[places[n]] = &answers[n]
		}
		return err
	}
	answers, err := l.session.ask(who, asks, l.doubt == 0)
	l.doubt = max(0, l.doubt-1)
	for n := range answers {
		known[places[n]] = &answers[n]
		if answers[n].scan != nil {
			l.doubt = doubts
		}
	}
	return err
}

// doubtful returns those of the group that have to run again because the lane, which
// did not look, took a row to be absent that was there. Whatever else failed may have
// met the same, so the lane looks from now on.
func (l *lane) doubtful(group []*request, err error) (again []*request) {
	spoiled := errors.Is(err, errSpoiled)
	for _, r := range group {
		if r.ask == nil || r.err == nil && !spoiled {
			continue
		}
		l.doubt = doubts
		if !spoiled && Unique(r.err) {
			again = append(again, r)
		}
	}
	if spoiled && l.doubt > 0 {
		return group
	}
	return again
}
