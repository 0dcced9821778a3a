package stats

import "math"

// SampleSize returns how many observations of this variance, above 0 as the margin
// is, give an interval of plus or minus the margin: z² variance / margin², rounded up.
// It is +Inf where that is more than a number can tell.
func SampleSize(variance, margin float64) float64 {
	return max(math.Ceil(z*z*variance/(margin*margin)), 1)
}

// NPSSampleSize returns the same for NPS, whose interval takes three answers for
// granted (Rocks 2016). The variance is that of -1, 0 and 1, and the margin in points.
func NPSSampleSize(variance, margin float64) float64 {
	share := margin / 100
	return max(math.Ceil(z*z*variance/(share*share)-npsAdded), 1)
}
