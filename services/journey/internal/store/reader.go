package store

import (
	"context"
	"database/sql"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// A Reader answers queries: a write, a [Snapshot] or a [Store].
type Reader interface {
	Query(query string, args ...any) (*sql.Rows, error)
}

// Reader returns s as one.
func (s *Snapshot) Reader(ctx context.Context) Reader { return &reading{ctx, s.tx} }

// Reader returns s as one, which sees what is committed.
func (s *Store) Reader(ctx context.Context) Reader { return &reading{ctx, s.db.Read()} }

type reading struct {
	ctx context.Context
	of  interface {
		QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	}
}

// Query implements [Reader].
func (r *reading) Query(query string, args ...any) (*sql.Rows, error) {
	rows, err := r.of.QueryContext(r.ctx, query, args...)
	return rows, sqldb.Fault(err)
}
