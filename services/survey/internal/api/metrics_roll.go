package api

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/worker"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

const (
	rollEvery = 30 * time.Second
	markBatch = 20_000
)

// RunRollups keeps the roll-ups up to date until ctx ends. Replicas may run it at the
// same time: the one that comes late with a month leaves it to the other.
func (s *Server) RunRollups(ctx context.Context) {
	worker.Every(ctx, rollEvery, func() {
		if err := s.RollUp(ctx, time.Now()); err != nil && ctx.Err() == nil {
			slog.WarnContext(ctx, "roll up metrics", "err", err)
		}
	})
}

// RollUp brings the roll-ups of all brands up to date as of now.
func (s *Server) RollUp(ctx context.Context, now time.Time) error {
	brands, err := s.Store.Brands(ctx)
	if err != nil {
		return err
	}
	return worker.Exhaust(brands, func(brand string) (bool, error) {
		return false, worker.Exhaust(rollup.Sources[:], func(of rollup.Source) (bool, error) { return s.roll(ctx, brand, of, now) })
	})
}

// roll rolls up one month of a brand. It returns whether there may be more to do.
func (s *Server) roll(ctx context.Context, brand string, of rollup.Source, now time.Time) (more bool, err error) {
	var r *roller
	err = s.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
		r = &roller{snap: snap, now: now, Rolling: store.Rolling{Brand: brand, Of: of}}
		return r.run()
	})
	if err != nil || !r.work {
		return false, err
	}
	return s.Store.SaveRolling(ctx, r.Rolling)
}

// A roller makes the roll-ups of one month.
type roller struct {
	store.Rolling
	snap *store.Snapshot
	now  time.Time
	work bool // there was something to do
}

// run finds the first month with something to do, and does it.
func (r *roller) run() error {
	var err error
	if r.Before, err = r.snap.Head(r.Brand, r.Of); err != nil {
		return err
	}
	r.Through = r.Before.Through
	days, err := r.changed()
	if err == nil && len(days) == 0 {
		days, err = r.next()
	}
	if err != nil || len(days) == 0 {
		return err
	}
	r.work = true
	pages := map[almanac.Period][]byte{}
	for _, day := range days {
		if pages[day], err = r.day(day); err != nil {
			return err
		}
	}
	return r.month(almanac.MonthOf(days[0]), pages)
}

// changed returns the days of one month that were rolled up and no longer hold, and
// takes their marks. Marks of days that were not are done with as well.
func (r *roller) changed() (days []almanac.Period, err error) {
	r.Marks, err = r.snap.Marks(r.Brand, r.Of, markBatch)
	for _, m := range r.Marks {
		if r.work = true; m.Day < r.Through {
			days = append(days, m.Day)
		}
	}
	return slices.Compact(days), err
}

// next returns the days of the first month that are old enough and were not rolled
// up, and moves on past them.
func (r *roller) next() ([]almanac.Period, error) {
	limit := almanac.DayOf(sqldb.Micros(r.now.Add(-store.Settled)))
	from := int64(0)
	if r.Through > 0 {
		from = almanac.StartOf(r.Through)
	}
	at, err := r.snap.First(r.Brand, r.Of, from)
	first := almanac.DayOf(at)
	switch {
	case errors.Is(err, store.ErrNotFound) || err == nil && first >= limit:
		return nil, nil
	case err != nil:
		return nil, err
	}
	r.Through = min(limit, almanac.FirstDay(almanac.MonthOf(first)+1))
	var days []almanac.Period
	for day := first; day < r.Through; day++ {
		days = append(days, day)
	}
	return days, nil
}

// day packs the observations of a day.
func (r *roller) day(day almanac.Period) ([]byte, error) {
	var records []*rollup.Record
	err := r.snap.Observe(r.Brand, r.Of, almanac.Range{From: almanac.StartOf(day), To: almanac.StartOf(day + 1)}, func(one *rollup.Record) {
		records = append(records, one)
	})
	if err != nil {
		return nil, err
	}
	page := rollup.Pack(records)
	r.Days = append(r.Days, store.Part{Period: day, Bytes: page})
	return page, nil
}

// month counts a month that is rolled up whole. Pages are those of its days that are
// new.
func (r *roller) month(month almanac.Period, pages map[almanac.Period][]byte) error {
	days := almanac.Range{From: almanac.FirstDay(month), To: almanac.FirstDay(month + 1)}
	if days.To > r.Through {
		return nil
	}
	m := rollup.NewMonth(r.Of)
	for _, page := range pages {
		if err := rollup.Unpack(page, m.Add); err != nil {
			return err
		}
	}
	err := r.snap.Days(r.Brand, r.Of, days, func(p store.Part) error {
		if _, anew := pages[p.Period]; anew {
			return nil
		}
		return rollup.Unpack(p.Bytes, m.Add)
	})
	if err != nil {
		return err
	}
	for family, row := range m.Encode() {
		r.Months = append(r.Months, store.FamilyPart{Part: store.Part{Period: month, Bytes: row}, Family: family})
	}
	return nil
}
