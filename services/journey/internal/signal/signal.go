// Package signal judges when something goes wrong for customers: it knows the rules
// and counts, and neither gRPC nor SQL. It is pure.
package signal

import (
	"math"
	"time"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Lateness is how long after its end a window may still open a signal.
const Lateness = 7 * 24 * time.Hour

// A Kind is the condition of a rule. Its numbers are those of the contract.
type Kind int32

// The conditions.
const (
	Broken  Kind = 1 // too many failures
	Unmet   Kind = 2 // more UNMET expectations than usual
	Drop    Kind = 3 // a score that fell
	Silence Kind = 4 // disappointed customers who say nothing
)

// A Rule is a condition and how long its windows are. What its kind has no use for is
// zero.
type Rule struct {
	Kind        Kind          `json:"kind"`
	Window      time.Duration `json:"window"`                // whole hours
	Definitions []string      `json:"definitions,omitempty"` // their ids; all if empty
	Threshold   float64       `json:"threshold,omitempty"`
	MinCount    int64         `json:"min_count,omitempty"` // of touchpoints, or of customers
	Baseline    time.Duration `json:"baseline,omitempty"`  // whole hours
	Sigmas      float64       `json:"sigmas,omitempty"`
	Points      float64       `json:"points,omitempty"`
	Segments    []string      `json:"segments,omitempty"` // every customer if empty
	Patience    time.Duration `json:"patience,omitempty"`
}

// A Tally counts touchpoints: those whose expectation is known, and of them the UNMET
// ones; those that went well or failed, and of them the failed ones.
type Tally struct {
	Known, Unmet   int64
	Judged, Failed int64
}

// Plus returns both together.
func (t Tally) Plus(o Tally) Tally {
	return Tally{t.Known + o.Known, t.Unmet + o.Unmet, t.Judged + o.Judged, t.Failed + o.Failed}
}

// Minus returns what is left of t without o.
func (t Tally) Minus(o Tally) Tally {
	return Tally{t.Known - o.Known, t.Unmet - o.Unmet, t.Judged - o.Judged, t.Failed - o.Failed}
}

// A Finding is why a signal is opened.
type Finding struct {
	Observed stats.Estimate  `json:"observed"`
	Limit    float64         `json:"limit"`
	Baseline *stats.Estimate `json:"baseline,omitempty"` // nil where it is compared with nothing
}

// A Span is a time from its start to before its end.
type Span struct{ Start, End time.Time }

// WindowAt returns the window of r that t falls into.
func (r *Rule) WindowAt(t time.Time) Span {
	start := t.Truncate(time.Microsecond).UnixMicro()
	start -= start % r.Window.Microseconds()
	from := time.UnixMicro(start).UTC()
	return Span{from, from.Add(r.Window)}
}

// Before returns the time that a window is compared with, an empty one for none.
func (r *Rule) Before(window Span) Span { return Span{window.Start.Add(-r.Baseline), window.Start} }

// Live reports whether a window may open signals now, for a rule of that age.
func (window Span) Live(created, now time.Time) bool {
	return window.End.After(created) && !window.Start.After(now) && now.Sub(window.End) <= Lateness
}

// Counts reports whether the condition is about the touchpoints of definitions.
func (k Kind) Counts() bool { return k != Drop }

// Judge returns what r, which judges by touchpoints, finds in a window, given the
// tally before it, and whether that opens a signal. Of a silence it tells only
// whether there is anybody who may be silent.
func (r *Rule) Judge(window, before Tally) (Finding, bool) {
	switch r.Kind {
	case Broken:
		f := Finding{Observed: stats.Wilson(window.Failed, window.Judged), Limit: r.Threshold}
		return f, window.Judged >= r.MinCount && share(window.Failed, window.Judged) > r.Threshold
	case Unmet:
		usual := stats.Wilson(before.Unmet, before.Known)
		f := Finding{
			Observed: stats.Wilson(window.Unmet, window.Known), Baseline: &usual,
			Limit: UpperLimit(before.Unmet, before.Known, window.Known, r.Sigmas),
		}
		enough := window.Known >= r.MinCount && before.Known >= r.MinCount
		return f, enough && share(window.Unmet, window.Known) > f.Limit
	case Silence:
		return Finding{Limit: float64(r.MinCount)}, window.Unmet >= r.MinCount
	}
	return Finding{}, false
}

// UpperLimit returns the upper control limit of a p-chart for the share of n, where
// k of total is usual (Shewhart 1931; Montgomery 2012, 7.2). A baseline without any
// counts as half a one: else the first one would always lie above.
func UpperLimit(k, total, n int64, sigmas float64) float64 {
	if total <= 0 || n <= 0 {
		return 1
	}
	p := max(float64(k), 0.5) / float64(total)
	return min(p+sigmas*math.Sqrt(p*(1-p)/float64(n)), 1)
}

func share(k, n int64) float64 {
	if n <= 0 {
		return 0
	}
	return float64(k) / float64(n)
}

// Fell returns what r finds where one score fell from was to is.
func (r *Rule) Fell(was, is stats.Estimate) (Finding, bool) {
	d := stats.Subtract(was, is)
	f := Finding{Limit: r.Points, Baseline: &was, Observed: stats.Estimate{
		Value: d.Value, Lower: d.Lower, Upper: d.Upper, Known: d.Known, Interval: d.Interval,
		N: is.N, EffectiveN: is.EffectiveN, Method: stats.MethodDelta, Quality: is.Quality,
	}}
	return f, d.Known && d.Value >= r.Points
}

// A Pair is the score of one customer at two instants.
type Pair struct{ Was, Is float64 }

// unit is what a step of a score is worth in a mean: enough for all its digits that
// matter, so that sums are exact in any order.
const unit = 1e-6

// FellTogether returns what r finds in the scores of the customers of a segment: their
// mean fell by as much, and the interval of the mean leaves out that it did not.
func (r *Rule) FellTogether(pairs []Pair) (Finding, bool) {
	var was, fall stats.Moments
	for _, p := range pairs {
		was.Add(int64(math.Round(p.Was/unit)), 1)
		fall.Add(int64(math.Round((p.Was-p.Is)/unit)), 1)
	}
	before := stats.Mean(was, stats.Scale{High: 100, Unit: unit})
	f := Finding{Observed: stats.Mean(fall, stats.Scale{Low: -100, High: 100, Unit: unit}), Baseline: &before, Limit: r.Points}
	return f, f.Observed.Known && f.Observed.Value >= r.Points && f.Observed.Lower > 0
}
