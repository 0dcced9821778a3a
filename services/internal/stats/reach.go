package stats

import "math"

// Reach estimates what people are told by those that r counts: how many hear something
// good, good from each promoter, less how many hear something poor, poor from each
// detractor. The interval is the adjusted Wald of Rocks (2016) on the mean, as that of
// [NPS], which is 100 times the mean of good = poor = 1.
func Reach(r Recommendations, good, poor float64) Estimate {
	n := float64(r.N())
	e := grade(r.N(), MinShown)
	if !e.Known {
		return e
	}
	e.Value = good*float64(r.Promoters) - poor*float64(r.Detractors)
	size := n + npsAdded
	p, d := (float64(r.Promoters)+npsAdded/4.)/size, (float64(r.Detractors)+npsAdded/4.)/size
	mid := good*p - poor*d
	half := z * math.Sqrt((good*good*p+poor*poor*d-mid*mid)/size)
	e.within(MethodAdjustedWald, n*(mid-half), n*(mid+half), -n*poor, n*good)
	return e
}
