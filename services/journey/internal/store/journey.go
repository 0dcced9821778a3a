package store

import (
	"context"
	"database/sql"
	"fmt"
	"strings"

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
	Root     string        // whom the customer is part of; empty if nobody
}

const cellsAndLater = `
	SELECT bucket, stage, is_service, w, wx, wxx, ww, n, unscored, EXISTS (
	  SELECT 1 FROM touchpoint WHERE brand = $1 AND customer = $2 AND event_time > $3 AND event_time < $4 AND retract_time IS NULL),
	  EXISTS (SELECT 1 FROM customer_link WHERE brand = $1 AND root = $2)
	  OR EXISTS (SELECT 1 FROM customer_link WHERE brand = $1 AND member = $2)
	FROM stage_bucket WHERE brand = $1 AND customer = $2 AND layout = $5 ORDER BY bucket, stage`

// cellsAndTouches is one statement, so that both parts are of the same moment. Of
// several customers it takes $2 apart.
const cellsAndTouches = `
	SELECT 0 AS touch, bucket AS at, stage, is_service, w, wx, wxx, ww, n, unscored, 0.0 AS weight
	FROM stage_bucket WHERE brand = $1 AND customer = $2 AND layout = $3
	UNION ALL
	SELECT 1, event_time, stage, is_service, expectation, rating, scale_min, scale_max, lower_is_better, channel, weight
	FROM touchpoint WHERE brand = $1 AND customer = $2 AND event_time >= $4 AND event_time <= $5 AND retract_time IS NULL`

// Journey returns the journey of a customer, and of all who are one with it, as of
// asOf, as m sees it. What it costs does not grow with the number of touchpoints before
// the bucket of asOf.
func (s *Store) Journey(ctx context.Context, brand, customer string, asOf int64, m *score.Model) (Journey, error) {
	if !s.db.Postgres() {
		ctx = context.WithoutCancel(ctx) // the driver starts goroutines to watch a context, and the read is short
	}
	j, err := s.journey(ctx, brand, customer, asOf, m)
	if err != nil {
		return Journey{}, fmt.Errorf("read journey: %w", sqldb.Fault(err))
	}
	return j, nil
}

func (s *Store) journey(ctx context.Context, brand, customer string, asOf int64, m *score.Model) (Journey, error) {
	cut := m.Bucket(asOf)
	start := cut * m.HalfLife.Microseconds()
	var j Journey
	later, linked := false, false
	rows, err := s.cells.QueryContext(ctx, brand, customer, asOf, start+m.HalfLife.Microseconds(), m.Layout)
	if err == nil {
		err = j.read(rows, cut, &later, &linked)
	}
	j.Whole = !later
	if err != nil || j.Exists && !later && !linked {
		return j, err
	}
	members := []string{customer}
	if linked || !j.Exists {
		if members, err = s.Members(ctx, brand, customer); err != nil {
			return j, err
		}
	}
	j = Journey{}
	if members[0] != customer {
		j.Root = members[0]
	}
	if len(members) == 1 {
		rows, err = s.touches.QueryContext(ctx, brand, customer, m.Layout, start, asOf)
	} else {
		q := cellsAndTouchesOf(brand, members, m.Layout, start, asOf)
		rows, err = s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	}
	if err == nil {
		err = j.readCut(rows, cut, m)
	}
	return j, err
}

// cellsAndTouchesOf is [cellsAndTouches] for several customers.
func cellsAndTouchesOf(brand string, customers []string, layout, start, asOf int64) *sqldb.Query {
	var q sqldb.Query
	cells, touches, _ := strings.Cut(cellsAndTouches, "UNION ALL")
	cells, _, _ = strings.Cut(cells, "WHERE")
	touches, _, _ = strings.Cut(touches, "WHERE")
	q.Add(cells+`WHERE brand = ? AND layout = ?`, brand, layout)
	sqldb.In(&q, "customer", customers)
	q.Add(` UNION ALL `+touches+`WHERE brand = ? AND event_time >= ? AND event_time <= ? AND retract_time IS NULL`, brand, start, asOf)
	sqldb.In(&q, "customer", customers)
	return &q
}

// read takes the cells up to the last bucket from rows, and what comes after
// their columns into dest, and closes rows.
func (j *Journey) read(rows *sql.Rows, last int64, dest ...any) error {
	defer rows.Close()
	var (
		c        score.Cell
		unscored int64
	)
	dest = append([]any{&c.Bucket, &c.Stage, &c.Service, &c.W, &c.WX, &c.WXX, &c.WW, &c.N, &unscored}, dest...)
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
	if c.N == 0 && unscored == 0 {
		return // all were taken back
	}
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
			touch, service          bool
			at, stage               int64
			a, last                 int64 // the weight of a cell and those without an outcome, or the expectation and the channel
			value, low, high, lower sql.NullInt64
			weight                  float64
		)
		if err := rows.Scan(&touch, &at, &stage, &service, &a, &value, &low, &high, &lower, &last, &weight); err != nil {
			return err
		}
		if !touch {
			sums := score.Sums{W: a, WX: value.Int64, WXX: low.Int64, WW: high.Int64, N: lower.Int64}
			j.cell(score.Cell{Stage: int(stage), Bucket: at, Service: service, Sums: sums}, last, cut-1)
			continue
		}
		j.Exists = true
		t := Touchpoint{
			EventTime: at, Stage: typev1.Stage(stage), Expectation: typev1.Expectation(a), Channel: typev1.Channel(last), //nolint:gosec // enums
			Rating: Rating{value.Int64, low.Int64, high.Int64, lower.Int64 != 0}, Weight: weight, Service: service,
		}
		if touch, known := t.Touch(model); known {
			j.Partial = append(j.Partial, touch)
		} else {
			j.Unscored++
		}
	}
	return rows.Err()
}

// Pooled returns all touchpoints of the brand in some stages, or in all if it names
// none, as the journey of one customer that m sees, up to the end of the last bucket.
func (s *Snapshot) Pooled(ctx context.Context, brand string, stages []typev1.Stage, last int64, m *score.Model) (Journey, error) {
	query, args := among(`
		SELECT bucket, stage, is_service, w, wx, wxx, ww, n, unscored
		FROM stage_bucket WHERE brand = $1 AND layout = $2 AND customer = $3`, []any{brand, m.Layout, whole}, "stage", stages)
	rows, err := s.tx.QueryContext(ctx, query+" ORDER BY bucket, stage", args...)
	if err != nil {
		return Journey{}, err
	}
	var j Journey
	err = j.read(rows, last)
	return j, err
}

// Touchpoints returns all touchpoints of a customer, and of all who are one with it,
// oldest first, without those that were taken back.
func (s *Store) Touchpoints(ctx context.Context, brand, customer string) ([]Touchpoint, error) {
	members, err := s.Members(ctx, brand, customer)
	if err != nil {
		return nil, err
	}
	var q sqldb.Query
	q.Add(`SELECT `+columns+` FROM touchpoint WHERE brand = ? AND retract_time IS NULL`, brand)
	sqldb.In(&q, "customer", members)
	q.Add(` ORDER BY event_time, id`)
	rows, err := s.db.Read().QueryContext(ctx, q.String(), q.Args...)
	if err != nil {
		return nil, fmt.Errorf("read touchpoints: %w", sqldb.Fault(err))
	}
	return collect(rows)
}
