package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// KeepOperations is how long a finished operation can be read.
const KeepOperations = 7 * 24 * time.Hour

// An Operation is a long piece of work. What it does and finds is in bytes of its
// worker's.
type Operation struct {
	Brand, ID   string
	Request     []byte
	Done, Total int64 // tickets
	Progress    []byte
	Result      []byte // nil until it has succeeded
	Code        int32  // of the error that ended it, or 0
	CreateTime  time.Time
	EndTime     time.Time // zero until it is finished
	Lease       time.Time // until when somebody works on it
}

const operationColumns = `brand, id, request, done, total, progress, result, code, create_time, end_time, lease_time`

// AddOperation adds an operation that nobody works on yet.
func AddOperation(tx *sqldb.Tx, o Operation) {
	tx.Defer(`INSERT INTO operation (`+operationColumns+`) VALUES `+sqldb.Values(1, 11),
		o.Brand, o.ID, o.Request, o.Done, o.Total, []byte{}, nil, o.Code, sqldb.Micros(o.CreateTime), nil, int64(0))
}

// Operation returns one operation or [ErrNotFound].
func (s *Store) Operation(ctx context.Context, brand, id string) (Operation, error) {
	o, err := scanOperation(s.db.Read().QueryRowContext(ctx, `SELECT `+operationColumns+` FROM operation WHERE brand = $1 AND id = $2`, brand, id).Scan)
	return o, sqldb.Fault(err)
}

// Operations returns operations with ids before a given one, the newest first; all
// for "".
func (s *Store) Operations(ctx context.Context, brand, before string, limit int) ([]Operation, error) {
	var q sqldb.Query
	q.Add(`SELECT `+operationColumns+` FROM operation WHERE brand = ?`, brand)
	if before != "" {
		q.Add(` AND id < ?`, before)
	}
	q.Add(` ORDER BY id DESC LIMIT ?`, limit)
	return list(ctx, s.db, &q, scanOperation)
}

// waitingOperation finds the oldest unfinished operation that nobody works on.
const waitingOperation = `SELECT brand, id FROM operation WHERE end_time IS NULL AND lease_time < $1 ORDER BY lease_time, id LIMIT 1`

// OperationWaits reports whether there is an operation to claim.
func (s *Store) OperationWaits(ctx context.Context, now time.Time) (bool, error) {
	var brand, id string
	err := s.db.Read().QueryRowContext(ctx, waitingOperation, sqldb.Micros(now)).Scan(&brand, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return false, nil
	}
	return err == nil, sqldb.Fault(err)
}

// ClaimOperation gives the oldest unfinished operation that nobody works on to the
// caller until lease ends. It reports whether there was one.
func (s *Store) ClaimOperation(tx *sqldb.Tx, now, lease time.Time) (Operation, bool, error) {
	var brand, id string
	err := tx.QueryRow(waitingOperation+s.db.SkipLocked(), sqldb.Micros(now)).Scan(&brand, &id)
	if errors.Is(err, sql.ErrNoRows) {
		return Operation{}, false, nil
	}
	if err != nil {
		return Operation{}, false, err
	}
	o, err := scanOperation(tx.QueryRow(`UPDATE operation SET lease_time = $1 WHERE brand = $2 AND id = $3 RETURNING `+operationColumns,
		sqldb.Micros(lease), brand, id).Scan)
	return o, err == nil, err
}

// Advance stores how far an operation is and until when the caller goes on with it,
// if the caller still has it: the lease stored is that of held.
func Advance(tx *sqldb.Tx, held, o Operation) (bool, error) {
	var result any
	if o.Result != nil {
		result = o.Result
	}
	n, err := tx.Exec(`UPDATE operation SET done = $1, progress = $2, result = $3, code = $4, end_time = $5, lease_time = $6
		WHERE brand = $7 AND id = $8 AND lease_time = $9 AND end_time IS NULL`,
		o.Done, append([]byte{}, o.Progress...), result, o.Code, sqldb.NullMicros(o.EndTime), sqldb.Micros(o.Lease), o.Brand, o.ID, sqldb.Micros(held.Lease))
	return n > 0, err
}

// EndOperation ends an operation with an error, unless it is finished. It returns
// [ErrNotFound] if there is none.
func EndOperation(tx *sqldb.Tx, brand, id string, code int32, now time.Time) error {
	n, err := tx.Exec(`UPDATE operation SET code = CASE WHEN end_time IS NULL THEN $1 ELSE code END, end_time = COALESCE(end_time, $2)
		WHERE brand = $3 AND id = $4`, code, sqldb.Micros(now), brand, id)
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// ForgetOperations removes those that were finished too long ago.
func ForgetOperations(tx *sqldb.Tx, now time.Time) {
	tx.Defer(`DELETE FROM operation WHERE end_time IS NOT NULL AND end_time < $1`, sqldb.Micros(now.Add(-KeepOperations)))
}

func scanOperation(scan func(...any) error) (Operation, error) {
	var o Operation
	if err := scan(&o.Brand, &o.ID, &o.Request, &o.Done, &o.Total, &o.Progress, &o.Result, &o.Code,
		table.Micros{Of: &o.CreateTime}, table.Moment{Of: &o.EndTime}, table.Micros{Of: &o.Lease}); err != nil {
		return Operation{}, missing("operation", err)
	}
	return o, nil
}

// ReleaseOperations lets anybody work on operations that somebody holds.
func ReleaseOperations(tx *sqldb.Tx) {
	tx.Defer(`UPDATE operation SET lease_time = 0 WHERE end_time IS NULL AND lease_time <> 0`)
}
