package bus

import (
	"context"
	"encoding/json"
	"fmt"
	"sync"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	maxTogether = 256 // events a transaction
	// gatherFor is how long a consumer that hears of many events lets more arrive before
	// it applies them.
	gatherFor = 10 * time.Millisecond
)

// gather returns what lets messages wait until those before are applied, and then applies
// together what has arrived meanwhile, so that the events of a key keep their order. finish
// waits for the end of that, once no more messages come.
func (d *delivery) gather(ctx context.Context) (take func(message), finish func()) {
	arrived := make(chan message, consumeBatch)
	var wg sync.WaitGroup
	wg.Go(func() {
		last := 0
		for m := range arrived {
			if last >= many {
				sleep(ctx, gatherFor)
			}
			batch := waiting(m, arrived)
			last = len(batch)
			d.settleAll(ctx, batch)
		}
	})
	return func(m message) { arrived <- m }, func() { close(arrived); wg.Wait() }
}

// waiting returns first and what waits behind it.
func waiting(first message, arrived <-chan message) []message {
	batch := []message{first}
	for len(batch) < maxTogether {
		select {
		case m, ok := <-arrived:
			if !ok {
				return batch
			}
			batch = append(batch, m)
		default:
			return batch
		}
	}
	return batch
}

// settleAll applies the batch in one transaction and what cannot be applied so one by
// one, each key in its order.
func (d *delivery) settleAll(ctx context.Context, batch []message) {
	var alone, fresh []message
	for _, m := range batch {
		if m.damaged != nil || m.attempts > 1 || ctx.Err() != nil || m.late() { // it may be what failed its batch
			alone = append(alone, m)
		} else {
			fresh = append(fresh, m)
		}
	}
	if len(fresh) > 1 {
		fresh = d.settleTogether(ctx, fresh)
	}
	d.settleByKey(ctx, append(fresh, alone...))
}

// settleTogether applies what is new of the batch in one transaction, and returns the
// others; all of them if it fails.
func (d *delivery) settleTogether(ctx context.Context, batch []message) (others []message) {
	ctx, end := traceAll(ctx, batch)
	defer end()
	applied, err := d.apply.together(ctx, batch)
	if err != nil {
		return batch // whoever settles the event that fails says so
	}
	for i, m := range batch {
		if applied[i] {
			d.ear.heard(m, false)
			d.answer(m.Ack())
		} else {
			others = append(others, m)
		}
	}
	return others
}

// settleByKey settles messages at the same time, but those of a key one after another.
func (d *delivery) settleByKey(ctx context.Context, messages []message) {
	lines := map[eventKey][]message{}
	for _, m := range messages {
		lines[m.key()] = append(lines[m.key()], m)
	}
	var wg sync.WaitGroup
	defer wg.Wait()
	for _, line := range lines {
		wg.Go(func() {
			for _, m := range line {
				d.settle(ctx, m)
			}
		})
	}
}

// together applies those events of the batch that are new and whose keys are not
// stopped, in one transaction, and reports which.
func (a *applier) together(ctx context.Context, batch []message) (applied []bool, err error) {
	err = a.db.Write(ctx, func(tx *sqldb.Tx) error {
		admitted, err := a.admit(tx, batch)
		if err != nil {
			return err
		}
		applied = make([]bool, len(batch))
		all := make([]*eventv1.Event, 0, len(batch))
		for i, m := range batch {
			if id := m.event.GetId(); admitted[id] {
				delete(admitted, id) // another delivery of it has come too
				applied[i], all = true, append(all, m.event)
			}
		}
		if len(all) == 0 {
			return nil
		}
		return a.handleAll(tx, all)
	})
	if err != nil {
		return nil, fmt.Errorf("apply events together: %w", err)
	}
	return applied, nil
}

// admit puts the events of a batch into the inbox that are not there and whose keys are
// not stopped, and returns their ids.
func (a *applier) admit(tx *sqldb.Tx, batch []message) (map[string]bool, error) {
	arrived, args := a.arrived(batch)
	rows, err := tx.Query(`INSERT INTO inbox (id, create_time) SELECT id, $1 FROM `+arrived+`
		WHERE NOT EXISTS (SELECT 1 FROM stopped_key WHERE stopped_key.brand = arrived.brand AND stopped_key.key = arrived.key)
		ON CONFLICT (id) DO NOTHING RETURNING id`, append([]any{sqldb.Micros(time.Now())}, args...)...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	admitted := make(map[string]bool, len(batch))
	for rows.Next() {
		var id string
		if err := rows.Scan(&id); err != nil {
			return nil, err
		}
		admitted[id] = true
	}
	return admitted, rows.Err()
}

// arrived returns the ids, brands and keys of a batch as a table, and its arguments from
// $2 on.
func (a *applier) arrived(batch []message) (table string, args []any) {
	var columns [3][]string
	rows := make([][3]string, len(batch))
	for i, m := range batch {
		rows[i] = [...]string{m.event.GetId(), brandOf(m.event), m.event.GetKey()}
		for n, v := range rows[i] {
			columns[n] = append(columns[n], v)
		}
	}
	if a.db.Postgres() {
		return `unnest((SELECT $2::text[]), (SELECT $3::text[]), (SELECT $4::text[])) AS arrived (id, brand, key)`, []any{columns[0], columns[1], columns[2]}
	}
	text, _ := json.Marshal(rows) //nolint:errchkjson // strings
	return `(SELECT value ->> 0 AS id, value ->> 1 AS brand, value ->> 2 AS key FROM json_each($2)) AS arrived`, []any{string(text)}
}
