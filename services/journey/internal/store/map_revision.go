package store

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// KeepRevision keeps row as the revision that its version says, before it is changed.
func KeepRevision[T any](tx *sqldb.Tx, t *table.Table[T], row T) error {
	document, err := json.Marshal(row)
	if err != nil {
		return err
	}
	r := t.Record(row)
	tx.Defer(`INSERT INTO plan_revision (brand, collection, id, revision, document) VALUES ($1, $2, $3, $4, $5)`,
		r.Brand, t.Name, r.ID, r.Version, string(document))
	return nil
}

// DropRevisions removes the revisions of what is deleted.
func DropRevisions[T any](tx *sqldb.Tx, t *table.Table[T], brand, id string) {
	tx.Defer(`DELETE FROM plan_revision WHERE brand = $1 AND collection = $2 AND id = $3`, brand, t.Name, id)
}

// Revisions returns at most limit of what row was in revisions before the one of that
// number, newest first.
func Revisions[T any](ctx context.Context, s *Store, t *table.Table[T], row T, before int64, limit int) ([]T, error) {
	r := t.Record(row)
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT document FROM plan_revision
		WHERE brand = $1 AND collection = $2 AND id = $3 AND revision < $4 ORDER BY revision DESC LIMIT $5`,
		r.Brand, t.Name, r.ID, before, limit)
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", sqldb.Fault(err))
	}
	found, err := table.All(rows, func(scan func(...any) error) (T, error) {
		var (
			one      T
			document string
		)
		if err := scan(&document); err != nil {
			return one, err
		}
		return one, json.Unmarshal([]byte(document), &one)
	})
	if err != nil {
		return nil, fmt.Errorf("read revisions: %w", sqldb.Fault(err))
	}
	return found, nil
}
