package store

import (
	"context"
	"database/sql"
	"fmt"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A Journey is what a score as of one instant is made of.
type Journey struct {
	Exists   bool          // whether there is any touchpoint, at whatever time
	Cells    []score.Cell  // without those that begin after the instant
	Whole    bool          // no touchpoint lies between the instant and the end of its bucket
	Partial  []score.Touch // otherwise, those of that bucket up to the instant
	Unscored int64         // touchpoints up to the instant whose outcome nobody knows
}

const cellsAndLater = `
	SELECT bucket, stage, w, wx, wxx, ww, n, unscored, EXISTS (
	  SELECT 1 FROM touchpoint WHERE brand = $1 AND customer = $2 AND event_time > $3 AND event_time < $4)
	FROM stage_bucket WHERE brand = $1 AND customer = $2 ORDER BY bucket, stage`

// Journey returns the journey of a customer as of asOf. What it costs does not
// grow with the number of touchpoints before the bucket of asOf.
func (s *Store) Journey(ctx context.Context, brand, customer string, asOf int64) (Journey, error) {
	cut := s.model.Bucket(asOf)
	end := (cut + 1) * s.model.HalfLife.Microseconds()
	rows, err := s.cells.QueryContext(ctx, brand, customer, asOf, end)
	if err != nil {
		return Journey{}, fmt.Errorf("read sums: %w", sqldb.Fault(err))
	}
	var j Journey
	later := false
	err = j.read(rows, cut, &later)
	j.Whole = !later
	if err == nil && later {
		err = s.Snapshot(ctx, func(snap *Snapshot) (err error) {
			j, err = snap.cut(ctx, brand, customer, asOf)
			return err
		})
	}
	if err != nil {
		return Journey{}, fmt.Errorf("read sums: %w", sqldb.Fault(err))
	}
	return j, nil
}

// read takes the cells up to the last bucket from rows, and what comes after
// their columns into dest, and closes rows.
func (j *Journey) read(rows *sql.Rows, last int64, dest ...any) error {
	defer rows.Close()
	var (
		c        score.Cell
		unscored int64
	)
	dest = append([]any{&c.Bucket, &c.Stage, &c.W, &c.WX, &c.WXX, &c.WW, &c.N, &unscored}, dest...)
	for rows.Next() {
		if err := rows.Scan(dest...); err != nil {
			return err
		}
		j.Exists = true
		if c.Bucket > last {
			continue
		}
		c.Stage-- // the kernel counts from 0
		if c.N != 0 {
			j.Cells = append(j.Cells, c)
		}
		j.Unscored += unscored
	}
	return rows.Err()
}

// cut returns the journey of a customer as of asOf, the bucket of asOf touchpoint
// by touchpoint.
func (s *Snapshot) cut(ctx context.Context, brand, customer string, asOf int64) (Journey, error) {
	model := &s.store.model
	bucket := model.Bucket(asOf)
	j, err := s.cells(ctx, brand, customer, nil, bucket-1)
	if err != nil {
		return j, err
	}
	rows, err := s.tx.QueryContext(ctx, `
		SELECT `+columns+` FROM touchpoint
		WHERE brand = $1 AND customer = $2 AND event_time >= $3 AND event_time <= $4`,
		brand, customer, bucket*model.HalfLife.Microseconds(), asOf)
	if err != nil {
		return j, err
	}
	touchpoints, err := collect(rows)
	if err != nil {
		return j, err
	}
	for i := range touchpoints {
		if touch, known := touchpoints[i].Touch(model); known {
			j.Partial = append(j.Partial, touch)
		} else {
			j.Unscored++
		}
	}
	return j, nil
}

// Pooled returns all touchpoints of the brand in some stages, or in all if it
// names none, as the journey of one customer, up to the end of the last bucket.
func (s *Snapshot) Pooled(ctx context.Context, brand string, stages []typev1.Stage, last int64) (Journey, error) {
	return s.cells(ctx, brand, whole, stages, last)
}

func (s *Snapshot) cells(ctx context.Context, brand, customer string, stages []typev1.Stage, last int64) (Journey, error) {
	query, args := among(`
		SELECT bucket, stage, w, wx, wxx, ww, n, unscored
		FROM stage_bucket WHERE brand = $1 AND customer = $2`, []any{brand, customer}, "stage", stages)
	rows, err := s.tx.QueryContext(ctx, query+" ORDER BY bucket, stage", args...)
	if err != nil {
		return Journey{}, err
	}
	var j Journey
	err = j.read(rows, last)
	return j, err
}

// Touchpoints returns all touchpoints of a customer, oldest first.
func (s *Store) Touchpoints(ctx context.Context, brand, customer string) ([]Touchpoint, error) {
	rows, err := s.db.Read().QueryContext(ctx, `
		SELECT `+columns+` FROM touchpoint WHERE brand = $1 AND customer = $2 ORDER BY event_time, id`, brand, customer)
	if err != nil {
		return nil, fmt.Errorf("read touchpoints: %w", sqldb.Fault(err))
	}
	return collect(rows)
}
