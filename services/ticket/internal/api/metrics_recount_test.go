package api

import (
	"slices"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// A tallied is a count of lives, made without the help of package rollup.
type tallied struct {
	counts map[rollup.Count]int64
	waits  map[rollup.Wait][]int64
	costs  [][2]int64
}

type counted struct {
	whole  *tallied
	groups map[rollup.Keys]*tallied
}

func newTallied() *tallied {
	return &tallied{map[rollup.Count]int64{}, map[rollup.Wait][]int64{}, nil}
}

// cell puts the numbers where measures find them.
func (c *tallied) cell() *rollup.Cell {
	cell := new(rollup.Cell)
	for _, cost := range c.costs {
		cell.Add(&rollup.Ticket{Cost: cost[0], Costed: cost[1]})
	}
	*cell = rollup.Cell{Cost: cell.Cost, CostSquared: cell.CostSquared, CostByCosted: cell.CostByCosted}
	for k, n := range c.counts {
		cell.Counts[k] = n
	}
	for k, all := range c.waits {
		for _, v := range all {
			cell.Waits[k].Add(time.Duration(v))
		}
	}
	return cell
}

// recount answers q by looking at every life.
func recount(q question, all []life) counted {
	c := counted{newTallied(), map[rollup.Keys]*tallied{}}
	for _, l := range all {
		if !l.DeleteTime.IsZero() || l.Status.State == lifecycle.Merged || !asked(q, l) {
			continue
		}
		opened := sqldb.Micros(l.OpenTime)
		in, open := opened >= q.window.From && opened < q.window.To, l.openAt(q.window.To)
		if !in && !open {
			continue
		}
		into := []*tallied{c.whole}
		if len(q.groupBy) > 0 {
			key := keyOf(q, l)
			if c.groups[key] == nil {
				c.groups[key] = newTallied()
			}
			into = append(into, c.groups[key])
		}
		for _, one := range into {
			if open {
				one.counts[rollup.Backlog]++
			}
			if in {
				one.count(l, all, q.now)
			}
		}
	}
	return c
}

func asked(q question, l life) bool {
	return (q.channels == nil || slices.Contains(q.channels, l.Channel)) && (q.stages == nil || slices.Contains(q.stages, l.Stage)) &&
		(q.partner == "" || q.partner == l.Partner)
}

func keyOf(q question, l life) (k rollup.Keys) {
	for _, d := range q.groupBy {
		switch d.name {
		case "partner":
			k.Texts[0] = l.Partner
		case "agent":
			k.Texts[2] = l.Agent
		case "issue_type":
			k.Texts[3] = l.IssueType
		case "team":
		default:
			k.Numbers[d.of] = map[string]int32{
				"channel": l.Channel, "handling": l.Handling, "issue_kind": l.IssueKind, "stage": l.Stage, "phase": l.Phase, "priority": l.Priority,
			}[d.name]
		}
	}
	return k
}

func (l life) openAt(at int64) bool {
	if sqldb.Micros(l.OpenTime) >= at || !l.Status.ResolveTime.IsZero() && sqldb.Micros(l.Status.ResolveTime) < at {
		return false
	}
	return !slices.ContainsFunc(l.reopenings, func(s rollup.Span) bool { return s.Settled < at && s.Reopened >= at })
}

func (c *tallied) wait(l life, w rollup.Wait, at time.Time, unknown, early rollup.Count) {
	switch {
	case at.IsZero():
		c.counts[unknown]++
	case at.Before(l.OpenTime):
		c.counts[early]++
	default:
		c.waits[w] = append(c.waits[w], int64(at.Sub(l.OpenTime)))
	}
}

func (c *tallied) when(n rollup.Count, is bool) {
	if is {
		c.counts[n]++
	}
}

// count counts one life.
func (c *tallied) count(l life, all []life, now time.Time) {
	s, reopens, handoffs := l.Status, int64(l.Status.ReopenCount), int64(l.HandoffCount)
	resolved := !s.ResolveTime.IsZero()
	c.counts[rollup.Opened]++
	c.when(rollup.CustomerMade, l.Origin == int32(typev1.Origin_ORIGIN_INBOUND))
	c.wait(l, rollup.FirstResponse, s.FirstResponse, rollup.NoResponseYet, rollup.EarlyResponse)
	c.wait(l, rollup.Resolution, s.ResolveTime, rollup.Unresolved, rollup.EarlyResolution)
	c.wait(l, rollup.Closing, s.CloseTime, rollup.Unclosed, rollup.EarlyClosing)
	c.when(rollup.Settled, resolved || reopens > 0)
	c.when(rollup.Reopened, reopens > 0)
	c.counts[rollup.Reopens] += reopens
	c.counts[rollup.ReopensSquared] += reopens * reopens
	c.when(rollup.HandedOff, handoffs > 0)
	c.counts[rollup.Handoffs] += handoffs
	c.counts[rollup.HandoffsSquared] += handoffs * handoffs
	c.when(rollup.Straight, handoffs == 0 && reopens == 0)
	c.when(rollup.EscalatedOnce, l.EscalationLevel > 0)
	c.when(rollup.MarkedAvoidable, l.Avoidable)
	c.when(rollup.AgentAnswered, l.Counts.Responder != "")
	c.when(rollup.OneAgent, l.Counts.Responder != "" && !l.Counts.OtherResponder)
	first := resolved && s.Outcome == 1 && reopens == 0 && l.Counts.InboundAfter == 0
	open := resolved && now.Before(s.ResolveTime.Add(store.Week))
	c.when(rollup.SolvedAtFirst, first)
	c.when(rollup.WeekOpen, open)
	c.when(rollup.SolvedForWeek, first && !open && !slices.ContainsFunc(all, func(o life) bool {
		return o.ID != l.ID && o.Customer == l.Customer && o.IssueKind == l.IssueKind && o.Origin == 1 && o.DeleteTime.IsZero() &&
			o.Status.State != lifecycle.Merged && !o.OpenTime.Before(s.ResolveTime) && o.OpenTime.Before(s.ResolveTime.Add(store.Week))
	}))
	c.counts[rollup.ContactsSeen] += int64(l.Counts.Contacts)
	if n := int64(l.Counts.Costed); n > 0 {
		c.counts[rollup.Costs]++
		c.counts[rollup.Costed] += n
		c.counts[rollup.CostedSquared] += n * n
		c.costs = append(c.costs, [2]int64{l.Counts.CostMicros, n})
	}
	breached := c.clocks(l, now)
	c.when(rollup.FailedTickets, resolved && s.Outcome >= 2 && s.Outcome <= 4 || reopens > 0 || breached)
	c.bursts(l)
}

func (c *tallied) clocks(l life, now time.Time) (breached bool) {
	none := true
	business := map[int32]int64{}
	for _, k := range l.clocks {
		if k.state == 6 {
			continue
		}
		none = false
		switch m := int(k.metric - 1); {
		case k.stop != 0 && k.elapsed <= 100:
			c.counts[rollup.MetClocks(m)]++
		case k.stop != 0, k.breached, k.due != 0 && k.due < sqldb.Micros(now):
			c.counts[rollup.BreachedClocks(m)]++
			breached = true
		default:
			c.counts[rollup.RunningClocks(m)]++
		}
		if k.business && k.stop != 0 && (k.metric == 5 || k.metric == 2 && k.episode == 1) {
			business[k.metric] = k.elapsed
		}
	}
	c.when(rollup.NoClocks, none)
	for metric, where := range map[int32]struct {
		wait rollup.Wait
		none rollup.Count
	}{2: {rollup.FirstBusiness, rollup.NoFirstClock}, 5: {rollup.ResolutionBusiness, rollup.NoResolutionTime}} {
		if v, ok := business[metric]; ok {
			c.waits[where.wait] = append(c.waits[where.wait], v)
		} else {
			c.counts[where.none]++
		}
	}
	return breached
}

// bursts asks of every message whether it begins one.
func (c *tallied) bursts(l life) {
	ends := []int64{}
	for _, s := range l.reopenings {
		ends = append(ends, s.Settled)
	}
	if !l.Status.ResolveTime.IsZero() {
		ends = append(ends, sqldb.Micros(l.Status.ResolveTime))
	}
	first := int64(rollup.Never)
	for _, s := range l.said {
		if s.Turn == rollup.Response {
			first = min(first, s.At)
			ends = append(ends, s.At)
		}
	}
	slices.Sort(ends)
	starts := map[int64]int64{} // the first message before each end
	for _, s := range l.said {
		if s.Turn != rollup.Message || s.At < first {
			continue
		}
		end := int64(rollup.Never)
		if i := slices.IndexFunc(ends, func(at int64) bool { return at > s.At }); i >= 0 {
			end = ends[i]
		}
		if at, ok := starts[end]; !ok || s.At < at {
			starts[end] = s.At
		}
	}
	for end, at := range starts {
		if end == rollup.Never {
			c.counts[rollup.NextUnanswered]++
		} else {
			c.waits[rollup.NextResponse] = append(c.waits[rollup.NextResponse], (end-at)*1000)
		}
	}
}
