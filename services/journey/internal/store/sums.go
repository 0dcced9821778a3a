package store

import (
	"cmp"
	"maps"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// whole is the customer whose sums are those of the brand: all its touchpoints as
// one journey.
const whole = ""

// A change is what a write adds to the sums of each layout, in memory until it is
// complete.
type change struct {
	kept
	cells map[place]*sums
	hours map[int64]struct{} // that signal rules look at, see [MarkHours]
}

// A place is one row of stage_bucket.
type place struct {
	layout   int64
	customer string
	bucket   int64
	stage    int64
	service  bool
}

type sums struct {
	score.Sums
	unscored int64
}

func newChange(k kept) *change { return &change{k, map[place]*sums{}, map[int64]struct{}{}} }

// plus counts t, unless it was taken back.
func (c *change) plus(t *Touchpoint) {
	c.count(t, 1, (*score.Sums).Add)
}

// minus takes back that t was counted.
func (c *change) minus(t *Touchpoint) {
	c.count(t, -1, (*score.Sums).Sub)
}

func (c *change) count(t *Touchpoint, one int64, apply func(*score.Sums, score.Sums)) {
	if t.RetractTime != 0 {
		return
	}
	if t.EventTime >= c.watched {
		c.hours[t.EventTime/hour] = struct{}{}
	}
	for i := range c.models {
		m := &c.models[i]
		at := place{m.Layout, t.Customer, m.Bucket(t.EventTime), int64(t.Stage), t.Service}
		touch, known := t.Touch(m)
		var part score.Sums
		unscored := one
		if known {
			part, unscored = m.Add(touch), 0
		}
		for _, at.customer = range [...]string{t.Customer, whole} {
			cell := c.cell(at)
			apply(&cell.Sums, part)
			cell.unscored += unscored
		}
	}
}

// cell returns what is added to a place.
func (c *change) cell(at place) *sums {
	cell := c.cells[at]
	if cell == nil {
		cell = &sums{}
		c.cells[at] = cell
	}
	return cell
}

// mergeSums adds rows to those that are there.
const mergeSums = `ON CONFLICT (brand, layout, customer, bucket, stage, is_service) DO UPDATE SET
	w = stage_bucket.w + excluded.w, wx = stage_bucket.wx + excluded.wx, wxx = stage_bucket.wxx + excluded.wxx,
	ww = stage_bucket.ww + excluded.ww, n = stage_bucket.n + excluded.n, unscored = stage_bucket.unscored + excluded.unscored`

func addSums(rows int) string {
	return `INSERT INTO stage_bucket (brand, layout, customer, bucket, stage, is_service, w, wx, wxx, ww, n, unscored) VALUES ` +
		sqldb.Values(rows, sumsWidth) + ` ` + mergeSums
}

// sumsWidth is the number of columns above.
const sumsWidth = 12

// save adds c to the stored sums, in the order of their key, and marks its hours.
func (s *Store) save(tx *sqldb.Tx, brand string, c *change) {
	places := make([]place, 0, len(c.cells))
	for at, cell := range c.cells {
		if *cell != (sums{}) {
			places = append(places, at)
		}
	}
	slices.SortFunc(places, func(a, b place) int {
		return cmp.Or(cmp.Compare(a.layout, b.layout), cmp.Compare(a.customer, b.customer), cmp.Compare(a.bucket, b.bucket),
			cmp.Compare(a.stage, b.stage), cmp.Compare(bit(a.service), bit(b.service)))
	})
	value := func(i int, into []any) []any {
		at, v := places[i], c.cells[places[i]]
		return append(into, brand, at.layout, at.customer, at.bucket, at.stage, bit(at.service), v.W, v.WX, v.WXX, v.WW, v.N, v.unscored)
	}
	if s.db.Postgres() && len(places) > 1 {
		tx.Defer(s.spreadSums.text, s.spreadSums.args(len(places), value)...)
	} else {
		s.addSums.split(len(places), func(statement string, from, to int) error { //nolint:errcheck // Defer keeps errors
			args := make([]any, 0, sumsWidth*(to-from))
			for i := from; i < to; i++ {
				args = value(i, args)
			}
			tx.Defer(statement, args...)
			return nil
		})
	}
	MarkHours(tx, brand, slices.Sorted(maps.Keys(c.hours)))
}
