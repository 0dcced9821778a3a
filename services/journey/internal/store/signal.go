package store

import (
	"context"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/signal"
)

// A SignalRule says what the brand wants to hear of.
type SignalRule struct {
	table.Record
	DisplayName string
	Inactive    bool
	Owner       int32 // 0 for that of the definition
	Rule        *signal.Rule
	ExpireAfter time.Duration
}

// SignalRules keeps the rules. Who writes one calls [Store.Watch].
var SignalRules = &table.Table[SignalRule]{
	Name:    "signal_rule",
	Columns: []string{"display_name", "inactive", "function_owner", "detail", "expire_after"},
	Fields: func(r *SignalRule) []any {
		return []any{
			&r.DisplayName,
			table.Flag{Of: &r.Inactive},
			&r.Owner,
			table.Document[*signal.Rule]{Of: &r.Rule},
			table.Span{Of: &r.ExpireAfter},
		}
	},
	Head: func(r *SignalRule) *table.Record { return &r.Record },
}

// A Signal says that something goes wrong for customers. It was opened when it was
// created. One of Definition, Customer and Segment is set.
type Signal struct {
	table.Record
	Rule                          string // its id
	Kind                          signal.Kind
	State                         signal.State
	Owner                         int32
	Definition, Customer, Segment string // ids
	Window                        signal.Span
	Finding                       *signal.Finding
	Acknowledged, Acted, Closed   time.Time // zero for not yet
	Expires                       time.Time
	Action                        SignalAction
	CloseNote                     string
	Figures                       SignalFigures
}

// A SignalAction is what was done. The zero value is nothing.
type SignalAction struct {
	Kind       int32  `json:"kind"`
	Note       string `json:"note,omitempty"`
	Definition string `json:"definition,omitempty"` // of the touchpoints that reach customers
}

// SignalFigures are how many customers a signal is about, at a time.
type SignalFigures struct {
	Affected, Silent, Reached int64
	At                        time.Time
}

// Signals keeps the signals.
var Signals = &table.Table[Signal]{
	Name: "signal",
	Columns: []string{
		"signal_rule", "kind", "state", "function_owner", "definition", "customer", "segment", "start_time", "end_time", "finding",
		"acknowledge_time", "act_time", "close_time", "expire_time", "action", "close_note",
		"affected_count", "silent_count", "reached_count", "evaluate_time", "refresh_time",
	},
	Fields: func(v *Signal) []any {
		return []any{
			&v.Rule, &v.Kind, &v.State, &v.Owner, &v.Definition, &v.Customer, &v.Segment,
			table.Micros{Of: &v.Window.Start},
			table.Micros{Of: &v.Window.End},
			table.Document[*signal.Finding]{Of: &v.Finding},
			table.Moment{Of: &v.Acknowledged},
			table.Moment{Of: &v.Acted},
			table.Moment{Of: &v.Closed},
			table.Micros{Of: &v.Expires},
			table.Document[SignalAction]{Of: &v.Action},
			&v.CloseNote,
			&v.Figures.Affected, &v.Figures.Silent, &v.Figures.Reached,
			table.Micros{Of: &v.Figures.At},
			refresh{v},
		}
	},
	Head: func(v *Signal) *table.Record { return &v.Record },
}

// OpenSignal adds v, and the customers whose score fell with the time since when, and
// reports whether there was none of its id.
func OpenSignal(tx *sqldb.Tx, v Signal, fell map[string]time.Time) (bool, error) {
	r := v.Record
	args := append([]any{r.Brand, r.ID, sqldb.Micros(r.CreateTime), sqldb.Micros(r.UpdateTime), r.Version}, Signals.Fields(&v)...)
	n, err := tx.Exec(insertSignal, args...)
	if n == 0 || err != nil {
		return false, err
	}
	for customer, since := range fell {
		tx.Defer(`INSERT INTO signal_customer (brand, signal, customer, event_time) VALUES ($1, $2, $3, $4)`,
			v.Brand, v.ID, customer, sqldb.Micros(since))
	}
	return true, nil
}

var insertSignal = `INSERT INTO signal (` + Signals.Read() + `) VALUES ` + sqldb.Values(1, 5+len(Signals.Columns)) + ` ON CONFLICT DO NOTHING`

// Opened returns which of the ids are those of signals.
func (s *Store) Opened(ctx context.Context, brand string, ids []string) (map[string]bool, error) {
	var q sqldb.Query
	q.Add(`SELECT id FROM signal WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	found, err := table.All(rows, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
	opened := make(map[string]bool, len(found))
	for _, id := range found {
		opened[id] = true
	}
	return opened, sqldb.Fault(err)
}
