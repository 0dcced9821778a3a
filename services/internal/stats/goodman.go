package stats

import "math"

// Goodman estimates the share of each of several classes, with intervals that hold all
// together at 95 % (Goodman 1965): Wilson's, at a level that Bonferroni's inequality
// sets. A count below 0 counts as 0.
func Goodman(counts []int64) []Estimate {
	var n int64
	for _, k := range counts {
		n += max(k, 0)
	}
	each := -math.Sqrt2 * math.Erfcinv(2-2*tail/float64(max(len(counts), 1)))
	all := make([]Estimate, len(counts))
	for i, k := range counts {
		all[i] = grade(n, MinShown)
		if all[i].Known {
			all[i].score(MethodGoodman, float64(max(k, 0))/float64(n), float64(n), math.Abs(each))
		}
	}
	return all
}
