package store

import (
	"encoding/json"
	"fmt"
	"math"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// A LayoutState says what the sums of a layout are good for.
type LayoutState int64

// The states of a layout. Sums are kept from the moment there is the layout; those of
// one that is being built lack what [Store.Fill] has not added yet.
const (
	LayoutBuilding LayoutState = iota + 1
	LayoutReady
	LayoutRetired // no sums are kept
)

const layoutColumns = `layout, half_life, unmet, met, exceeded, reliabilities`

// AddLayout returns the layout whose sums m needs, and whether they are whole. It
// begins to keep them if nobody does: then it is for the caller to [Store.Fill] in what
// is there already and to call [Store.SetLayout].
func (s *Store) AddLayout(tx *sqldb.Tx, brand string, m *score.Model) (layout int64, ready bool, err error) {
	s.turn(tx)
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return 0, false, err
	}
	var last, state int64
	if err := tx.QueryRow(`SELECT COALESCE(MAX(layout), 0) FROM sum_layout WHERE brand = $1`, brand).Scan(&last); err != nil {
		return 0, false, err
	}
	for i := range kept.models {
		k := &kept.models[i]
		if !k.SameLayout(m) {
			continue
		}
		if k.Layout == 0 {
			return 0, true, nil
		}
		err := tx.QueryRow(`SELECT state FROM sum_layout WHERE brand = $1 AND layout = $2`, brand, k.Layout).Scan(&state)
		return k.Layout, LayoutState(state) == LayoutReady, err
	}
	put(tx, brand, last+1, m, LayoutBuilding)
	return last + 1, false, nil
}

// SetLayout changes the state of a layout, which must not be one that is retired.
func (s *Store) SetLayout(tx *sqldb.Tx, brand string, m *score.Model, state LayoutState) {
	s.turn(tx)
	put(tx, brand, m.Layout, m, state)
}

// RetireLayouts ends the layouts that no scoring model of the brand needs: neither the
// active revision nor the newest one of a model, which could become active. Those that
// are being built go too, unless another operation than the given one may be at it. It
// returns how many there were; [DropSums] removes their sums.
func (s *Store) RetireLayouts(tx *sqldb.Tx, brand, operation string) (int64, error) {
	s.turn(tx)
	return tx.Exec(`
		UPDATE sum_layout SET state = $1 WHERE brand = $2 AND layout <> 0 AND (state = $3 OR state = $4 AND NOT EXISTS (
		    SELECT 1 FROM operation WHERE brand = $2 AND id <> $5 AND end_time IS NULL))
		  AND layout NOT IN (SELECT layout FROM scoring_model WHERE brand = $2)
		  AND layout NOT IN (SELECT layout FROM scoring_model_revision WHERE brand = $2 AND state = $6)`,
		int64(LayoutRetired), brand, int64(LayoutReady), int64(LayoutBuilding), operation, ActiveModel)
}

func put(tx *sqldb.Tx, brand string, layout int64, m *score.Model, state LayoutState) {
	reliabilities, _ := json.Marshal(m.Reliability) //nolint:errchkjson // finite numbers
	tx.Defer(`
		INSERT INTO sum_layout (brand, `+layoutColumns+`, state) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)
		ON CONFLICT (brand, layout) DO UPDATE SET state = excluded.state`,
		brand, layout, m.HalfLife.Microseconds(), m.Unmet, m.Met, m.Exceeded, string(reliabilities), int64(state))
}

// A kept is what a write has to know of a brand before it can keep sums.
type kept struct {
	models   []score.Model // of which nothing but the layout is set
	measured bool          // there are measures
	watched  int64         // since when changes of touchpoints concern signal rules
}

// The numbers of the layouts in the rows that tell of measures, and how far back
// signal rules look.
const (
	none = -1
	back = -2
)

// layouts reads the layouts of a brand whose sums are kept. Since writers take turns,
// nobody changes them meanwhile.
func (s *Store) layouts(tx *sqldb.Tx, brand string) (kept, error) {
	rows, err := tx.Query(`
		SELECT `+layoutColumns+`, state FROM sum_layout WHERE brand = $1
		UNION ALL SELECT -1, 0, 0.0, 0.0, 0.0, '', 0 WHERE EXISTS (SELECT 1 FROM measure WHERE brand = $1)
		UNION ALL SELECT -2, back, 0.0, 0.0, 0.0, '', 0 FROM signal_watch WHERE brand = $1`, brand)
	if err != nil {
		return kept{}, err
	}
	defer rows.Close()
	k := kept{watched: math.MaxInt64}
	first := true // nobody has said anything of layout 0
	for rows.Next() {
		var (
			m             score.Model
			halfLife      int64
			reliabilities string
			state         LayoutState
		)
		if err := rows.Scan(&m.Layout, &halfLife, &m.Unmet, &m.Met, &m.Exceeded, &reliabilities, &state); err != nil {
			return kept{}, fmt.Errorf("read layout: %w", err)
		}
		first = first && m.Layout != 0
		switch {
		case m.Layout == none:
			k.measured = true
			continue
		case m.Layout == back:
			k.watched = sqldb.Micros(time.Now()) - halfLife
			continue
		case state == LayoutRetired:
			continue
		}
		m.HalfLife = time.Duration(halfLife) * time.Microsecond
		if err := json.Unmarshal([]byte(reliabilities), &m.Reliability); err != nil {
			return kept{}, fmt.Errorf("read layout: %w", err)
		}
		k.models = append(k.models, m)
	}
	if first {
		k.models = append(k.models, score.Default())
	}
	return k, rows.Err()
}

// Fill makes the sums of customers, in one layout of theirs that is kept, what their
// touchpoints say. It may be repeated.
func (s *Store) Fill(tx *sqldb.Tx, brand string, layout int64, customers []string) error {
	s.turn(tx)
	kept, err := s.layouts(tx, brand)
	if err != nil {
		return err
	}
	customers = slices.Compact(slices.Sorted(slices.Values(customers)))
	for i := range kept.models {
		if kept.models[i].Layout != layout {
			continue
		}
		for some := range slices.Chunk(customers, filled) {
			if err := s.fill(tx, brand, &kept.models[i], some); err != nil {
				return err
			}
		}
	}
	return nil
}

// filled is of how many customers sums are made at a time.
const filled = 500

func (s *Store) fill(tx *sqldb.Tx, brand string, m *score.Model, customers []string) error {
	c := newChange(kept{models: []score.Model{*m}, watched: math.MaxInt64})
	always := span{math.MinInt64, math.MaxInt64}
	err := s.later(tx, brand, Listed(customers), m, always, func(customer string, t score.Touch, known bool) {
		part := sums{unscored: 1}
		if known {
			part = sums{Sums: m.Add(t)}
		}
		at := place{layout: m.Layout, bucket: m.Bucket(t.Time), stage: int64(t.Stage) + 1, service: t.Service}
		for _, at.customer = range [...]string{customer, whole} {
			cell := c.cell(at)
			cell.Add(part.Sums)
			cell.unscored += part.unscored
		}
	})
	if err != nil {
		return err
	}
	err = s.cellsOf(tx, brand, Listed(customers), m, func(customer string, was score.Cell, unscored int64) {
		at := place{layout: m.Layout, bucket: was.Bucket, stage: int64(was.Stage) + 1, service: was.Service}
		for _, at.customer = range [...]string{customer, whole} {
			cell := c.cell(at)
			cell.Sub(was.Sums)
			cell.unscored -= unscored
		}
	})
	if err != nil {
		return err
	}
	s.save(tx, brand, c)
	return nil
}
