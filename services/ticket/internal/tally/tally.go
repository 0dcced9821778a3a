// Package tally says what a sum of tickets measures, in the words of the contract.
// It is pure.
package tally

import (
	"math"
	"math/big"
	"slices"
	"time"

	"gonum.org/v1/gonum/stat/distuv"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// Why a ticket, a clock or a session does not enter a measure.
const (
	notAnswered      = "NOT_ANSWERED"
	notResolved      = "NOT_RESOLVED"
	notClosed        = "NOT_CLOSED"
	negativeDuration = "NEGATIVE_DURATION"
	noPolicy         = "NO_POLICY"
	noCost           = "NO_COST"
	undecided        = "UNDECIDED"
	windowOpen       = "WINDOW_OPEN"
	unknownCustomer  = "UNKNOWN_CUSTOMER"
)

// Sessions counts self-service sessions by what became of them.
type Sessions struct{ Confirmed, Implied, False, GivenUp, Pending, Unknown int64 }

// A Sum is what measures are made of. Its cell is for one goroutine.
type Sum struct {
	*rollup.Cell
	Sessions Sessions
}

// A Choice says which metrics are wanted. The zero Choice wants all.
type Choice map[typev1.Metric]bool

// Choose returns the choice of a request.
func Choose(metrics []typev1.Metric) Choice {
	if len(metrics) == 0 {
		return nil
	}
	c := Choice{}
	for _, m := range metrics {
		c[m] = true
	}
	return c
}

// Has reports whether m is wanted.
func (c Choice) Has(m typev1.Metric) bool { return c == nil || c[m] }

// Measures returns the measures of customer service that are wanted, in the order of
// the contract.
func (s Sum) Measures(wanted Choice) []*typev1.Measure {
	var all []*typev1.Measure
	for _, spec := range specs {
		if wanted.Has(spec.metric) {
			estimate, excluded := spec.of(s)
			all = append(all, &typev1.Measure{
				Metric: spec.metric, Subject: typev1.Subject_SUBJECT_SERVICE, Estimate: estimate, Excluded: measure.Exclusions(excluded),
			})
		}
	}
	return all
}

// Nothing returns the measures of a brand that has no data, and so no window in
// which even a count could be zero.
func Nothing(wanted Choice) []*typev1.Measure {
	all := Sum{Cell: new(rollup.Cell)}.Measures(wanted)
	for _, m := range all {
		m.Estimate = measure.Estimate(stats.Estimate{}, m.GetEstimate().GetUnit())
	}
	return all
}

// excluded counts what is left out, by reason.
type excluded = map[string]int64

// A figure makes one number of a sum.
type figure func(Sum) (*typev1.Estimate, excluded)

type spec struct {
	metric typev1.Metric
	of     figure
}

func count(n rollup.Count) figure {
	return func(s Sum) (*typev1.Estimate, excluded) { return measure.Count(s.Counts[n]), nil }
}

// share is k of n. What else was opened is left out for a reason.
func share(k, n rollup.Count, reason string) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		return ratio(s.Counts[k], s.Counts[n]), excluded{reason: s.Counts[rollup.Opened] - s.Counts[n]}
	}
}

func ratio(k, n int64) *typev1.Estimate {
	return measure.Estimate(stats.Wilson(k, n), typev1.Unit_UNIT_RATIO)
}

// mean is over all tickets.
func mean(sum, squared rollup.Count) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		m := stats.Moments{N: s.Counts[rollup.Opened], Sum: s.Counts[sum], SumSq: s.Counts[squared]}
		return measure.Estimate(stats.Mean(m, stats.Scale{High: math.Inf(1)}), typev1.Unit_UNIT_COUNT), nil
	}
}

// wait says how a wait is measured and why there is none.
type wait struct {
	rollup.Wait
	unknown rollup.Count
	reason  string
	early   rollup.Count // none if it is unknown
}

var waits = map[rollup.Wait]wait{
	rollup.FirstResponse:      {rollup.FirstResponse, rollup.NoResponseYet, notAnswered, rollup.EarlyResponse},
	rollup.NextResponse:       {rollup.NextResponse, rollup.NextUnanswered, notAnswered, rollup.NextUnanswered},
	rollup.Resolution:         {rollup.Resolution, rollup.Unresolved, notResolved, rollup.EarlyResolution},
	rollup.Closing:            {rollup.Closing, rollup.Unclosed, notClosed, rollup.EarlyClosing},
	rollup.FirstBusiness:      {rollup.FirstBusiness, rollup.NoFirstClock, noPolicy, rollup.NoFirstClock},
	rollup.ResolutionBusiness: {rollup.ResolutionBusiness, rollup.NoResolutionTime, noPolicy, rollup.NoResolutionTime},
}

func (w wait) excluded(s Sum) excluded {
	left := excluded{w.reason: s.Counts[w.unknown]}
	if w.early != w.unknown {
		left[negativeDuration] = s.Counts[w.early]
	}
	return left
}

func quantile(of rollup.Wait, q float64) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		w := waits[of]
		return Seconds(s.Waits[of].Quantile(q)), w.excluded(s)
	}
}

func meanWait(of rollup.Wait) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		w := waits[of]
		return Seconds(s.Waits[of].Mean()), w.excluded(s)
	}
}

// Seconds converts an estimate in nanoseconds.
func Seconds(e stats.Estimate) *typev1.Estimate {
	const second = float64(time.Second)
	e.Value, e.Lower, e.Upper = e.Value/second, e.Lower/second, e.Upper/second
	return measure.Estimate(e, typev1.Unit_UNIT_SECONDS)
}

// attainment is that of the clocks of some SLA metrics, 0 for the first.
func attainment(metrics ...int) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		var met, breached, running int64
		for _, m := range metrics {
			met += s.Counts[rollup.MetClocks(m)]
			breached += s.Counts[rollup.BreachedClocks(m)]
			running += s.Counts[rollup.RunningClocks(m)]
		}
		left := excluded{undecided: running}
		if len(metrics) == rollup.SLAMetrics {
			left[noPolicy] = s.Counts[rollup.NoClocks]
		}
		return ratio(met, met+breached), left
	}
}

// repeatless is the share of resolutions that lasted a week.
func repeatless(s Sum) (*typev1.Estimate, excluded) {
	n := &s.Counts
	resolved := n[rollup.Opened] - n[rollup.Unresolved]
	return ratio(n[rollup.SolvedForWeek], resolved-n[rollup.WeekOpen]),
		excluded{notResolved: n[rollup.Unresolved], windowOpen: n[rollup.WeekOpen]}
}

// resolved is the share of tickets that are.
func resolved(s Sum) (*typev1.Estimate, excluded) {
	n := &s.Counts
	return ratio(n[rollup.Opened]-n[rollup.Unresolved], n[rollup.Opened]), nil
}

// firstContact is the share of resolved tickets that needed one contact.
func firstContact(s Sum) (*typev1.Estimate, excluded) {
	n := &s.Counts
	return ratio(n[rollup.SolvedAtFirst], n[rollup.Opened]-n[rollup.Unresolved]), excluded{notResolved: n[rollup.Unresolved]}
}

// costPerContact is all costs over all interactions that state one. Its interval is
// that of a ratio of means over tickets (Cochran 1977, 6.3).
func costPerContact(s Sum) (*typev1.Estimate, excluded) {
	n := s.Counts[rollup.Costs]
	e := stats.Mean(stats.Moments{N: n}, stats.Scale{})
	if e.Known {
		contacts := float64(s.Counts[rollup.Costed])
		e.Value = float(&s.Cost) / contacts / 1e6
		half := distuv.StudentsT{Mu: 0, Sigma: 1, Nu: float64(n - 1)}.Quantile(1-(1-measure.Confidence)/2) *
			math.Sqrt(s.residuals()*float64(n)/float64(n-1)) / contacts / 1e6
		e.Lower, e.Upper = max(e.Value-half, 0), e.Value+half
	}
	return measure.Estimate(e, typev1.Unit_UNIT_POINTS), excluded{noCost: s.Counts[rollup.Opened] - n}
}

// residuals is the sum of the squares of what tickets cost beyond the mean cost of
// their contacts: with r = cost/contacts that of cost² - 2r·cost·n + r²·n², put over
// contacts² so that it is exact until the end.
func (s Sum) residuals() float64 {
	contacts, squared := big.NewInt(s.Counts[rollup.Costed]), big.NewInt(s.Counts[rollup.CostedSquared])
	product := func(factors ...*big.Int) *big.Int {
		p := big.NewInt(1)
		for _, f := range factors {
			p.Mul(p, f)
		}
		return p
	}
	total := product(&s.CostSquared, contacts, contacts)
	total.Sub(total, product(big.NewInt(2), &s.Cost, contacts, &s.CostByCosted))
	total.Add(total, product(&s.Cost, &s.Cost, squared))
	return max(float(total)/(float(contacts)*float(contacts)), 0)
}

func float(v *big.Int) float64 {
	f, _ := new(big.Float).SetInt(v).Float64()
	return f
}

// deflected is the share of one sort among the sessions that are decided.
func deflected(k func(Sessions) int64) figure {
	return func(s Sum) (*typev1.Estimate, excluded) {
		n := s.Sessions
		return ratio(k(n), n.Confirmed+n.Implied+n.False+n.GivenUp), excluded{windowOpen: n.Pending, unknownCustomer: n.Unknown}
	}
}

func sessions(s Sum) (*typev1.Estimate, excluded) {
	n := s.Sessions
	return measure.Count(n.Confirmed + n.Implied + n.False + n.GivenUp + n.Pending + n.Unknown), nil
}

// specs are the metrics of this service in the order of the contract.
var specs = slices.Concat(
	[]spec{
		{typev1.Metric_METRIC_TICKET_COUNT, count(rollup.Opened)},
		{typev1.Metric_METRIC_BACKLOG, count(rollup.Backlog)},
		{typev1.Metric_METRIC_REOPEN_RATE, share(rollup.Reopened, rollup.Settled, notResolved)},
		{typev1.Metric_METRIC_RESOLUTION_RATE, resolved},
		{typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P50, quantile(rollup.FirstResponse, .5)},
		{typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P90, quantile(rollup.FirstResponse, .9)},
		{typev1.Metric_METRIC_RESOLUTION_TIME_P50, quantile(rollup.Resolution, .5)},
		{typev1.Metric_METRIC_RESOLUTION_TIME_P90, quantile(rollup.Resolution, .9)},
		{typev1.Metric_METRIC_REACTIVE_SHARE, share(rollup.CustomerMade, rollup.Opened, "")},
		{typev1.Metric_METRIC_FIRST_RESPONSE_TIME_P95, quantile(rollup.FirstResponse, .95)},
		{typev1.Metric_METRIC_FIRST_RESPONSE_TIME_MEAN, meanWait(rollup.FirstResponse)},
		{typev1.Metric_METRIC_RESOLUTION_TIME_P95, quantile(rollup.Resolution, .95)},
		{typev1.Metric_METRIC_RESOLUTION_TIME_MEAN, meanWait(rollup.Resolution)},
	},
	quantiles(typev1.Metric_METRIC_NEXT_RESPONSE_TIME_P50, rollup.NextResponse),
	quantiles(typev1.Metric_METRIC_FIRST_RESPONSE_BUSINESS_TIME_P50, rollup.FirstBusiness),
	quantiles(typev1.Metric_METRIC_RESOLUTION_BUSINESS_TIME_P50, rollup.ResolutionBusiness),
	quantiles(typev1.Metric_METRIC_CLOSE_TIME_P50, rollup.Closing),
	[]spec{
		{typev1.Metric_METRIC_CLOSE_TIME_MEAN, meanWait(rollup.Closing)},
		{typev1.Metric_METRIC_SLA_ATTAINMENT, attainment(0, 1, 2, 3, 4, 5)},
		{typev1.Metric_METRIC_SLA_ACKNOWLEDGE_ATTAINMENT, attainment(0)},
		{typev1.Metric_METRIC_SLA_FIRST_RESPONSE_ATTAINMENT, attainment(1)},
		{typev1.Metric_METRIC_SLA_NEXT_RESPONSE_ATTAINMENT, attainment(2)},
		{typev1.Metric_METRIC_SLA_PERIODIC_UPDATE_ATTAINMENT, attainment(3)},
		{typev1.Metric_METRIC_SLA_RESOLUTION_ATTAINMENT, attainment(4)},
		{typev1.Metric_METRIC_SLA_AGENT_WORK_ATTAINMENT, attainment(5)},
		{typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION, firstContact},
		{typev1.Metric_METRIC_FIRST_CONTACT_RESOLUTION_7D, repeatless},
		{typev1.Metric_METRIC_HANDOFF_MEAN, mean(rollup.Handoffs, rollup.HandoffsSquared)},
		{typev1.Metric_METRIC_HANDOFF_SHARE, share(rollup.HandedOff, rollup.Opened, "")},
		{typev1.Metric_METRIC_SINGLE_AGENT_SHARE, share(rollup.OneAgent, rollup.AgentAnswered, notAnswered)},
		{typev1.Metric_METRIC_FIRST_GROUP_RESOLUTION, share(rollup.Straight, rollup.Opened, "")},
		{typev1.Metric_METRIC_COST_PER_CONTACT, costPerContact},
		{typev1.Metric_METRIC_CONTACT_COUNT, count(rollup.ContactsSeen)},
		{typev1.Metric_METRIC_REOPEN_MEAN, mean(rollup.Reopens, rollup.ReopensSquared)},
		{typev1.Metric_METRIC_ESCALATION_RATE, share(rollup.EscalatedOnce, rollup.Opened, "")},
		{typev1.Metric_METRIC_AVOIDABLE_SHARE, share(rollup.MarkedAvoidable, rollup.Opened, "")},
		{typev1.Metric_METRIC_SELF_SERVICE_SESSION_COUNT, sessions},
		{typev1.Metric_METRIC_DEFLECTION_CONFIRMED_SHARE, deflected(func(s Sessions) int64 { return s.Confirmed })},
		{typev1.Metric_METRIC_DEFLECTION_IMPLIED_SHARE, deflected(func(s Sessions) int64 { return s.Implied })},
		{typev1.Metric_METRIC_DEFLECTION_FALSE_SHARE, deflected(func(s Sessions) int64 { return s.False })},
		{typev1.Metric_METRIC_REOPENED_SHARE, share(rollup.Reopened, rollup.Opened, "")},
	},
)

// quantiles are the median and the 90th and 95th percentiles, whose metrics follow
// each other.
func quantiles(p50 typev1.Metric, of rollup.Wait) []spec {
	return []spec{{p50, quantile(of, .5)}, {p50 + 1, quantile(of, .9)}, {p50 + 2, quantile(of, .95)}}
}
