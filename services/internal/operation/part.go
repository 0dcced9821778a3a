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

// A Part is a share of an operation, which one replica does by itself.
type Part struct {
	Number int64  // from 0
	Size   int64  // how much of the operation's Total it is
	Input  []byte // what it is about
	Output []byte // what it has found; nil until it is done

	lease time.Time // until when somebody works on it, by the clock of the database
}

// todo is the condition that a part is to be done: it is not, and its operation goes on.
const todo = ` AND output IS NULL AND EXISTS (
		  SELECT 1 FROM operation o WHERE o.brand = operation_part.brand AND o.id = operation_part.operation AND o.end_time IS NULL)`

// addParts parts an operation, if the caller still has it: the lease stored is that of held.
func addParts(tx *sqldb.Tx, held Operation, parts []Part) (bool, error) {
	n, err := tx.Exec(`UPDATE operation SET done = 0 WHERE brand = $1 AND id = $2 AND lease_time = $3 AND end_time IS NULL`,
		held.Brand, held.ID, sqldb.Micros(held.Lease))
	if err != nil || n == 0 {
		return false, err
	}
	for _, p := range parts {
		tx.Defer(`INSERT INTO operation_part (brand, operation, part, size, input, output, lease_time) VALUES `+sqldb.Values(1, 7),
			held.Brand, held.ID, p.Number, p.Size, append([]byte{}, p.Input...), nil, int64(0))
	}
	return true, nil
}

// A tally is how far an operation in parts is.
type tally struct {
	parts, done    int64
	size, doneSize int64
}

func count(ctx context.Context, db *sqldb.DB, o Operation) (t tally, err error) {
	err = db.Read().QueryRowContext(ctx, `
		SELECT COUNT(*), COUNT(output), CAST(COALESCE(SUM(size), 0) AS BIGINT),
		  CAST(COALESCE(SUM(CASE WHEN output IS NULL THEN 0 ELSE size END), 0) AS BIGINT)
		FROM operation_part WHERE brand = $1 AND operation = $2`, o.Brand, o.ID).Scan(&t.parts, &t.done, &t.size, &t.doneSize)
	return t, sqldb.Fault(err)
}

// idle returns so many parts that nobody does or has done, the last ones first.
func idle(ctx context.Context, db *sqldb.DB, o Operation, now time.Time, limit int) (all []int64, err error) {
	rows, err := db.Read().QueryContext(ctx, `SELECT part FROM operation_part
		WHERE brand = $1 AND operation = $2 AND output IS NULL AND lease_time < $3 ORDER BY part DESC LIMIT $4`, o.Brand, o.ID, sqldb.Micros(now), limit)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err = table.All(rows, func(read func(...any) error) (n int64, err error) { return n, read(&n) })
	return all, sqldb.Fault(err)
}

// nextPart returns when the first of the parts that are not done may be begun; the zero time if
// there is none.
func nextPart(ctx context.Context, db *sqldb.DB, o Operation) (at time.Time, err error) {
	err = db.Read().QueryRowContext(ctx, `SELECT MIN(lease_time) FROM operation_part
		WHERE brand = $1 AND operation = $2 AND output IS NULL`, o.Brand, o.ID).Scan(table.Moment{Of: &at})
	return at, sqldb.Fault(err)
}

// takePart gives a part to the caller until lease ends. It returns [table.ErrNotFound] where
// it is done, or not to be done any more, and otherwise until when somebody has it.
func takePart(tx *sqldb.Tx, o Operation, number int64, now, lease time.Time) (p Part, until time.Time, err error) {
	p = Part{Number: number, lease: lease}
	err = tx.QueryRow(`UPDATE operation_part SET lease_time = $1
		WHERE brand = $2 AND operation = $3 AND part = $4 AND lease_time < $5`+todo+` RETURNING size, input`,
		sqldb.Micros(lease), o.Brand, o.ID, number, sqldb.Micros(now)).Scan(&p.Size, &p.Input)
	if !errors.Is(err, sql.ErrNoRows) {
		return p, time.Time{}, err
	}
	err = tx.QueryRow(`SELECT lease_time FROM operation_part WHERE brand = $1 AND operation = $2 AND part = $3`+todo, o.Brand, o.ID, number).Scan(table.Micros{Of: &until})
	if errors.Is(err, sql.ErrNoRows) {
		err = table.ErrNotFound
	}
	return p, until, err
}

// Holds reports whether who was given a part still has it, and sees to that until tx ends. A
// part that keeps something before its effect does so while this holds.
func Holds(tx *sqldb.Tx, o Operation, p Part) (bool, error) {
	n, err := tx.Exec(`UPDATE operation_part SET lease_time = lease_time
		WHERE brand = $1 AND operation = $2 AND part = $3 AND lease_time = $4`+todo, o.Brand, o.ID, p.Number, sqldb.Micros(p.lease))
	return n > 0, err
}

// endPart marks a part that the transaction holds as done.
func endPart(tx *sqldb.Tx, o Operation, p Part) {
	tx.Defer(`UPDATE operation_part SET output = $1 WHERE brand = $2 AND operation = $3 AND part = $4`,
		append([]byte{}, p.Output...), o.Brand, o.ID, p.Number)
}

// leavePart lets anybody have a part from a time on, if the caller still has it.
func leavePart(tx *sqldb.Tx, o Operation, p Part, from time.Time) error {
	_, err := tx.Exec(`UPDATE operation_part SET lease_time = $1 WHERE brand = $2 AND operation = $3 AND part = $4 AND lease_time = $5`,
		sqldb.Micros(from), o.Brand, o.ID, p.Number, sqldb.Micros(p.lease))
	return err
}

// listParts returns all parts of an operation.
func listParts(ctx context.Context, db *sqldb.DB, o Operation) ([]Part, error) {
	rows, err := db.Read().QueryContext(ctx, `SELECT part, size, input, output FROM operation_part
		WHERE brand = $1 AND operation = $2 ORDER BY part`, o.Brand, o.ID)
	if err != nil {
		return nil, sqldb.Fault(err)
	}
	all, err := table.All(rows, func(read func(...any) error) (p Part, err error) {
		return p, read(&p.Number, &p.Size, &p.Input, &p.Output)
	})
	if err != nil {
		return nil, fmt.Errorf("read the parts of an operation: %w", sqldb.Fault(err))
	}
	return all, nil
}

// dropParts forgets the parts of an operation that has succeeded.
func dropParts(tx *sqldb.Tx, brand, id string) {
	tx.Defer(`DELETE FROM operation_part WHERE brand = $1 AND operation = $2`, brand, id)
}

// dropLost forgets the parts of operations that have ended otherwise. Some of them may still be
// in hand, so whoever ends an operation does not wait for them.
func dropLost(tx *sqldb.Tx) {
	tx.Defer(`DELETE FROM operation_part WHERE NOT EXISTS (
		SELECT 1 FROM operation o WHERE o.brand = operation_part.brand AND o.id = operation_part.operation AND o.end_time IS NULL)`)
}
