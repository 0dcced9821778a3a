package store

import (
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// A Customer is what is said of a customer, and what follows from the touchpoints of all
// who are one with it.
type Customer struct {
	table.Record
	Sealed     string   // what few may read; empty for nothing
	Segments   []string // sorted
	Persona    string
	Anonymous  bool
	DeleteTime time.Time // zero if it was not deleted
	Trail

	Root string // whom the customer is part of; empty for nobody
}

// A Trail is what follows from touchpoints. It is zero without any.
type Trail struct {
	First                 First
	Stage                 int32
	Last                  time.Time // of events, as all times here
	Activity              int32
	ActivityDue           time.Time // when time alone changes the activity; zero for never
	Touchpoints, Services int64
}

// A First is the first touchpoint of a customer.
type First struct {
	ID, Customer, Definition string
	Channel, Stage           int32
	Time                     time.Time
	Attributes               string // JSON, or empty
}

// trailColumns are the columns of a [Trail].
const trailColumns = `first_touchpoint, first_customer, first_definition, first_channel, first_stage, first_event_time,
	first_attributes, stage, last_event_time, activity_status, activity_due, touchpoints, services`

func (t *Trail) fields() []any {
	f := &t.First
	return []any{
		&f.ID, &f.Customer, &f.Definition, &f.Channel, &f.Stage,
		moment{&f.Time},
		&f.Attributes, &t.Stage,
		moment{&t.Last},
		&t.Activity,
		moment{&t.ActivityDue},
		&t.Touchpoints, &t.Services,
	}
}

// CustomerTable is where customers are.
var CustomerTable = table.Table[Customer]{
	Name: "customer",
	Columns: []string{
		"sealed", "segments", "persona", "anonymous", "delete_time",
		"first_touchpoint", "first_customer", "first_definition", "first_channel", "first_stage", "first_event_time",
		"first_attributes", "stage", "last_event_time", "activity_status", "activity_due", "touchpoints", "services",
	},
	Fields: func(c *Customer) []any {
		return append([]any{
			&c.Sealed, set{&c.Segments}, &c.Persona, table.Flag{Of: &c.Anonymous}, table.Moment{Of: &c.DeleteTime},
		}, c.Trail.fields()...)
	},
	Head:    func(c *Customer) *table.Record { return &c.Record },
	Derived: `COALESCE((SELECT root FROM customer_link WHERE customer_link.brand = customer.brand AND member = customer.id), '')`,
	Result:  func(c *Customer) any { return &c.Root },
}

// Unmerged is a condition that picks the customers who are part of nobody.
const Unmerged = `NOT EXISTS (SELECT 1 FROM customer_link WHERE customer_link.brand = customer.brand AND member = customer.id)`

// CustomerRow returns what is kept of a customer, whoever it is part of, or
// [table.ErrNotFound].
func CustomerRow(r Reader, brand, id string) (Customer, error) {
	all, err := CustomerRows(r, brand, []string{id})
	if err == nil && len(all) == 0 {
		err = table.ErrNotFound
	}
	if err != nil {
		return Customer{}, err
	}
	return all[0], nil
}

// CustomerRows returns what is kept of customers, in no order. At least one must be
// named.
func CustomerRows(r Reader, brand string, ids []string) ([]Customer, error) {
	var q sqldb.Query
	q.Add(`SELECT `+CustomerTable.Read()+` FROM customer WHERE brand = ?`, brand)
	sqldb.In(&q, `id`, ids)
	rows, err := r.Query(q.String(), q.Args...)
	if err != nil {
		return nil, err
	}
	return table.All(rows, CustomerTable.Scan)
}

// Deleted returns who of people is deleted.
func (s *Store) Deleted(r Reader, brand string, people People) (map[string]bool, error) {
	var q sqldb.Query
	q.Add(`SELECT id FROM customer WHERE brand = ? AND delete_time IS NOT NULL`, brand)
	s.whose(&q, "id", &people)
	deleted := map[string]bool{}
	err := r.Lines(func(l *sqldb.Line) { deleted[l.Text()] = true }, q.String(), q.Args...)
	return deleted, err
}

// Turn makes a write the only one that changes customers until its commit.
func (s *Store) Turn(tx *sqldb.Tx) { s.turn(tx) }
