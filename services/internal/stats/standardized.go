package stats

import (
	"math"
)

// A Stratum is one kind of case: the reference population has Reference of them,
// and Moments says what was observed. For a share of k in n observations, both
// Sum and SumSq are k.
type Stratum struct {
	Reference float64
	Moments
}

// Standardized is what a figure would be if the cases were mixed as in the
// reference population (direct standardization). Strata without observations
// drop out and the others stand for them.
type Standardized struct {
	Estimate
	Variance float64 // of Value
	Covered  float64 // the part of the reference population whose strata have observations
}

// StandardizedShare estimates a share. Its interval is Wilson's at the effective
// sample size, so it lies in [0, 1]: the size at which a plain share would have
// the variance of this one (Korn and Graubard 1998). For that size, and for it
// alone, each stratum counts half a success and half a failure more, as one of
// two observations that agree would have no variance.
func StandardizedShare(strata []Stratum) Standardized {
	w, s := weigh(strata)
	if !s.Known {
		return s
	}
	p, k := 0.0, int64(0)
	for i, m := range strata {
		if w[i] > 0 {
			p += w[i] * float64(m.Sum) / float64(m.N)
			k += m.Sum
		}
	}
	if k == 0 || k == s.N {
		p = float64(k / s.N) // which rounded weights would miss
	}
	var size float64
	size, s.Variance = shareSize(strata, w)
	s.wilson(p, size)
	return s
}

// shareSize returns the effective sample size of a standardized share, and its
// variance, both smoothed.
func shareSize(strata []Stratum, w []float64) (size, variance float64) {
	p := 0.0
	for i, m := range strata {
		if w[i] > 0 {
			n := float64(m.N)
			smooth := (float64(m.Sum) + 0.5) / (n + 1)
			p += w[i] * smooth
			variance += w[i] * w[i] * smooth * (1 - smooth) / n
		}
	}
	return p * (1 - p) / variance, variance
}

// StandardizedMean estimates a mean. Its interval is Student's t with the degrees
// of freedom of Satterthwaite (1946), cut at the scale. A stratum of one
// observation has the variance of all others together.
func StandardizedMean(strata []Stratum, scale Scale) Standardized {
	w, s := weigh(strata)
	if !s.Known || s.N < scale.MinN {
		return s.suppressed()
	}
	pooled := within(strata, w)
	unit, low, high := scale.bounds()
	mean, variance, freedom := 0.0, 0.0, 0.0
	for i, m := range strata {
		if w[i] == 0 {
			continue
		}
		mean += w[i] * float64(m.Sum) / float64(m.N)
		own, degrees := pooled.variance, pooled.degrees
		if m.N > 1 {
			own, degrees = m.Variance(), float64(m.N-1)
		}
		part := w[i] * w[i] * own / float64(m.N)
		variance += part
		freedom += part * part / degrees
	}
	half := 0.0
	if variance > 0 {
		nu := max(variance*variance/freedom, 1)
		half = student(nu) * unit * math.Sqrt(variance)
	}
	s.Value, s.Variance = unit*mean, unit*unit*variance
	s.Estimate.within(MethodStudentT, s.Value-half, s.Value+half, low, high)
	return s
}

// spreadInside is the variance of observations around the mean of their group.
type spreadInside struct{ variance, degrees float64 }

// within returns the spread inside the strata of some weight. Where none has two
// observations it is that around their common mean.
func within(strata []Stratum, w []float64) spreadInside {
	var all Moments
	squares, degrees := 0.0, 0.0
	for i, m := range strata {
		if w[i] == 0 {
			continue
		}
		all.N, all.Sum, all.SumSq = all.N+m.N, all.Sum+m.Sum, all.SumSq+m.SumSq
		if m.N > 1 {
			squares += m.spread() / float64(m.N)
			degrees += float64(m.N - 1)
		}
	}
	if degrees == 0 {
		return spreadInside{all.Variance(), float64(all.N - 1)}
	}
	return spreadInside{squares / degrees, degrees}
}

// weigh returns the weight of each stratum, 0 without observations, and a result
// without its value.
func weigh(strata []Stratum) ([]float64, Standardized) {
	total, covered, n := 0.0, 0.0, int64(0)
	for _, m := range strata {
		total += max(m.Reference, 0)
		if m.Reference > 0 && m.N > 0 {
			covered += m.Reference
			n += m.N
		}
	}
	s := Standardized{Estimate: grade(n, MinShown)}
	if n == 0 {
		return nil, s
	}
	w, squares := make([]float64, len(strata)), 0.0
	for i, m := range strata {
		if m.Reference > 0 && m.N > 0 {
			w[i] = m.Reference / covered
			squares += w[i] * w[i] / float64(m.N)
		}
	}
	s.Covered = covered / total
	s.EffectiveN = min(1/squares, float64(n))
	if s.Quality == QualityOK && s.EffectiveN < MinSound {
		s.Quality = QualitySmallSample
	}
	return w, s
}

// suppressed returns s as it is where nothing may be told, and hides the rest.
func (s Standardized) suppressed() Standardized {
	if s.Known {
		s.Known, s.Quality = false, QualitySuppressed
	}
	return s
}
