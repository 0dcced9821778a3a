package store

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/deflection"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
)

// A Session is one visit to a help page or one talk with a bot. Customer is an
// id; enums are the numbers of the contract, 0 for none.
type Session struct {
	table.Record
	Customer           string // empty if nobody knows
	Kind               int32
	Channel            int32
	IssueKind          int32
	Stage, Phase       int32
	StartTime, EndTime time.Time
	Verdict            deflection.Verdict
	Articles           []string
	Contact            string // the ticket that followed it, empty for none; read only
}

// Deflection returns what has become of s by a time.
func (s Session) Deflection(now time.Time) deflection.Sort {
	return deflection.Session{
		Verdict: s.Verdict, Customer: s.Customer != "", Contacted: s.Contact != "", Over: now.Sub(s.EndTime) > deflection.Window,
	}.Sort()
}

// Who asked for a ticket and who handles it, in the contract's numbers.
const (
	originInbound       = 1
	handlingBot         = 2
	handlingSelfService = 3
)

// contacts is the rest of a query for the tickets that are a contact in spite of a
// session: its customer wished it within the window, it is on the session's topic
// or one of the two topics is not known, and it is for people to answer.
var contacts = fmt.Sprintf(`
	FROM ticket t
	WHERE t.brand = self_service_session.brand AND t.customer = self_service_session.customer AND t.customer <> ''
		AND t.open_time >= self_service_session.end_time AND t.open_time <= self_service_session.end_time + %d
		AND (self_service_session.issue_kind = 0 OR t.issue_kind = 0 OR t.issue_kind = self_service_session.issue_kind)
		AND t.origin = %d AND t.handling NOT IN (%d, %d) AND t.state <> %d AND t.delete_time IS NULL`,
	deflection.Window.Microseconds(), originInbound, handlingBot, handlingSelfService, lifecycle.Merged)

// Sessions keeps the self-service sessions.
var Sessions = &table.Table[Session]{
	Name: "self_service_session",
	Columns: []string{
		"customer", "kind", "channel", "issue_kind", "stage", "phase", "start_time", "end_time", "verdict", "articles",
	},
	Fields: func(s *Session) []any {
		return []any{
			&s.Customer, &s.Kind, &s.Channel, &s.IssueKind, &s.Stage, &s.Phase,
			table.Micros{Of: &s.StartTime},
			table.Micros{Of: &s.EndTime},
			(*int32)(&s.Verdict),
			table.Array[string]{Of: &s.Articles},
		}
	},
	Head:    func(s *Session) *table.Record { return &s.Record },
	Derived: `COALESCE((SELECT t.id ` + contacts + ` ORDER BY t.open_time, t.id LIMIT 1), '')`,
	Result:  func(s *Session) any { return &s.Contact },
}

// A DeflectionFilter picks the sessions that began in a window.
type DeflectionFilter struct {
	Brand      string
	Start, End time.Time // End is the first instant after
	Now        time.Time // by which their deflection is known
	Channels   []int32   // none for all
	Stages     []int32   // none for all
	GroupBy    []string  // columns of numbers, such as channel, stage and issue_kind
}

// A DeflectionGroup counts sessions that have the same values.
type DeflectionGroup struct {
	Values []int32 // of the columns grouped by
	Counts map[deflection.Sort]int64
}

// Deflections counts the sessions that f picks by what has become of them, the
// groups in ascending order of their values. Without columns to group by there is
// one group, unless there is no session.
func (s *Store) Deflections(ctx context.Context, f DeflectionFilter) (all []DeflectionGroup, err error) {
	q := f.query()
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		var (
			one    deflection.Session
			n      int64
			values = make([]int32, len(f.GroupBy))
			into   = make([]any, 0, len(values)+5)
		)
		for i := range values {
			into = append(into, &values[i])
		}
		if err := rows.Scan(append(into, (*int32)(&one.Verdict), &one.Customer, &one.Contacted, &one.Over, &n)...); err != nil {
			return nil, fmt.Errorf("read deflections: %w", err)
		}
		if len(all) == 0 || !slices.Equal(all[len(all)-1].Values, values) {
			all = append(all, DeflectionGroup{values, map[deflection.Sort]int64{}})
		}
		all[len(all)-1].Counts[one.Sort()] += n
	}
	return all, sqldb.Fault(rows.Err())
}

// query counts sessions by the columns and by what the rule of deflection asks.
func (f DeflectionFilter) query() *sqldb.Query {
	var q sqldb.Query
	columns := strings.Join(append(f.GroupBy[:len(f.GroupBy):len(f.GroupBy)], "verdict", "known", "contacted", "ended"), ", ")
	q.Add(`SELECT ` + columns + `, COUNT(*) FROM (SELECT `)
	for _, c := range f.GroupBy {
		q.Add(c + `, `)
	}
	q.Add(`verdict, CASE WHEN customer <> '' THEN 1 ELSE 0 END AS known, CASE WHEN EXISTS (SELECT 1 `+contacts+`) THEN 1 ELSE 0 END AS contacted,
			CASE WHEN end_time < ? THEN 1 ELSE 0 END AS ended
		FROM self_service_session
		WHERE brand = ? AND start_time >= ? AND start_time < ?`,
		sqldb.Micros(f.Now.Add(-deflection.Window)), f.Brand, sqldb.Micros(f.Start), sqldb.Micros(f.End))
	if len(f.Channels) > 0 {
		sqldb.In(&q, `channel`, f.Channels)
	}
	if len(f.Stages) > 0 {
		sqldb.In(&q, `stage`, f.Stages)
	}
	q.Add(`) AS session GROUP BY ` + columns + ` ORDER BY ` + columns)
	return &q
}
