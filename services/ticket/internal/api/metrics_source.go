package api

import (
	"math"
	"slices"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/almanac"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A question says which tickets are to be measured, and by what.
type question struct {
	brand            string
	window           almanac.Range // microseconds since 1970
	channels, stages []int32       // none for all
	partner          string        // empty for all
	where            filter.Clause
	groupBy          []dimension
	now              time.Time
}

// about reports whether a ticket is among those asked about.
func (q *question) about(k *rollup.Keys) bool {
	return (len(q.channels) == 0 || slices.Contains(q.channels, k.Number(rollup.Channel))) &&
		(len(q.stages) == 0 || slices.Contains(q.stages, k.Number(rollup.Stage))) &&
		(q.partner == "" || q.partner == k.Text(rollup.Partner))
}

// narrowedBy returns the dimensions that about looks at.
func (q *question) narrowedBy() (set []rollup.Dim) {
	if len(q.channels) > 0 {
		set = append(set, rollup.Channel)
	}
	if len(q.stages) > 0 {
		set = append(set, rollup.Stage)
	}
	if q.partner != "" {
		set = append(set, rollup.Partner)
	}
	return set
}

// columns returns what the roll-ups do not keep.
func (q *question) columns() []string {
	if slices.ContainsFunc(q.groupBy, func(d dimension) bool { return d.attribute != "" }) {
		return []string{"attributes"}
	}
	return nil
}

// A visit takes one ticket that a question is about, and its columns. Both are valid
// until it returns.
type visit func(t *rollup.Ticket, values []string) error

// tickets visits the tickets of the window, from their days where these are fresh
// and else one by one.
func (q *question) tickets(snap *store.Snapshot, visit visit) error {
	if q.where.Text != "" || q.columns() != nil {
		return q.observe(snap, q.window, visit)
	}
	fresh, err := snap.Fresh(q.brand, q.now)
	if err != nil {
		return err
	}
	return q.planned(snap, fresh.NewPlan(q.window, false), visit)
}

// planned visits the tickets of a plan's days and of what is to be read raw.
func (q *question) planned(snap *store.Snapshot, plan almanac.Plan, visit visit) error {
	for _, days := range plan.Days {
		err := q.pages(snap, days, func(t *rollup.Ticket) error {
			if t.Open < q.window.From || t.Open >= q.window.To {
				return nil
			}
			return visit(t, nil)
		})
		if err != nil {
			return err
		}
	}
	for _, raw := range plan.Raw {
		if err := q.observe(snap, raw, visit); err != nil {
			return err
		}
	}
	return nil
}

// pages visits the tickets of whole days from their roll-ups.
func (q *question) pages(snap *store.Snapshot, days almanac.Range, visit func(*rollup.Ticket) error) error {
	return snap.Days(q.brand, days, func(p store.Part) error {
		var failed error
		err := rollup.Unpack(p.Bytes, func(t *rollup.Ticket) {
			if failed == nil && q.about(&t.Keys) {
				failed = visit(t)
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}

// observe visits tickets opened in a range one by one.
func (q *question) observe(snap *store.Snapshot, opened almanac.Range, visit visit) error {
	return snap.Observe(store.ObservationFilter{
		Brand: q.brand, Opened: opened, OpenAt: rollup.None, Where: q.where, Columns: q.columns(), Now: q.now,
	}, func(t *rollup.Ticket, values []string) error {
		if !q.about(&t.Keys) {
			return nil
		}
		return visit(t, values)
	})
}

// read fills the answer.
func (a *answer) read(snap *store.Snapshot) error {
	if a.where.Text != "" || a.columns() != nil {
		if err := a.observe(snap, a.window, a.add); err != nil {
			return err
		}
		return a.openRaw(snap, almanac.Range{From: 0, To: a.window.To})
	}
	fresh, err := snap.Fresh(a.brand, a.now)
	if err != nil {
		return err
	}
	narrow := a.narrowedBy()
	family, counted := rollup.FamilyOf(append(narrow, a.set...))
	if counted {
		n, err := snap.Count(a.brand, a.window, a.many+1)
		if err != nil {
			return err
		}
		a.coarse = n > a.many
	}
	plan := fresh.NewPlan(a.window, a.coarse)
	if err := a.months(snap, plan.Months, family); err != nil {
		return err
	}
	if err := a.planned(snap, plan, a.add); err != nil {
		return err
	}
	if !counted {
		family = -1
	}
	return a.backlog(snap, fresh, family)
}

// months adds whole months: the groups from their family, the whole from its own.
func (a *answer) months(snap *store.Snapshot, months []almanac.Range, family int) error {
	whole, _ := rollup.FamilyOf(a.narrowedBy())
	for _, r := range months {
		err := a.cells(snap, whole, r, func(_ *rollup.Keys, cell []byte) error {
			a.whole.parts = append(a.whole.parts, cell)
			return nil
		})
		if err == nil && len(a.groupBy) > 0 {
			err = a.cells(snap, family, r, func(k *rollup.Keys, cell []byte) error {
				g, err := a.group(groupKey{Keys: k.Only(a.set)})
				if err == nil {
					g.parts = append(g.parts, cell)
				}
				return err
			})
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// cells visits the cells of a family that the question is about.
func (a *answer) cells(snap *store.Snapshot, family int, months almanac.Range, visit func(*rollup.Keys, []byte) error) error {
	return snap.Months(a.brand, family, months, func(p store.Part) error {
		var failed error
		err := rollup.EachCell(p.Bytes, func(k rollup.Keys, cell []byte) {
			if failed == nil && a.about(&k) {
				failed = visit(&k, cell)
			}
		})
		if err == nil {
			err = failed
		}
		return err
	})
}

// backlog counts the tickets that are open at the end of the window: what the flows
// up to it add up to, without those of the days that are not fresh, whose tickets are
// looked at instead. Family is -1 if no months are kept by the groups.
func (a *answer) backlog(snap *store.Snapshot, fresh almanac.Fresh, family int) error {
	if !a.choice.Has(typev1.Metric_METRIC_BACKLOG) {
		return nil
	}
	end := a.window.To
	nets := map[rollup.Keys]int64{}
	flow := func(k *rollup.Keys, at, delta int64) {
		if at < end && a.about(k) {
			nets[k.Only(a.set)] += delta
		}
	}
	if err := a.flows(snap, family, flow); err != nil {
		return err
	}
	stale := staleRanges(fresh)
	for _, days := range stale {
		err := a.pages(snap, days, func(t *rollup.Ticket) error {
			for _, f := range t.Flows {
				flow(&t.Keys, f.At, -f.Delta)
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	for key, n := range nets {
		if err := a.open(groupKey{Keys: key}, n); err != nil {
			return err
		}
	}
	for _, days := range append(stale, almanac.Range{From: fresh.Through, To: math.MaxInt64}) {
		opened := almanac.Range{From: 0, To: end}
		if days.From > 0 {
			opened.From = almanac.StartOf(days.From)
		}
		if days.To <= almanac.DayOf(end) {
			opened.To = almanac.StartOf(days.To)
		}
		if err := a.openRaw(snap, opened); err != nil {
			return err
		}
	}
	return nil
}

// flows visits the changes of the backlog up to the day of the window's end, months
// as one where they are kept by family.
func (a *answer) flows(snap *store.Snapshot, family int, flow func(k *rollup.Keys, at, delta int64)) error {
	last := almanac.DayOf(a.window.To)
	days := almanac.Range{From: math.MinInt64, To: last + 1}
	if family >= 0 {
		month := almanac.MonthOf(last)
		days.From = almanac.FirstDay(month)
		err := snap.MonthFlows(a.brand, family, almanac.Range{From: math.MinInt64, To: month}, func(p store.Part) error {
			return rollup.EachNet(p.Bytes, func(k rollup.Keys, delta int64) { flow(&k, math.MinInt64, delta) })
		})
		if err != nil {
			return err
		}
	}
	return snap.DayFlows(a.brand, days, func(p store.Part) error {
		return rollup.EachFlow(p.Bytes, func(k *rollup.FlowKey, delta int64) { flow(&k.Keys, k.At, delta) })
	})
}

// staleRanges returns the days that were rolled up and are not fresh.
func staleRanges(fresh almanac.Fresh) (all []almanac.Range) {
	var days []almanac.Period
	for day := range fresh.Stale {
		if day < fresh.Through {
			days = append(days, day)
		}
	}
	slices.Sort(days)
	for _, day := range days {
		if n := len(all); n > 0 && all[n-1].To == day {
			all[n-1].To++
		} else {
			all = append(all, almanac.Range{From: day, To: day + 1})
		}
	}
	return all
}

// openRaw looks at tickets opened in a range whether they are in the backlog.
func (a *answer) openRaw(snap *store.Snapshot, opened almanac.Range) error {
	if !a.choice.Has(typev1.Metric_METRIC_BACKLOG) || opened.From >= opened.To {
		return nil
	}
	return snap.Observe(store.ObservationFilter{
		Brand: a.brand, Opened: opened, OpenAt: a.window.To, Where: a.where, Columns: a.columns(), Now: a.now, Backlog: true,
	}, func(t *rollup.Ticket, values []string) error {
		if !a.about(&t.Keys) || !t.OpenAt(a.window.To) {
			return nil
		}
		key, err := a.key(&t.Keys, values)
		if err != nil {
			return err
		}
		return a.open(key, 1)
	})
}

// open adds tickets to the backlog.
func (a *answer) open(key groupKey, n int64) error {
	a.whole.backlog += n
	if len(a.groupBy) == 0 || n == 0 {
		return nil
	}
	g, err := a.group(key)
	if err == nil {
		g.backlog += n
	}
	return err
}
