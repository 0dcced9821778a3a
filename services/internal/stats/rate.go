package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// A Rate is a count of events in an exposure, such as tickets of so many active
// customers. Exposures compared must be in the same unit.
type Rate struct {
	Events   int64
	Exposure float64
}

// Ratio estimates how many times the rate of b that of a is, as the counts of two
// Poisson processes: given their sum, the count of a is binomial, and Clopper and
// Pearson's interval of its share gives that of the ratio (Przyborowski and
// Wilenski 1940). It is unknown where b has no events, or either no exposure.
func Ratio(a, b Rate) Estimate {
	e := grade(max(a.Events, 0)+max(b.Events, 0), MinShown)
	if !e.Known {
		return e
	}
	if b.Events <= 0 || a.Exposure <= 0 || b.Exposure <= 0 {
		e.Known = false
		return e
	}
	x, y := float64(max(a.Events, 0)), float64(b.Events)
	odds := b.Exposure / a.Exposure
	e.Value = x / y * odds
	lower := 0.0
	if x > 0 {
		share := distuv.Beta{Alpha: x, Beta: y + 1}.Quantile(tail)
		lower = share / (1 - share) * odds
	}
	share := distuv.Beta{Alpha: x + 1, Beta: y}.Quantile(1 - tail)
	e.within(MethodExact, lower, share/(1-share)*odds, 0, math.Inf(1))
	return e
}

// Estimate is how many events there are in so many units of exposure, as the count of a
// Poisson process, with Garwood's exact interval (1936). It is unknown with fewer than MinShown
// units, who could be guessed.
func (r Rate) Estimate(units float64) Estimate {
	e := grade(int64(r.Exposure), MinShown)
	if !e.Known {
		return e
	}
	x, per := float64(max(r.Events, 0)), units/r.Exposure
	lower := 0.0
	if x > 0 {
		lower = distuv.Gamma{Alpha: x, Beta: 1}.Quantile(tail)
	}
	e.Value = x * per
	e.within(MethodExact, lower*per, distuv.Gamma{Alpha: x + 1, Beta: 1}.Quantile(1-tail)*per, 0, math.Inf(1))
	return e
}

// RatioP is the two-sided p of equal rates by the test that the interval of [Ratio] belongs to: below 0.05
// where that does not hold 1. It is 1 where one has no exposure or neither has events.
func RatioP(a, b Rate) float64 {
	x, y := float64(max(a.Events, 0)), float64(max(b.Events, 0))
	if x+y == 0 || a.Exposure <= 0 || b.Exposure <= 0 {
		return 1
	}
	share := a.Exposure / (a.Exposure + b.Exposure)
	atMost, atLeast := 1.0, 1.0 // of a's events, by the beta distribution, which is the binomial's sum
	if y > 0 {
		atMost = 1 - distuv.Beta{Alpha: x + 1, Beta: y}.CDF(share)
	}
	if x > 0 {
		atLeast = distuv.Beta{Alpha: x, Beta: y + 1}.CDF(share)
	}
	return min(1, 2*min(atMost, atLeast))
}
