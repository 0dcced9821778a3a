package stats

import "math"

// npsAdded is how many answers the adjusted Wald interval adds, a quarter of them
// passives.
const npsAdded = 3

// Recommendations counts answers to how likely one is to recommend something: 9-10,
// 7-8 and 0-6.
type Recommendations struct{ Promoters, Passives, Detractors int64 }

// NPS estimates the score of r; see [NPS].
func (r Recommendations) NPS() Estimate { return NPS(r.Promoters, r.Passives, r.Detractors) }

// N is how many answers there are.
func (r Recommendations) N() int64 { return r.Promoters + r.Passives + r.Detractors }

// Variance returns that of -1, 0 and 1, or 0 without answers.
func (r Recommendations) Variance() float64 {
	if r.N() == 0 {
		return 0
	}
	n := float64(r.N())
	p, d := float64(r.Promoters)/n, float64(r.Detractors)/n
	return p + d - (p-d)*(p-d)
}

// npsOf returns the middle and the variance of the adjusted Wald interval of shares
// seen in n answers.
func npsOf(promoters, detractors, n float64) (mid, variance float64) {
	size := n + npsAdded
	p := (promoters*n + npsAdded/4.) / size
	d := (detractors*n + npsAdded/4.) / size
	return p - d, (p + d - (p-d)*(p-d)) / size
}

// adjusted returns the same of r, of which there are some.
func (r Recommendations) adjusted() (mid, variance float64) {
	n := float64(r.N())
	return npsOf(float64(r.Promoters)/n, float64(r.Detractors)/n, n)
}

// SubtractNPS compares the scores of a and b, of independent samples, by the adjusted
// Wald interval: their variances are added. The value is that of the raw scores. Unlike
// [Subtract] it has an interval where all answers of a side are equal.
func SubtractNPS(a, b Recommendations) Difference {
	x, y := a.NPS(), b.NPS()
	d := Difference{P: 1, Known: x.Known && y.Known}
	if !d.Known {
		return d
	}
	d.Value = x.Value - y.Value
	midA, varA := a.adjusted()
	midB, varB := b.adjusted()
	mid, deviation := 100*(midA-midB), 100*math.Sqrt(varA+varB)
	d.Interval, d.Lower, d.Upper = true, max(mid-z*deviation, -200), min(mid+z*deviation, 200)
	d.P = math.Erfc(math.Abs(mid) / deviation / math.Sqrt2)
	d.Distinguishable = d.P < significance
	return d
}

// An NPSStratum is a Stratum of recommendations.
type NPSStratum struct {
	Reference float64
	Recommendations
}

// StandardizedNPS estimates the score, with the adjusted Wald interval of the effective
// number of answers.
func StandardizedNPS(strata []NPSStratum) Standardized {
	counted := make([]Stratum, len(strata))
	for i, m := range strata {
		counted[i].Reference, counted[i].N = m.Reference, m.N()
	}
	w, s := weigh(counted)
	if !s.Known {
		return s
	}
	promoters, detractors := 0.0, 0.0
	for i, m := range strata {
		if w[i] > 0 {
			promoters += w[i] * float64(m.Promoters) / float64(m.N())
			detractors += w[i] * float64(m.Detractors) / float64(m.N())
		}
	}
	mid, variance := npsOf(promoters, detractors, s.EffectiveN)
	half := z * math.Sqrt(variance)
	s.Value, s.Variance = 100*(promoters-detractors), 1e4*variance
	s.within(MethodAdjustedWald, 100*(mid-half), 100*(mid+half), -100, 100)
	return s
}
