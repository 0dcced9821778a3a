package stats

import (
	"cmp"
	"math"
	"slices"
)

// significance is the risk of calling two like figures different.
const significance = 2 * tail

// A Difference is how far two figures of independent samples lie apart.
type Difference struct {
	Value           float64
	Lower, Upper    float64
	Known           bool    // false where one of the two is
	Interval        bool    // false where one of the two has none, or one of no width
	P               float64 // two-sided; 1 without an interval
	Distinguishable bool
}

// Subtract compares a with b. The interval is put together from theirs by
// squaring and adding (Newcombe 1998, method 10; Zou and Donner 2008), so it
// serves shares, means, quantiles and scores alike, and P is that of the z which
// makes this interval just touch 0.
//
// Estimates whose intervals do not overlap are always distinguishable; those
// whose intervals do may be so as well, and looking at the overlap does not tell.
func Subtract(a, b Estimate) Difference {
	d := Difference{P: 1, Known: a.Known && b.Known}
	if !d.Known {
		return d
	}
	d.Value = a.Value - b.Value
	if !a.Interval || !b.Interval || a.Lower >= a.Upper || b.Lower >= b.Upper {
		return d
	}
	// A score may lie outside its own interval; it then has no arm on that side.
	down := math.Hypot(max(a.Value-a.Lower, 0), max(b.Upper-b.Value, 0))
	up := math.Hypot(max(a.Upper-a.Value, 0), max(b.Value-b.Lower, 0))
	d.Interval, d.Lower, d.Upper = true, d.Value-down, d.Value+up
	arm := down
	if d.Value < 0 {
		arm = up
	}
	if d.Value != 0 {
		d.P = math.Erfc(z * math.Abs(d.Value) / arm / math.Sqrt2)
	}
	d.Distinguishable = d.P < significance
	return d
}

// A Pair compares two of many estimates, by their position.
type Pair struct {
	A, B int
	Difference
}

// Pairs compares each estimate with all that follow it. P is Holm's, over all
// pairs that have an interval: the risk that any two like ones are called
// distinguishable is 5 % at most, however many there are.
func Pairs(estimates []Estimate) []Pair {
	var pairs []Pair
	var tested []int
	var p []float64
	for a := range estimates {
		for b := a + 1; b < len(estimates); b++ {
			d := Subtract(estimates[a], estimates[b])
			if d.Interval {
				tested, p = append(tested, len(pairs)), append(p, d.P)
			}
			pairs = append(pairs, Pair{a, b, d})
		}
	}
	for i, adjusted := range Holm(p) {
		d := &pairs[tested[i]].Difference
		d.P, d.Distinguishable = adjusted, adjusted < significance
	}
	return pairs
}

// Holm returns the p-values adjusted for being that many (Holm 1979), in the
// order they came in.
func Holm(p []float64) []float64 {
	order := make([]int, len(p))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(i, j int) int { return cmp.Compare(p[i], p[j]) })
	adjusted, least := make([]float64, len(p)), 0.0
	for rank, i := range order {
		least = max(least, min(float64(len(p)-rank)*p[i], 1))
		adjusted[i] = least
	}
	return adjusted
}
