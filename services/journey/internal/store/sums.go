package store

import (
	"cmp"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// whole is the customer whose sums are those of the brand: all its touchpoints as
// one journey.
const whole = ""

// A change is what a write adds to the sums, in memory until it is complete.
type change struct {
	model *score.Model
	cells map[place]*sums
}

// A place is one row of stage_bucket.
type place struct {
	customer string
	bucket   int64
	stage    int64
}

type sums struct {
	score.Sums
	unscored int64
}

func (s *Store) change() *change { return &change{&s.model, map[place]*sums{}} }

// add counts t.
func (c *change) add(t *Touchpoint) {
	c.count(t, 1, (*score.Sums).Add)
}

// sub takes back that t was counted.
func (c *change) sub(t *Touchpoint) {
	c.count(t, -1, (*score.Sums).Sub)
}

func (c *change) count(t *Touchpoint, one int64, apply func(*score.Sums, score.Sums)) {
	at := place{t.Customer, c.model.Bucket(t.EventTime), int64(t.Stage)}
	touch, known := t.Touch(c.model)
	var part score.Sums
	if known {
		part, one = c.model.Add(touch), 0
	}
	for _, customer := range [...]string{t.Customer, whole} {
		at.customer = customer
		cell := c.cells[at]
		if cell == nil {
			cell = &sums{}
			c.cells[at] = cell
		}
		apply(&cell.Sums, part)
		cell.unscored += one
	}
}

func addSums(rows int) string {
	return `INSERT INTO stage_bucket (brand, customer, bucket, stage, w, wx, wxx, ww, n, unscored) VALUES ` + sqldb.Values(rows, 10) + `
		ON CONFLICT (brand, customer, bucket, stage) DO UPDATE SET
		  w = stage_bucket.w + excluded.w, wx = stage_bucket.wx + excluded.wx, wxx = stage_bucket.wxx + excluded.wxx,
		  ww = stage_bucket.ww + excluded.ww, n = stage_bucket.n + excluded.n, unscored = stage_bucket.unscored + excluded.unscored`
}

// save adds c to the stored sums, in the order of their key.
func (s *Store) save(tx *sqldb.Tx, brand string, c *change) {
	places := make([]place, 0, len(c.cells))
	for at, cell := range c.cells {
		if *cell != (sums{}) {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.customer, b.customer), cmp.Compare(a.bucket, b.bucket), cmp.Compare(a.stage, b.stage))
	})
	s.addSums.split(len(places), func(statement string, from, to int) error { //nolint:errcheck // Defer keeps errors
		args := make([]any, 0, 10*(to-from))
		for _, at := range places[from:to] {
			v := c.cells[at]
			args = append(args, brand, at.customer, at.bucket, at.stage, v.W, v.WX, v.WXX, v.WW, v.N, v.unscored)
		}
		tx.Defer(statement, args...)
		return nil
	})
}
