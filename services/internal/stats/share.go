package stats

import "math"

// Wilson estimates the share k/n with the Wilson score interval (Newcombe
// 1998), which lies in [0, 1] and always holds the share. A k outside [0, n]
// counts as the nearer end.
func Wilson(k, n int64) Estimate {
	e := grade(n, MinShown)
	if !e.Known {
		return e
	}
	k = min(max(k, 0), n)
	e.wilson(float64(k)/float64(n), float64(n))
	return e
}

// wilson gives e the share p of a sample of this size, and its interval.
func (e *Estimate) wilson(p, size float64) { e.score(MethodWilson, p, size, z) }

// score is wilson with the interval that z makes.
func (e *Estimate) score(m Method, p, size, z float64) {
	mid := p + z*z/(2*size)
	half := z * math.Sqrt(p*(1-p)/size+z*z/(4*size*size))
	scale := 1 + z*z/size
	e.Value = p
	e.within(m, (mid-half)/scale, (mid+half)/scale, 0, 1)
	if p == 0 {
		e.Lower = 0 // where rounding leaves a trace
	}
	if p == 1 {
		e.Upper = 1
	}
}

// NPS estimates the Net Promoter Score, -100 to 100, of a count of answers 9-10,
// 7-8 and 0-6. The value is the raw score. The interval is the adjusted Wald of
// Rocks (2016), three answers added, cut to the range; unlike the plain one it
// has a width when all answers are equal. Negative counts are taken as 0.
func NPS(promoters, passives, detractors int64) Estimate {
	promoters, passives, detractors = max(promoters, 0), max(passives, 0), max(detractors, 0)
	n := promoters + passives + detractors
	e := grade(n, MinShown)
	if !e.Known {
		return e
	}
	e.Value = 100 * float64(promoters-detractors) / float64(n)
	mid, variance := Recommendations{promoters, passives, detractors}.adjusted()
	half := z * math.Sqrt(variance)
	e.within(MethodAdjustedWald, 100*(mid-half), 100*(mid+half), -100, 100)
	return e
}
