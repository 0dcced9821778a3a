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
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

const (
	rollEvery = 30 * time.Second
	rollAfter = ripe + time.Hour // the end of a day it is rolled up
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
	return worker.Exhaust(brands, func(brand string) (bool, error) { return s.roll(ctx, brand, now) })
}

// roll rolls up one month of a brand. It returns whether there may be more to do.
func (s *Server) roll(ctx context.Context, brand string, now time.Time) (more bool, err error) {
	var r *roller
	err = s.Store.Snapshot(ctx, func(snap *store.Snapshot) error {
		r = &roller{snap: snap, now: now, Rolling: store.Rolling{Brand: brand}}
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
	diff rollup.FlowDiff
}

// run finds the first month with something to do, and does it.
func (r *roller) run() error {
	var err error
	if r.Before, err = r.snap.Head(r.Brand); err != nil {
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
	r.work, r.diff = true, rollup.FlowDiff{}
	pages := map[almanac.Period][]byte{}
	for _, day := range days {
		if pages[day], err = r.day(day); err != nil {
			return err
		}
	}
	if err := r.month(almanac.MonthOf(days[0]), pages); err != nil {
		return err
	}
	r.diff.Clean()
	return r.flows()
}

// changed returns the days of one month that were rolled up and no longer hold, and
// takes their marks. Marks of days that were not are done with as well.
func (r *roller) changed() ([]almanac.Period, error) {
	marks, err := r.snap.Marks(r.Brand, r.now, markBatch)
	if err != nil {
		return nil, err
	}
	due, err := r.snap.DueDays(r.Brand, r.now)
	if err != nil {
		return nil, err
	}
	days := due
	for _, m := range marks {
		days = append(days, m.Day)
	}
	days = slices.DeleteFunc(days, func(day almanac.Period) bool { return day >= r.Through })
	slices.Sort(days)
	days = slices.Compact(days)
	if len(days) > 0 {
		month := almanac.MonthOf(days[0])
		days = slices.DeleteFunc(days, func(day almanac.Period) bool { return almanac.MonthOf(day) != month })
	}
	for _, m := range marks {
		if m.Day >= r.Through || slices.Contains(days, m.Day) {
			r.Marks, r.work = append(r.Marks, m), true
		}
	}
	return days, nil
}

// next returns the days of the first month that are old enough and were not rolled
// up, and moves on past them.
func (r *roller) next() ([]almanac.Period, error) {
	limit := almanac.DayOf(sqldb.Micros(r.now.Add(-rollAfter)))
	from := int64(0)
	if r.Through > 0 {
		from = almanac.StartOf(r.Through)
	}
	at, err := r.snap.FirstOpened(r.Brand, from)
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

// day packs the tickets opened on a day, and takes what was there out of the flows.
func (r *roller) day(day almanac.Period) ([]byte, error) {
	err := r.snap.Days(r.Brand, almanac.Range{From: day, To: day + 1}, func(p store.Part) error {
		return rollup.Unpack(p.Bytes, func(t *rollup.Ticket) { r.diff.Add(t, -1) })
	})
	if err != nil {
		return nil, err
	}
	rolled := store.RolledDay{Part: store.Part{Period: day}, Due: rollup.Never}
	var tickets []*rollup.Ticket
	err = r.snap.Observe(store.ObservationFilter{
		Brand: r.Brand, Opened: almanac.Range{From: almanac.StartOf(day), To: almanac.StartOf(day + 1)}, OpenAt: rollup.None, Now: r.now,
	}, func(t *rollup.Ticket, _ []string) error {
		rolled.Due = min(rolled.Due, t.Due)
		r.diff.Add(t, 1)
		kept := *t
		tickets = append(tickets, &kept)
		return nil
	})
	if err != nil {
		return nil, err
	}
	rolled.Bytes = rollup.Pack(tickets)
	r.Days = append(r.Days, rolled)
	return rolled.Bytes, nil
}

// month counts a month that is rolled up whole. Pages are those of its days that are
// new.
func (r *roller) month(month almanac.Period, pages map[almanac.Period][]byte) error {
	days := almanac.Range{From: almanac.FirstDay(month), To: almanac.FirstDay(month + 1)}
	if days.To > r.Through {
		return nil
	}
	m := rollup.NewMonth()
	for _, page := range pages {
		if err := rollup.Unpack(page, m.Add); err != nil {
			return err
		}
	}
	err := r.snap.Days(r.Brand, days, func(p store.Part) error {
		if _, anew := pages[p.Period]; anew {
			return nil
		}
		return rollup.Unpack(p.Bytes, m.Add)
	})
	if err != nil {
		return err
	}
	r.Months = familyParts(month, m.Encode())
	return nil
}

// flows adds the difference to the flows of the days and months it is about.
func (r *roller) flows() error {
	months := map[almanac.Period]*rollup.MonthFlows{}
	for day, changes := range r.diff {
		month := almanac.MonthOf(day)
		if months[month] == nil {
			months[month] = rollup.NewMonthFlows()
		}
		for k, delta := range changes {
			months[month].Add(&k.Keys, delta)
		}
		err := r.snap.DayFlows(r.Brand, almanac.Range{From: day, To: day + 1}, func(p store.Part) error {
			return rollup.EachFlow(p.Bytes, func(k *rollup.FlowKey, delta int64) { changes[*k] += delta })
		})
		if err != nil {
			return err
		}
		r.DayFlows = append(r.DayFlows, store.Part{Period: day, Bytes: changes.Encode()})
	}
	for month, m := range months {
		for family := range rollup.Families() {
			err := r.snap.MonthFlows(r.Brand, family, almanac.Range{From: month, To: month + 1}, func(p store.Part) error {
				return m.Merge(family, p.Bytes)
			})
			if err != nil {
				return err
			}
		}
		r.MonthFlows = append(r.MonthFlows, familyParts(month, m.Encode())...)
	}
	return nil
}

func familyParts(month almanac.Period, rows [][]byte) (all []store.FamilyPart) {
	for family, row := range rows {
		all = append(all, store.FamilyPart{Part: store.Part{Period: month, Bytes: row}, Family: family})
	}
	return all
}
