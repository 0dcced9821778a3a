package store

import (
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// An IssueType is what the brand calls one sort of request. Enums are the numbers
// of the contract, 0 for none.
type IssueType struct {
	table.Record
	DisplayName  string
	IssueKind    int32
	Stage, Phase int32
	Priority     int32
	RedressSteps []PrescribedStep
}

// A PrescribedStep is a step of the redress procedure of an issue type.
type PrescribedStep struct {
	Title    string         `json:"title"`
	DueAfter *time.Duration `json:"due_after,omitempty"` // nil for never
}

// A Problem is one root cause behind many tickets.
type Problem struct {
	table.Record
	Title         string
	RootCause     string
	State         int32
	FunctionOwner int32
	TicketCount   int64 // of those attached; read only
}

// IssueTypes keeps the issue types.
var IssueTypes = &table.Table[IssueType]{
	Name:    "issue_type",
	Columns: []string{"display_name", "issue_kind", "stage", "phase", "priority", "redress_steps"},
	Fields: func(i *IssueType) []any {
		return []any{&i.DisplayName, &i.IssueKind, &i.Stage, &i.Phase, &i.Priority, table.Array[PrescribedStep]{Of: &i.RedressSteps}}
	},
	Head: func(i *IssueType) *table.Record { return &i.Record },
}

// TicketCount is the SQL for how many tickets are attached to a problem.
const TicketCount = `(SELECT COUNT(*) FROM ticket t WHERE t.brand = problem.brand AND t.problem = problem.id AND t.problem <> '')`

// Problems keeps the problems.
var Problems = &table.Table[Problem]{
	Name:    "problem",
	Columns: []string{"title", "root_cause", "state", "function_owner"},
	Fields:  func(p *Problem) []any { return []any{&p.Title, &p.RootCause, &p.State, &p.FunctionOwner} },
	Head:    func(p *Problem) *table.Record { return &p.Record },
	Derived: TicketCount,
	Result:  func(p *Problem) any { return &p.TicketCount },
}

// ProblemInUse reports whether a ticket is attached to a problem.
func ProblemInUse(tx *sqldb.Tx, brand, id string) (bool, error) {
	return exists(tx, `SELECT EXISTS (SELECT 1 FROM ticket WHERE brand = $1 AND problem = $2 AND problem <> '')`, brand, id)
}

// A Tie is to begin or to end between a problem, which the transaction has locked,
// and tickets, whose ids are unique.
type Tie struct {
	Brand, Problem string
	Tickets        []string
	Now            time.Time
}

// Attach ties the tickets to the problem, and no longer to another, and returns
// those that were not tied to it before, in the next version.
func Attach(tx *sqldb.Tx, t Tie) ([]Ticket, error) {
	var q sqldb.Query
	q.Add(`UPDATE ticket SET problem = ?, update_time = ?, version = version + 1 WHERE brand = ? AND problem <> ?`,
		t.Problem, sqldb.Micros(t.Now), t.Brand, t.Problem)
	return t.change(tx, &q)
}

// Detach unties the tickets and returns those that were tied to the problem, in the
// next version.
func Detach(tx *sqldb.Tx, t Tie) ([]Ticket, error) {
	var q sqldb.Query
	q.Add(`UPDATE ticket SET problem = '', update_time = ?, version = version + 1 WHERE brand = ? AND problem = ?`,
		sqldb.Micros(t.Now), t.Brand, t.Problem)
	return t.change(tx, &q)
}

func (t Tie) change(tx *sqldb.Tx, q *sqldb.Query) ([]Ticket, error) {
	sqldb.In(q, `id`, t.Tickets)
	q.Add(` RETURNING ` + ticketColumns)
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return table.All(rows, scanTicket)
}

// MissingTickets returns those of ids that no ticket has, in their order.
func MissingTickets(tx *sqldb.Tx, brand string, ids []string) ([]string, error) {
	var q sqldb.Query
	q.Add(`SELECT id FROM ticket WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	rows, err := tx.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	found, err := table.All(rows, func(scan func(...any) error) (id string, err error) { return id, scan(&id) })
	return slices.DeleteFunc(slices.Clone(ids), func(id string) bool { return slices.Contains(found, id) }), err
}
