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

	if lower, upper, ok := ranks(int64(len(sorted)), q); ok {
		e.within(MethodExact, float64(sorted[lower]), float64(sorted[upper]), math.Inf(-1), math.Inf(1))
	}
	return e
}

// manyRanks is from where on the normal distribution serves as well as the
// binomial one, and faster. From some 10^9 on the binomial loses its digits.
const manyRanks = 1_000_000

// ranks returns which of n sorted observations, from 0 on, hold the q-quantile
// between them with at least 95 %, and false where they are too few.
func ranks(n int64, q float64) (lower, upper int64, ok bool) {
	if n > manyRanks {
		mid, half := q*float64(n), z*math.Sqrt(q*(1-q)*float64(n))
		lower, upper = int64(mid-half), int64(math.Ceil(mid+half))
	} else {
		// The count of values at or under the true quantile is binomial.
		count := distuv.Binomial{N: float64(n), P: q}
		mid, half := q*float64(n), z*math.Sqrt(q*(1-q)*float64(n))
		lower = int64(search(int(n), int(mid-half), func(k int) bool { return count.CDF(float64(k)) > tail }))
		upper = int64(search(int(n), int(mid+half), func(k int) bool { return count.CDF(float64(k)) >= 1-tail }))
	}
	return lower - 1, upper, lower > 0 && upper < n
}

// search is [sort.Search], which calls f less often where guess is near.
func search(n, guess int, f func(int) bool) int {
	low, high, step := 0, n, 1
	guess = min(max(guess, 0), n-1)
	if f(guess) {
		high = guess
		for guess-step >= 0 && f(guess-step) {
			high, step = guess-step, 2*step
		}
		low = max(guess-step+1, 0)
	} else {
		low = guess + 1
		for guess+step < n && !f(guess+step) {
			low, step = guess+step+1, 2*step
		}
		high = min(guess+step, n)
	}
	return low + sort.Search(high-low, func(i int) bool { return f(low + i) })
}
