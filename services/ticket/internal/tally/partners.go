package tally

import (
	"cmp"
	"math"
	"slices"
	"time"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// A contest is one metric by which partners are compared: a share, or a wait whose
// mean or quantile is.
type contest struct {
	share    func(*rollup.Ticket) (k, n int64)
	wait     func(*rollup.Ticket) int64 // in microseconds, below zero for none
	quantile float64                    // 0 for the mean
	higher   bool                       // is better
}

func first(t *rollup.Ticket) int64 { return t.Response }

func last(t *rollup.Ticket) int64 { return t.Resolution }

// of is a share of those tickets that are among.
func of(is, among func(*rollup.Ticket) bool) func(*rollup.Ticket) (k, n int64) {
	return func(t *rollup.Ticket) (k, n int64) {
		if !among(t) {
			return 0, 0
		}
		if is(t) {
			return 1, 1
		}
		return 0, 1
	}
}

func every(*rollup.Ticket) bool { return true }

func clocksMet(t *rollup.Ticket) (k, n int64) {
	for _, c := range t.Clocks {
		k += c.Met
		n += c.Met + c.Breached
	}
	return k, n
}

var contests = map[typev1.Metric]contest{
	typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION: {share: of((*rollup.Ticket).FirstContact, (*rollup.Ticket).Resolved), higher: true},
	typev1.Metric_METRIC_REOPEN_RATE: {share: of(
		func(t *rollup.Ticket) bool { return t.Reopens > 0 },
		func(t *rollup.Ticket) bool { return t.Resolved() || t.Reopens > 0 })},
	typev1.Metric_METRIC_RESOLUTION_RATE: {share: of((*rollup.Ticket).Resolved, every), higher: true},
	typev1.Metric_METRIC_SLA_ATTAINMENT:  {share: clocksMet, higher: true},
	typev1.Metric_METRIC_HANDOFF_SHARE:   {share: of(func(t *rollup.Ticket) bool { return t.Handoffs > 0 }, every)},
	typev1.Metric_METRIC_SINGLE_AGENT_SHARE: {share: of(
		func(t *rollup.Ticket) bool { return !t.Has(rollup.Shared) },
		func(t *rollup.Ticket) bool { return t.Has(rollup.ByAgent) }), higher: true},
	typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P90:  {wait: first, quantile: .9},
	typev1.Metric_METRIC_RESOLUTION_TIME_P90:      {wait: last, quantile: .9},
	typev1.Metric_METRIC_FIRST_RESPONSE_TIME_MEAN: {wait: first},
	typev1.Metric_METRIC_RESOLUTION_TIME_MEAN:     {wait: last},
}

// A Contest compares partners by one metric. It is for one goroutine.
type Contest struct {
	metric   typev1.Metric
	rules    contest
	set      []rollup.Dim // what makes tickets alike
	partners map[string]map[rollup.Keys]*stratum
}

// A stratum is what was seen of one partner's tickets that are alike.
type stratum struct {
	stats.Moments // of a share; those of waits are made in the end
	waits         []int64
	all           stats.Durations
}

// NewContest returns a contest by a metric that can be compared, among the partners
// given, whose ids are empty for the brand's own people.
func NewContest(metric typev1.Metric, set []rollup.Dim, partners []string) *Contest {
	c := &Contest{metric, contests[metric], set, map[string]map[rollup.Keys]*stratum{}}
	for _, p := range partners {
		c.partners[p] = map[rollup.Keys]*stratum{}
	}
	return c
}

// Add counts a ticket, whose partner becomes one of those compared.
func (c *Contest) Add(t *rollup.Ticket) {
	partner, key := t.Text(rollup.Partner), t.Only(c.set)
	if c.partners[partner] == nil {
		c.partners[partner] = map[rollup.Keys]*stratum{}
	}
	s := c.partners[partner][key]
	if s == nil {
		s = &stratum{}
		c.partners[partner][key] = s
	}
	switch {
	case c.rules.share != nil:
		k, n := c.rules.share(t)
		s.N, s.Sum, s.SumSq = s.N+n, s.Sum+k, s.SumSq+k
	case c.rules.wait(t) < 0: // None as well
	case c.rules.quantile > 0:
		s.all.Add(time.Duration(c.rules.wait(t)) * time.Microsecond)
	default:
		s.waits = append(s.waits, c.rules.wait(t))
	}
}

// A rival is how one partner does.
type rival struct {
	partner  string
	raw      stats.Estimate
	adjusted stats.Standardized
	shrunk   stats.Posterior
	bad      float64 // the bad end of the 90 % interval
	entry    *ticketv1.PartnerComparison_Entry
}

// Comparison returns the result. Its partners are the ids.
func (c *Contest) Comparison() *ticketv1.PartnerComparison {
	var ids []string
	for p := range c.partners {
		ids = append(ids, p)
	}
	slices.Sort(ids)
	var rivals []*rival
	var overall stats.Estimate
	if c.rules.quantile > 0 {
		rivals, overall = c.quantiles(ids)
	} else {
		rivals, overall = c.averages(ids)
	}
	result := &ticketv1.PartnerComparison{
		Metric: c.metric, HigherIsBetter: c.rules.higher, Overall: c.estimate(overall),
	}
	adjusted := make([]stats.Estimate, len(rivals))
	for i, r := range rivals {
		adjusted[i] = r.adjusted.Estimate
		r.entry = &ticketv1.PartnerComparison_Entry{
			Partner: r.partner, Raw: c.estimate(r.raw), Adjusted: c.estimate(r.adjusted.Estimate), Coverage: r.adjusted.Covered,
		}
		if c.rules.quantile == 0 {
			r.entry.Shrunk = c.estimate(r.shrunk.Estimate)
		}
		if c.rules.share != nil && overall.Known {
			c.funnel(r, overall.Value)
		}
	}
	for _, pair := range stats.Pairs(adjusted) {
		result.Pairs = append(result.Pairs, c.pair(rivals[pair.A], rivals[pair.B], pair.Difference))
	}
	rank(rivals)
	for _, r := range rivals {
		result.Entries = append(result.Entries, r.entry)
	}
	return result
}

// rank puts the rivals into the order of their bad ends, those withheld last.
func rank(rivals []*rival) {
	slices.SortStableFunc(rivals, func(a, b *rival) int {
		switch {
		case a.adjusted.Known != b.adjusted.Known && a.adjusted.Known:
			return -1
		case a.adjusted.Known != b.adjusted.Known:
			return 1
		}
		return cmp.Or(cmp.Compare(b.bad, a.bad), cmp.Compare(a.partner, b.partner))
	})
	for i, r := range rivals {
		if r.adjusted.Known {
			r.entry.Rank = int32(i) + 1 //nolint:gosec // partners are few
		}
	}
}

// averages compares shares and means.
func (c *Contest) averages(ids []string) ([]*rival, stats.Estimate) {
	scale := c.moments()
	reference := map[rollup.Keys]float64{}
	var all stats.Moments
	groups := make([]stats.Moments, len(ids))
	for i, id := range ids {
		for key, s := range c.partners[id] {
			reference[key] += float64(s.N)
			plus(&groups[i], s.Moments)
		}
		plus(&all, groups[i])
	}
	prior := stats.PriorOf(groups)
	var rivals []*rival
	for i, id := range ids {
		r := &rival{partner: id, raw: c.average(groups[i], scale)}
		var strata []stats.Stratum
		for _, key := range keysOf(reference) {
			one := stats.Stratum{Reference: reference[key]}
			if s := c.partners[id][key]; s != nil {
				one.Moments = s.Moments
			}
			strata = append(strata, one)
		}
		if c.rules.share != nil {
			r.adjusted = stats.StandardizedShare(strata)
		} else {
			r.adjusted = stats.StandardizedMean(strata, scale)
		}
		c.shrink(r, scale, prior)
		rivals = append(rivals, r)
	}
	return rivals, c.average(all, scale)
}

// moments sums the waits up, in steps coarse enough for their squares.
func (c *Contest) moments() stats.Scale {
	if c.rules.share != nil {
		return stats.Scale{Low: 0, High: 1}
	}
	longest, n := int64(0), 0
	for _, strata := range c.partners {
		for _, s := range strata {
			n += len(s.waits)
			if len(s.waits) > 0 {
				longest = max(longest, slices.Max(s.waits))
			}
		}
	}
	step := max(int64(math.Ceil(float64(longest)*math.Sqrt(float64(n))/2e9)), 1)
	for _, strata := range c.partners {
		for _, s := range strata {
			s.Moments = stats.Moments{}
			for _, w := range s.waits {
				s.Moments.Add((w+step/2)/step, 1)
			}
		}
	}
	return stats.Scale{Low: 0, High: math.Inf(1), Unit: float64(step) * float64(time.Microsecond)}
}

func (c *Contest) average(m stats.Moments, scale stats.Scale) stats.Estimate {
	if c.rules.share != nil {
		return stats.Wilson(m.Sum, m.N)
	}
	return stats.Mean(m, scale)
}

// shrink draws the adjusted number towards the mean of all, as if it rested on its
// effective number of observations.
func (c *Contest) shrink(r *rival, scale stats.Scale, prior stats.Prior) {
	if !r.adjusted.Known {
		r.shrunk.Estimate = r.adjusted.Estimate
		return
	}
	n := int64(math.Round(r.adjusted.EffectiveN))
	if c.rules.share == nil {
		unit := scale.Unit
		sum := int64(math.Round(r.adjusted.Value / unit * float64(n)))
		r.shrunk = stats.NormalNormal(stats.Moments{N: n, Sum: sum}, stats.Scale{Unit: unit}, prior)
		r.bad = -(2*r.shrunk.Value - r.shrunk.Floor) // symmetric, and less is better
		r.shrunk.Lower = max(r.shrunk.Lower, 0)
		return
	}
	k := int64(math.Round(r.adjusted.Value * float64(n)))
	r.shrunk = stats.BetaBinomial(k, n, prior)
	if r.bad = r.shrunk.Floor; !c.rules.higher {
		prior.Mean = 1 - prior.Mean
		r.bad = stats.BetaBinomial(n-k, n, prior).Floor - 1
	}
}

// ends is how far the end of a 90 % interval is from the middle, in those of 95 %.
const ends = 1.6448536269514722 / 1.959963984540054

// quantiles compares quantiles of waits.
func (c *Contest) quantiles(ids []string) ([]*rival, stats.Estimate) {
	reference := map[rollup.Keys]float64{}
	var all stats.Durations
	groups := make([]stats.Durations, len(ids))
	for i, id := range ids {
		for key, s := range c.partners[id] {
			reference[key] += float64(s.all.Count())
			groups[i].Merge(&s.all)
		}
		all.Merge(&groups[i])
	}
	var rivals []*rival
	for i, id := range ids {
		r := &rival{partner: id, raw: groups[i].Quantile(c.rules.quantile)}
		var strata []stats.DurationStratum
		for _, key := range keysOf(reference) {
			one := stats.DurationStratum{Reference: reference[key]}
			if s := c.partners[id][key]; s != nil {
				one.Observed = &s.all
			}
			strata = append(strata, one)
		}
		r.adjusted = stats.StandardizedQuantile(strata, c.rules.quantile)
		r.bad = -r.adjusted.Value
		if r.adjusted.Interval {
			r.bad -= (r.adjusted.Upper - r.adjusted.Value) * ends
		}
		rivals = append(rivals, r)
	}
	return rivals, all.Quantile(c.rules.quantile)
}

// funnel says where the adjusted share lies among shares of its size on target.
func (c *Contest) funnel(r *rival, target float64) {
	if !r.adjusted.Known {
		return
	}
	f := stats.FunnelOf(target, int64(math.Round(r.adjusted.EffectiveN)))
	r.entry.FunnelLower, r.entry.FunnelUpper = &f.Warning.Lower, &f.Warning.Upper
	better, worse := ticketv1.PartnerComparison_Entry_POSITION_BETTER, ticketv1.PartnerComparison_Entry_POSITION_WORSE
	much := ticketv1.PartnerComparison_Entry_POSITION_MUCH_BETTER - better
	above, below := better, worse
	if !c.rules.higher {
		above, below = worse, better
	}
	switch v := r.adjusted.Value; {
	case v > f.Alarm.Upper:
		r.entry.Position = above + much
	case v < f.Alarm.Lower:
		r.entry.Position = below + much
	case v > f.Warning.Upper:
		r.entry.Position = above
	case v < f.Warning.Lower:
		r.entry.Position = below
	default:
		r.entry.Position = ticketv1.PartnerComparison_Entry_POSITION_INSIDE
	}
}

func (c *Contest) pair(a, b *rival, d stats.Difference) *ticketv1.PartnerComparison_Pair {
	e := stats.Estimate{
		Value: d.Value, Lower: d.Lower, Upper: d.Upper, Known: d.Known, Interval: d.Interval,
		N: a.adjusted.N + b.adjusted.N, EffectiveN: a.adjusted.EffectiveN + b.adjusted.EffectiveN,
		Quality: min(a.adjusted.Quality, b.adjusted.Quality), Method: a.adjusted.Method,
	}
	if !e.Interval {
		e.Method = stats.MethodNone
	}
	pair := &ticketv1.PartnerComparison_Pair{
		Partner: a.partner, Other: b.partner, Difference: c.estimate(e), Distinguishable: d.Distinguishable,
	}
	if d.Interval {
		pair.PValue = &d.P
	}
	return pair
}

func (c *Contest) estimate(e stats.Estimate) *typev1.Estimate {
	if c.rules.share != nil {
		return measure.Estimate(e, typev1.Unit_UNIT_RATIO)
	}
	return Seconds(e)
}

func plus(m *stats.Moments, o stats.Moments) {
	m.N, m.Sum, m.SumSq = m.N+o.N, m.Sum+o.Sum, m.SumSq+o.SumSq
}

func keysOf(m map[rollup.Keys]float64) []rollup.Keys {
	all := make([]rollup.Keys, 0, len(m))
	for k := range m {
		all = append(all, k)
	}
	slices.SortFunc(all, rollup.Keys.Compare)
	return all
}
