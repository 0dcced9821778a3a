package watch

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	// pageRows is how many rows one statement looks at, whichever brand they are of.
	pageRows = 2000
	// fetchRows is how many events one statement reads.
	fetchRows = 500
	// end is after all ids.
	end Position = "z"
)

// A row is one of the log.
type row struct {
	id    Position
	event *eventv1.Event // nil if it is of another brand
}

// page returns the first rows after from and up to until.
func (h *Hub) page(ctx context.Context, brand string, from, until Position) ([]row, error) {
	rows, err := h.db.Read().QueryContext(ctx, `
		SELECT id, CASE WHEN brand = $1 THEN payload END FROM outbox
		WHERE id > $2 AND id <= $3 ORDER BY id LIMIT $4`, brand, string(from), string(until), pageRows)
	return scan(rows, err, func() (r row, err error) {
		var payload []byte
		if err := rows.Scan(&r.id, &payload); err != nil || payload == nil {
			return r, err
		}
		r.event, err = decode(r.id, payload)
		return r, err
	})
}

// after returns the ids of all rows after floor.
func (h *Hub) after(ctx context.Context, floor Position) ([]Position, error) {
	rows, err := h.db.Read().QueryContext(ctx, `SELECT id FROM outbox WHERE id > $1 ORDER BY id`, string(floor))
	return scan(rows, err, func() (id Position, err error) { return id, rows.Scan(&id) })
}

// events returns those of the given ids.
func (h *Hub) events(ctx context.Context, ids []Position) (all []*eventv1.Event, err error) {
	for some := range slices.Chunk(ids, fetchRows) {
		args, marks := make([]any, len(some)), make([]string, len(some))
		for i, id := range some {
			args[i], marks[i] = string(id), "$"+strconv.Itoa(i+1)
		}
		rows, err := h.db.Read().QueryContext(ctx,
			`SELECT id, payload FROM outbox WHERE id IN (`+strings.Join(marks, ", ")+`) ORDER BY id`, args...)
		events, err := scan(rows, err, func() (*eventv1.Event, error) {
			var id Position
			var payload []byte
			if err := rows.Scan(&id, &payload); err != nil {
				return nil, err
			}
			return decode(id, payload)
		})
		if err != nil {
			return nil, err
		}
		all = append(all, events...)
	}
	return all, nil
}

// scan reads all rows of a query that ended with err.
func scan[T any](rows *sql.Rows, err error, one func() (T, error)) (all []T, _ error) {
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	for rows.Next() {
		v, err := one()
		if err != nil {
			return nil, sqldb.Fault(errors.Join(err, rows.Close()))
		}
		all = append(all, v)
	}
	return all, sqldb.Fault(errors.Join(rows.Err(), rows.Close()))
}

func decode(id Position, payload []byte) (*eventv1.Event, error) {
	e := &eventv1.Event{}
	if err := proto.Unmarshal(payload, e); err != nil {
		return nil, fmt.Errorf("read event %s: %w", id, err)
	}
	return e, nil
}
