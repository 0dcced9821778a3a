package store

import (
	"context"
	"database/sql"
	"fmt"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
)

// A Span is the time from the first to the last of something.
type Span struct{ First, Last time.Time }

// Span returns when the brand's responses were submitted, partial ones aside, or when
// it was decided whether to ask. Without data it returns [ErrNotFound].
func (s *Store) Span(ctx context.Context, brand string, of rollup.Source) (Span, error) {
	text := `
		SELECT (SELECT MIN(submit_time) FROM response WHERE brand = $1 AND state <> 1),
		       (SELECT MAX(submit_time) FROM response WHERE brand = $1 AND state <> 1)`
	if of == rollup.Invitations {
		text = `
		SELECT (SELECT MIN(decide_time) FROM invitation WHERE brand = $1),
		       (SELECT MAX(decide_time) FROM invitation WHERE brand = $1)`
	}
	var first, last sql.NullInt64
	if err := s.db.Read().QueryRowContext(ctx, text, brand).Scan(&first, &last); err != nil {
		return Span{}, fmt.Errorf("read span: %w", sqldb.Fault(err))
	}
	if !first.Valid {
		return Span{}, ErrNotFound
	}
	return Span{sqldb.Time(first.Int64), sqldb.Time(last.Int64)}, nil
}
