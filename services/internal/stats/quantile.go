package stats

import (
	"math"
	"sort"

	"gonum.org/v1/gonum/stat/distuv"
)

// Quantile estimates the q-quantile, 0 < q < 1, of values in ascending order,
// in their unit. The value is interpolated between neighbors; the interval runs
// from one observation to another and covers the true quantile with at least
// 95 %, whatever the distribution. Too few values on one side (fewer than 6 in
// all for a median) leave it without an interval.
func Quantile[T ~int64 | ~float64](sorted []T, q float64) Estimate {
	e := grade(int64(len(sorted)), MinShown)
	if !e.Known {
		return e
	}
	at := q * float64(len(sorted)-1)
	below := int(at)
	above := min(below+1, len(sorted)-1)
	low, high := float64(sorted[below]), float64(sorted[above])
	e.Value = low + (at-float64(below))*(high-low)

	// The count of values at or under the true quantile is binomial.
	count := distuv.Binomial{N: float64(len(sorted)), P: q}
	lower := sort.Search(len(sorted), func(k int) bool { return count.CDF(float64(k)) > tail })
	upper := sort.Search(len(sorted), func(k int) bool { return count.CDF(float64(k)) >= 1-tail })
	if lower == 0 || upper == len(sorted) {
		return e
	}
	e.within(MethodExact, float64(sorted[lower-1]), float64(sorted[upper]), math.Inf(-1), math.Inf(1))
	return e
}
