package store

import (
	"database/sql"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Trails returns what is kept of the touchpoints of customers. One who has no row has no
// trail.
func (s *Store) Trails(r Reader, brand string, customers []string) (map[string]Trail, error) {
	var q sqldb.Query
	q.Add(`SELECT id, `+trailColumns+` FROM customer WHERE brand = ?`, brand)
	s.listed(&q, "id", customers)
	trails := make(map[string]Trail, len(customers))
	err := each(r, &q, func(rows *sql.Rows) error {
		var id string
		var t Trail
		err := rows.Scan(append([]any{&id}, t.fields()...)...)
		trails[id] = t
		return err
	})
	return trails, err
}

// PutTrails keeps what follows from the touchpoints of customers, who come into being by
// that if they are not there. Customers are in the order of their ids, which differ.
func (s *Store) PutTrails(tx *sqldb.Tx, brand string, customers []string, trails map[string]Trail, now time.Time) {
	at := sqldb.Micros(now)
	value := func(i int, into []any) []any {
		t := trails[customers[i]]
		return t.values(append(into, brand, customers[i], at, at, int64(1), "", "{}", "", int64(1)))
	}
	if s.db.Postgres() {
		if len(customers) > 0 {
			tx.Defer(s.spreadTrails.text, s.spreadTrails.args(len(customers), value)...)
		}
		return
	}
	for i := range customers {
		tx.Defer(putTrail, value(i, nil)...)
	}
}

// values returns the columns of t, and those given before them.
func (t *Trail) values(args []any) []any {
	f := &t.First
	return append(args, f.ID, f.Customer, f.Definition, int64(f.Channel), int64(f.Stage), micros(f.Time), f.Attributes,
		int64(t.Stage), micros(t.Last), int64(t.Activity), micros(t.ActivityDue), t.Touchpoints, t.Services)
}

// micros returns t as the columns of a trail hold it.
func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return sqldb.Micros(t)
}

var putTrail = `
	INSERT INTO customer (brand, id, create_time, update_time, version, sealed, segments, persona, anonymous, ` + trailColumns + `)
	VALUES ` + sqldb.Values(1, 22) + ` ` + mergeTrail

const mergeTrail = `ON CONFLICT (brand, id) DO UPDATE SET
	  first_touchpoint = excluded.first_touchpoint, first_customer = excluded.first_customer,
	  first_definition = excluded.first_definition, first_channel = excluded.first_channel, first_stage = excluded.first_stage,
	  first_event_time = excluded.first_event_time, first_attributes = excluded.first_attributes,
	  stage = excluded.stage, last_event_time = excluded.last_event_time,
	  activity_status = excluded.activity_status, activity_due = excluded.activity_due,
	  touchpoints = excluded.touchpoints, services = excluded.services`

// spreadTrails is putTrail as a spread.
func spreadTrails() spread {
	return newSpread("customer", `brand text, id text, create_time bigint, update_time bigint, version bigint, sealed text,
		segments text, persona text, anonymous bigint, first_touchpoint text, first_customer text, first_definition text,
		first_channel bigint, first_stage bigint, first_event_time bigint, first_attributes text, stage bigint,
		last_event_time bigint, activity_status bigint, activity_due bigint, touchpoints bigint, services bigint`, mergeTrail)
}
