package sqldb

import (
	"context"
	"database/sql"
)

// A Snapshot is the database as of one moment, for one goroutine.
type Snapshot struct {
	ctx context.Context
	tx  *sql.Tx
}

// Snapshot calls f with the database as it is now. What f reads is of one moment.
func (db *DB) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	options := sql.TxOptions{ReadOnly: true}
	if db.postgres {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := db.readers.BeginTx(ctx, &options)
	if err != nil {
		return Fault(err)
	}
	defer tx.Rollback() //nolint:errcheck // it has changed nothing
	return f(&Snapshot{ctx, tx})
}

// QueryRow runs a query that returns one row at most.
func (s *Snapshot) QueryRow(query string, args ...any) *sql.Row {
	return s.tx.QueryRowContext(s.ctx, query, args...)
}

// Each calls visit with each row of a query until it fails.
func (s *Snapshot) Each(visit func(scan func(...any) error) error, query string, args ...any) error {
	rows, err := s.tx.QueryContext(s.ctx, query, args...)
	if err != nil {
		return Fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows.Scan); err != nil {
			return err
		}
	}
	return Fault(rows.Err())
}
