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
