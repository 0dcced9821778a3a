package stats

import (
	"cmp"
	"math"
	"slices"
)

// A point is some like observations: their value, the bounds of what they were
// read from, what they weigh together and what one of them weighs.
type point struct{ value, low, high, weight, one float64 }

// WeightedQuantile estimates the q-quantile, 0 < q < 1, of values that count by
// their weights, one for each, in any order; those of no weight do not count. The
// value is interpolated as by Quantile, which it equals where all weigh the same
// (Akinshin 2023, type 7, with Kish's effective size). The interval is Woodruff's
// (1952): where the distribution passes the ends of the interval of the share q.
func WeightedQuantile(values, weights []float64, q float64) Estimate {
	var points []point
	total, squares := 0.0, 0.0
	for i, v := range values {
		if w := weights[i]; w > 0 {
			points = append(points, point{v, v, v, w, w})
			total += w
			squares += w * w
		}
	}
	e := grade(int64(len(points)), MinShown)
	if !e.Known {
		return e
	}
	e.EffectiveN = min(total*total/squares, float64(len(points)))
	if e.Quality == QualityOK && e.EffectiveN < MinSound {
		e.Quality = QualitySmallSample
	}
	byValue(points)
	e.Value = quantileOf(points, q, e.EffectiveN)
	spread, over := 0.0, float64(len(points))
	for _, p := range points {
		off := q
		if p.value <= e.Value {
			off = 1 - q
		}
		spread += p.weight * p.weight * off * off
	}
	half := z * math.Sqrt(spread*over/(over-1)) / total
	e.woodruff(points, q, half)
	return e
}

// A DurationStratum is a Stratum of durations.
type DurationStratum struct {
	Reference float64
	Observed  *Durations // nil is none
}

// StandardizedQuantile estimates the q-quantile in nanoseconds of all strata
// mixed as in the reference population, with Woodruff's interval. It is smoothed
// like that of StandardizedShare, so it is wide where a stratum lies wholly on one
// side. Where a stratum is a sketch the value is off by at most 1 %, and the
// interval is widened by that. Variance follows from the interval, and is 0
// without one.
func StandardizedQuantile(strata []DurationStratum, q float64) Standardized {
	counted := make([]Stratum, len(strata))
	for i, m := range strata {
		counted[i].Reference = m.Reference
		if m.Observed != nil {
			counted[i].N = m.Observed.Count()
		}
	}
	w, s := weigh(counted)
	if !s.Known {
		return s
	}
	var points []point
	for i, m := range strata {
		if w[i] == 0 {
			continue
		}
		each := w[i] / float64(counted[i].N)
		m.Observed.each(func(value, low, high float64, count int64) {
			points = append(points, point{value, low, high, each * float64(count), each})
		})
	}
	byValue(points)
	s.Value = quantileOf(points, q, s.EffectiveN)
	for i, m := range strata {
		if w[i] == 0 {
			continue
		}
		m.Observed.each(func(value, _, _ float64, count int64) {
			if value <= s.Value {
				counted[i].Sum += count
			}
		})
	}
	size, _ := shareSize(counted, w)
	s.woodruff(points, q, z*math.Sqrt(q*(1-q)/size))
	s.Variance = math.Pow((s.Upper-s.Lower)/(2*z), 2)
	return s
}

func byValue(points []point) {
	slices.SortFunc(points, func(a, b point) int { return cmp.Compare(a.value, b.value) })
}

// quantileOf averages the sorted points over a window of 1/n of their weight,
// which is what interpolating between neighbors does among n equal ones.
func quantileOf(points []point, q, n float64) float64 {
	total := 0.0
	for _, p := range points {
		total += p.weight
	}
	start := q * (n - 1) / n * total
	end := start + total/n
	sum, weight, passed := 0.0, 0.0, 0.0
	for _, p := range points {
		share := min(passed+p.weight, end) - max(passed, start)
		passed += p.weight
		if share > 0 {
			sum += share * p.value
			weight += share
		}
	}
	return min(max(sum/weight, points[0].value), points[len(points)-1].value)
}

// woodruff gives e the interval from the last observation up to which the share
// of the sorted points is at most q-half, to the first one before which it is at
// least q+half. Without such observations there is none.
func (e *Estimate) woodruff(points []point, q, half float64) {
	total := 0.0
	for _, p := range points {
		total += p.weight
	}
	from, to := (q-half)*total, (q+half)*total
	lower, upper, passed := math.Inf(-1), math.Inf(1), 0.0
	for _, p := range points {
		if passed+p.one <= from {
			lower = p.low
		}
		passed += p.weight
		if passed-p.one >= to {
			upper = min(upper, p.high)
		}
	}
	if !math.IsInf(lower, 0) && !math.IsInf(upper, 0) {
		e.within(MethodWoodruff, min(lower, e.Value), max(upper, e.Value), math.Inf(-1), math.Inf(1))
	}
}
