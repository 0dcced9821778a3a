package store

import (
	"context"
	"database/sql"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Snapshot is the database as of one moment, for one goroutine.
type Snapshot struct {
	ctx context.Context
	tx  *sql.Tx
}

// Snapshot calls f with the database as it is now. What f reads is of one moment.
func (s *Store) Snapshot(ctx context.Context, f func(*Snapshot) error) error {
	options := sql.TxOptions{ReadOnly: true}
	if s.db.Postgres() {
		options.Isolation = sql.LevelRepeatableRead
	}
	tx, err := s.db.Read().BeginTx(ctx, &options)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer tx.Rollback() //nolint:errcheck // it has changed nothing
	return f(&Snapshot{ctx, tx})
}

// each calls visit with each row of a query.
func (s *Snapshot) each(visit func(scan func(...any) error) error, text string, args ...any) error {
	rows, err := s.tx.QueryContext(s.ctx, text, args...)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer rows.Close()
	for rows.Next() {
		if err := visit(rows.Scan); err != nil {
			return err
		}
	}
	return sqldb.Fault(rows.Err())
}
