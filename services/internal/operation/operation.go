// Package operation keeps long pieces of work (AIP-151) in the table operation of a
// service, works on them, and answers the calls about them. What a piece of work asks
// for, has found so far and finds in the end is in bytes of its service's.
package operation

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// keep is how long a finished operation can be read.
const keep = 7 * 24 * time.Hour

// An Operation is a long piece of work.
type Operation struct {
	Brand, ID   string
	Request     []byte
	Done, Total int64
	Progress    []byte
	Result      []byte // nil until it has succeeded
	Code        int32  // of the error that ended it, or 0
	CreateTime  time.Time
	EndTime     time.Time // zero until it is finished
	Lease       time.Time // until when somebody works on it, by the clock of the database
}

const columns = `brand, id, request, done, total, progress, result, code, create_time, end_time, lease_time`

// add adds an operation that nobody works on yet.
func add(tx *sqldb.Tx, o Operation) {
	tx.Defer(`INSERT INTO operation (`+columns+`) VALUES `+sqldb.Values(1, 11),
		o.Brand, o.ID, o.Request, o.Done, o.Total, []byte{}, nil, o.Code, sqldb.Micros(o.CreateTime), nil, int64(0))
}

// Get returns one operation or [table.ErrNotFound].
func Get(ctx context.Context, db *sqldb.DB, brand, id string) (Operation, error) {
	o, err := scan(db.Read().QueryRowContext(ctx, `SELECT `+columns+` FROM operation WHERE brand = $1 AND id = $2`, brand, id).Scan)
	return o, sqldb.Fault(err)
}

// list returns operations with ids before a given one, the newest first; all for "".
func list(ctx context.Context, db *sqldb.DB, brand, before string, limit int) ([]Operation, error) {
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM operation WHERE brand = ?`, brand)
	if before != "" {
		q.Add(` AND id < ?`, before)
	}
	q.Add(` ORDER BY id DESC LIMIT ?`, limit)
	rows, err := db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, scan)
	return all, sqldb.Fault(err)
}

// waiting finds the oldest unfinished operation that nobody works on.
const waiting = `SELECT brand, id FROM operation WHERE end_time IS NULL AND lease_time < $1 ORDER BY lease_time, id LIMIT 1`

// free returns when the next unfinished operation can be claimed; the zero time if
// there is none.
func free(ctx context.Context, db *sqldb.DB) (at time.Time, err error) {
	err = db.Read().QueryRowContext(ctx, `SELECT lease_time FROM operation WHERE end_time IS NULL ORDER BY lease_time LIMIT 1`).
		Scan(table.Micros{Of: &at})
	if errors.Is(err, sql.ErrNoRows) {
		return time.Time{}, nil
	}
	return at, sqldb.Fault(err)
}

// claim gives the oldest unfinished operation that nobody works on to the caller
// until lease ends. It reports whether there was one.
func claim(tx *sqldb.Tx, db *sqldb.DB, now, lease time.Time) (Operation, bool, error) {
	var brand, id string
	err := tx.QueryRow(waiting+db.SkipLocked(), sqldb.Micros(now)).Scan(&brand, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return Operation{}, false, nil
	}
	if err != nil {
		return Operation{}, false, err
	}
	o, err := scan(tx.QueryRow(`UPDATE operation SET lease_time = $1 WHERE brand = $2 AND id = $3 RETURNING `+columns,
		sqldb.Micros(lease), brand, id).Scan)
	return o, err == nil, err
}

// advance stores how far an operation is and until when the caller goes on with it,
// if the caller still has it: the lease stored is that of held.
func advance(tx *sqldb.Tx, held, o Operation) (bool, error) {
	var result any
	if o.Result != nil {
		result = o.Result
	}
	n, err := tx.Exec(`UPDATE operation SET done = $1, total = $2, progress = $3, result = $4, code = $5, end_time = $6, lease_time = $7
		WHERE brand = $8 AND id = $9 AND lease_time = $10 AND end_time IS NULL`,
		o.Done, o.Total, append([]byte{}, o.Progress...), result, o.Code, sqldb.NullMicros(o.EndTime), sqldb.Micros(o.Lease), o.Brand, o.ID, sqldb.Micros(held.Lease))
	return n > 0, err
}

// end ends an operation with an error, unless it is finished, and reports whether it did.
// It returns [table.ErrNotFound] if there is none.
func end(tx *sqldb.Tx, brand, id string, code int32, now time.Time) (ended bool, err error) {
	var at time.Time
	err = tx.QueryRow(`UPDATE operation SET code = CASE WHEN end_time IS NULL THEN $1 ELSE code END, end_time = COALESCE(end_time, $2)
		WHERE brand = $3 AND id = $4 RETURNING end_time`, code, sqldb.Micros(now), brand, id).Scan(table.Micros{Of: &at})
	if errors.Is(err, sql.ErrNoRows) {
		return false, table.ErrNotFound
	}
	return err == nil && sqldb.Micros(at) == sqldb.Micros(now), err
}

// forget removes those that were finished too long ago.
func forget(tx *sqldb.Tx, now time.Time) {
	tx.Defer(`DELETE FROM operation WHERE end_time IS NOT NULL AND end_time < $1`, sqldb.Micros(now.Add(-keep)))
}

// release lets anybody work on operations, and parts of them, that somebody holds.
func release(tx *sqldb.Tx) {
	tx.Defer(`UPDATE operation_part SET lease_time = 0 WHERE output IS NULL AND lease_time <> 0`)
	tx.Defer(`UPDATE operation SET lease_time = 0 WHERE end_time IS NULL AND lease_time <> 0`)
}

func scan(read func(...any) error) (Operation, error) {
	var o Operation
	err := read(&o.Brand, &o.ID, &o.Request, &o.Done, &o.Total, &o.Progress, &o.Result, &o.Code,
		table.Micros{Of: &o.CreateTime}, table.Moment{Of: &o.EndTime}, table.Micros{Of: &o.Lease})
	switch {
	case errors.Is(err, sql.ErrNoRows):
		return Operation{}, table.ErrNotFound
	case err != nil:
		return Operation{}, fmt.Errorf("read operation: %w", err)
	}
	return o, nil
}
