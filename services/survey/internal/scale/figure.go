package scale

import "github.com/concentric-cx/concentric/services/internal/stats"

// nps is the net promoter score.
type nps struct{}

func (nps) of(h histogram) stats.Recommendations {
	return stats.Recommendations{Promoters: h.from(9), Passives: h.from(7) - h.from(9), Detractors: h.from(0) - h.from(7)}
}

func (f nps) estimate(h histogram, _ Scale) stats.Estimate { return f.of(h).NPS() }

func (f nps) standardized(all []stratum, _ Scale) stats.Estimate {
	strata := make([]stats.NPSStratum, len(all))
	for i, s := range all {
		strata[i] = stats.NPSStratum{Reference: s.reference, Recommendations: f.of(s.histogram)}
	}
	return stats.StandardizedNPS(strata).Estimate
}

func (f nps) compare(a, b histogram, _ Scale) stats.Difference {
	return stats.SubtractNPS(f.of(b), f.of(a))
}

func (f nps) variance(h histogram) float64        { return f.of(h).Variance() }
func (nps) worst(Scale) float64                   { return 1 }
func (nps) size(variance, margin float64) float64 { return stats.NPSSampleSize(variance, margin) }

// share is the part of answers from low to high.
type share struct{ low, high int32 }

func (f share) of(h histogram) (k, n int64) {
	for _, c := range h[f.low : f.high+1] {
		k += c
	}
	return k, h.from(0)
}

func (f share) estimate(h histogram, _ Scale) stats.Estimate { return stats.Wilson(f.of(h)) }

func (f share) standardized(all []stratum, _ Scale) stats.Estimate {
	strata := make([]stats.Stratum, len(all))
	for i, s := range all {
		k, n := f.of(s.histogram)
		strata[i] = stats.Stratum{Reference: s.reference, Moments: stats.Moments{N: n, Sum: k, SumSq: k}}
	}
	return stats.StandardizedShare(strata).Estimate
}

func (f share) compare(a, b histogram, s Scale) stats.Difference {
	return stats.Subtract(f.estimate(b, s), f.estimate(a, s))
}

func (f share) variance(h histogram) float64 {
	k, n := f.of(h)
	if n == 0 {
		return 0
	}
	p := float64(k) / float64(n)
	return p * (1 - p)
}

func (share) worst(Scale) float64                   { return .25 }
func (share) size(variance, margin float64) float64 { return stats.SampleSize(variance, margin) }

// mean is the mean of at least so many answers.
type mean struct{ least int64 }

func (mean) of(h histogram) (m stats.Moments) {
	for rating, n := range h {
		m.Add(int64(rating), n)
	}
	return m
}

func (f mean) bounds(s Scale) stats.Scale {
	return stats.Scale{Low: float64(s.Min), High: float64(s.Max), MinN: f.least}
}

func (f mean) estimate(h histogram, s Scale) stats.Estimate { return stats.Mean(f.of(h), f.bounds(s)) }

func (f mean) standardized(all []stratum, s Scale) stats.Estimate {
	strata := make([]stats.Stratum, len(all))
	for i, one := range all {
		strata[i] = stats.Stratum{Reference: one.reference, Moments: f.of(one.histogram)}
	}
	return stats.StandardizedMean(strata, f.bounds(s)).Estimate
}

func (f mean) compare(a, b histogram, s Scale) stats.Difference {
	return stats.Subtract(f.estimate(b, s), f.estimate(a, s))
}

func (f mean) variance(h histogram) float64 {
	m := f.of(h)
	if m.N < 2 {
		return 0
	}
	return m.Variance()
}

// worst is the variance where half of the answers are at each end.
func (mean) worst(s Scale) float64 {
	half := float64(s.Max-s.Min) / 2
	return half * half
}

func (mean) size(variance, margin float64) float64 { return stats.SampleSize(variance, margin) }
