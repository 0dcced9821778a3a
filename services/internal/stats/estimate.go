// Package stats turns counts into estimates: a number, its 95 % interval, and
// how far to trust it. It is pure and knows no service's types; everything in
// it but Durations is safe for concurrent use.
//
// Each service reports shares, means, quantiles and NPS. They share one rule
// for small samples, so that no view shows what another one hides.
package stats

// A Method says how an interval was found.
type Method int

// The methods of the services' estimates.
const (
	MethodNone         Method = iota // no interval
	MethodWilson                     // score interval of a share
	MethodAdjustedWald               // Wald after adding three answers, for NPS
	MethodStudentT                   // mean of a sample
	MethodDelta                      // propagated from the parts of a composed figure
	MethodExact                      // order statistics for a quantile, conditional binomial for a ratio of rates
	MethodBetaBinomial               // posterior of a share, given what the groups have in common
	MethodNormalNormal               // posterior of a mean, given what the groups have in common
	MethodSketch                     // order statistics read from a sketch, widened by its error
	MethodWoodruff                   // quantile of a weighted sample
	MethodGoodman                    // simultaneous intervals of several shares
)

// A Quality says how far to trust an estimate.
type Quality int

// The zero Quality is NoData, as the zero Estimate has none.
const (
	QualityNoData      Quality = iota // nothing was counted
	QualitySuppressed                 // too few to show; people could be guessed
	QualitySmallSample                // shown with a warning
	QualityOK
)

// Below MinShown a figure is hidden, below MinSound it is a small sample.
const (
	MinShown = 5
	MinSound = 30
)

// z is the two-sided 95 % quantile of the normal distribution.
const z = 1.959963984540054

// tail is what every interval leaves out on each side.
const tail = 0.025

// An Estimate is a number with its 95 % interval. The zero Estimate has no
// data and no value.
type Estimate struct {
	Value        float64
	Lower, Upper float64
	Known        bool // false without data, or where the value is suppressed
	Interval     bool // false where no interval can be given; Lower and Upper are then 0
	N            int64
	EffectiveN   float64 // N after weighting; equal to N where nothing is weighted
	Method       Method
	Quality      Quality
}

// Times returns e in a unit of which one of its own is worth factor, above 0:
// nanoseconds become seconds by 1e-9.
func (e Estimate) Times(factor float64) Estimate {
	e.Value, e.Lower, e.Upper = e.Value*factor, e.Lower*factor, e.Upper*factor
	return e
}

// grade returns the estimate of n observations with everything but its value
// and interval. Below minShown it stays unknown.
func grade(n, minShown int64) Estimate {
	e := Estimate{N: max(n, 0), EffectiveN: float64(max(n, 0))}
	switch {
	case n <= 0:
		e.Quality = QualityNoData
	case n < max(minShown, MinShown):
		e.Quality = QualitySuppressed
	case n < MinSound:
		e.Known, e.Quality = true, QualitySmallSample
	default:
		e.Known, e.Quality = true, QualityOK
	}
	return e
}

// within gives e its interval, cut to [low, high].
func (e *Estimate) within(m Method, lower, upper, low, high float64) {
	e.Method, e.Interval = m, true
	e.Lower, e.Upper = max(lower, low), min(upper, high)
}
