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

// cellsAndTouches is one statement, so that both parts are of the same moment.
const cellsAndTouches = `
	SELECT 0 AS touch, bucket AS at, stage, w, wx, wxx, ww, n, unscored, 0.0 AS weight
	FROM stage_bucket WHERE brand = $1 AND customer = $2
	UNION ALL
	SELECT 1, event_time, stage, expectation, rating, scale_min, scale_max, lower_is_better, 0, weight
	FROM touchpoint WHERE brand = $1 AND customer = $2 AND event_time >= $3 AND event_time <= $4`

// Journey returns the journey of a customer as of asOf. What it costs does not
// grow with the number of touchpoints before the bucket of asOf.
func (s *Store) Journey(ctx context.Context, brand, customer string, asOf int64) (Journey, error) {
	if !s.db.Postgres() {
		ctx = context.WithoutCancel(ctx) // the driver starts goroutines to watch a context, and the read is short
	}
	cut := s.model.Bucket(asOf)
	start := cut * s.model.HalfLife.Microseconds()
	var j Journey
	later := false
	rows, err := s.cells.QueryContext(ctx, brand, customer, asOf, start+s.model.HalfLife.Microseconds())
	if err == nil {
		err = j.read(rows, cut, &later)
	}
	j.Whole = !later
	if err == nil && later {
		j = Journey{}
		rows, err = s.touches.QueryContext(ctx, brand, customer, start, asOf)
		if err == nil {
			err = j.readCut(rows, cut, &s.model)
		}
	}
	if err != nil {
		return Journey{}, fmt.Errorf("read journey: %w", sqldb.Fault(err))
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
		j.cell(c, unscored, last)
	}
	return rows.Err()
}

// cell takes a row of stage_bucket, unless it lies after the last bucket.
func (j *Journey) cell(c score.Cell, unscored, last int64) {
	j.Exists = true
	if c.Bucket > last {
		return
	}
	c.Stage-- // the kernel counts from 0
	if c.N != 0 {
		j.Cells = append(j.Cells, c)
	}
	j.Unscored += unscored
}

// readCut takes from the rows of cellsAndTouches the cells before the bucket cut
// and the touchpoints in it, and closes rows.
func (j *Journey) readCut(rows *sql.Rows, cut int64, model *score.Model) error {
	defer rows.Close()
	for rows.Next() {
		var (
			touch                   bool
			at, stage, unscored     int64
			a                       int64 // the weight of a cell, or the expectation
			value, low, high, lower sql.NullInt64
			weight                  float64
		)
		if err := rows.Scan(&touch, &at, &stage, &a, &value, &low, &high, &lower, &unscored, &weight); err != nil {
			return err
		}
		if !touch {
			sums := score.Sums{W: a, WX: value.Int64, WXX: low.Int64, WW: high.Int64, N: lower.Int64}
			j.cell(score.Cell{Stage: int(stage), Bucket: at, Sums: sums}, unscored, cut-1)
			continue
		}
		t := Touchpoint{
			EventTime: at, Stage: typev1.Stage(stage), Expectation: typev1.Expectation(a), Weight: weight, //nolint:gosec // enums
			Rating: Rating{value.Int64, low.Int64, high.Int64, lower.Int64 != 0},
		}
		if touch, known := t.Touch(model); known {
			j.Partial = append(j.Partial, touch)
		} else {
			j.Unscored++
		}
	}
	return rows.Err()
}

// Pooled returns all touchpoints of the brand in some stages, or in all if it
// names none, as the journey of one customer, up to the end of the last bucket.
func (s *Snapshot) Pooled(ctx context.Context, brand string, stages []typev1.Stage, last int64) (Journey, error) {
	query, args := among(`
		SELECT bucket, stage, w, wx, wxx, ww, n, unscored
		FROM stage_bucket WHERE brand = $1 AND customer = $2`, []any{brand, whole}, "stage", stages)
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
