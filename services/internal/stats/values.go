package stats

import (
	"maps"
	"math"
	"slices"
)

// Values collects numbers of which many are alike, such as ratings, by how often each
// was seen: what follows from them does not depend on their order. The zero value is
// empty. One goroutine may use it at a time.
type Values struct {
	counts map[float64]int64
	n      int64
}

// Add takes one more number.
func (v *Values) Add(x float64) {
	if v.counts == nil {
		v.counts = map[float64]int64{}
	}
	v.counts[x]++
	v.n++
}

// moments returns the mean and the sums of the second and fourth powers of what lies
// between it and the numbers.
func (v *Values) moments() (mean, second, fourth float64) {
	sorted := slices.Sorted(maps.Keys(v.counts))
	for _, x := range sorted {
		mean += float64(x * float64(v.counts[x]))
	}
	mean /= float64(v.n)
	for _, x := range sorted {
		d := float64((x - mean) * (x - mean))
		second += float64(d * float64(v.counts[x]))
		fourth += float64(float64(d*d) * float64(v.counts[x]))
	}
	return mean, second, fourth
}

// Mean estimates the mean with Student's t interval, as the function [Mean] does. The
// unit of s is left aside.
func (v *Values) Mean(s Scale) Estimate {
	e := grade(v.n, s.MinN)
	if !e.Known {
		return e
	}
	_, low, high := s.bounds()
	mean, second, _ := v.moments()
	n := float64(v.n)
	half := student(n-1) * math.Sqrt(second/(n*(n-1)))
	e.Value = mean
	e.within(MethodStudentT, mean-half, mean+half, low, high)
	return e
}

// Spread estimates the standard deviation. Its interval is that of the logarithm by the
// delta method, with the fourth moment of the numbers, whatever their distribution; of
// numbers that are all equal it has no width.
func (v *Values) Spread() Estimate {
	e := grade(v.n, MinShown)
	if !e.Known {
		return e
	}
	_, second, fourth := v.moments()
	n := float64(v.n)
	variance := second / (n - 1)
	e.Value = math.Sqrt(variance)
	half := 0.0
	if variance > 0 {
		of := (fourth/n - float64(variance*variance)*(n-3)/(n-1)) / n // the variance of the variance
		half = z * math.Sqrt(max(of, 0)) / (2 * variance)
	}
	e.within(MethodDelta, e.Value*math.Exp(-half), e.Value*math.Exp(half), 0, math.Inf(1))
	return e
}
