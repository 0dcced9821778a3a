package store

import (
	"context"
	"database/sql"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Reader answers queries: a write, a [Snapshot] or a [Store].
type Reader interface {
	Query(query string, args ...any) (*sql.Rows, error)
	// Lines calls visit, which must not use the reader, with each row.
	Lines(visit func(*sqldb.Line), query string, args ...any) error
}

// Reader returns s as one.
func (s *Snapshot) Reader(ctx context.Context) Reader { return &reading{ctx, s.conn} }

// Reader returns s as one, which sees what is committed.
func (s *Store) Reader(ctx context.Context) Reader { return &pooled{ctx, s.db.Read()} }

// A reading reads on one connection, and in its transaction.
type reading struct {
	ctx context.Context
	of  *sql.Conn
}

// Query implements [Reader].
func (r *reading) Query(query string, args ...any) (*sql.Rows, error) {
	rows, err := r.of.QueryContext(r.ctx, query, args...)
	return rows, sqldb.Fault(err)
}

// Lines implements [Reader].
func (r *reading) Lines(visit func(*sqldb.Line), query string, args ...any) error {
	return sqldb.Lines(r.ctx, r.of, visit, query, args...)
}

// unsorted has f ask r, if that is a snapshot, for a few rows in the order of an index.
// PostgreSQL plans once for all values, and while it knows little of a table it takes a
// customer for somebody of few rows, all of which it would read and sort.
func (s *Store) unsorted(r Reader, f func() error) error {
	snapshot, ok := r.(*reading)
	if !ok || !s.db.Postgres() {
		return f()
	}
	if err := snapshot.sort("off"); err != nil {
		return err
	}
	if err := f(); err != nil {
		return err
	}
	return snapshot.sort("on")
}

func (r *reading) sort(how string) error {
	_, err := r.of.ExecContext(r.ctx, `SELECT set_config('enable_sort', $1, TRUE)`, how)
	return sqldb.Fault(err)
}

// A pooled reads on any connection, and sees what is committed.
type pooled struct {
	ctx context.Context
	of  *sql.DB
}

// Query implements [Reader].
func (r *pooled) Query(query string, args ...any) (*sql.Rows, error) {
	rows, err := r.of.QueryContext(r.ctx, query, args...)
	return rows, sqldb.Fault(err)
}

// Lines implements [Reader].
func (r *pooled) Lines(visit func(*sqldb.Line), query string, args ...any) error {
	conn, err := r.of.Conn(r.ctx)
	if err != nil {
		return sqldb.Fault(err)
	}
	defer conn.Close() //nolint:errcheck // it goes back to the pool
	return sqldb.Lines(r.ctx, conn, visit, query, args...)
}
