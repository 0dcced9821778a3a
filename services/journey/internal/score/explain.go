package score

// Explain returns the score as Replay does, and how many points each touchpoint
// moved it away from the baseline. The points add up to Value - Baseline but for
// rounding, whichever the aggregation. Touchpoints after asOf have 0.
//
// A stage's share of the distance is exact for the arithmetic mean, which is
// linear. For the geometric mean it is the logarithmic mean Divisia index: with
// L the logarithmic mean of J and J0, J - J0 = L Σ share ln(S/μ). In either
// case S - μ = Σ w(x-μ) / (Σw + κ) parts it among the touchpoints.
//
// With a peak-end share λ all this makes 1-λ of the points, and the peak and the end
// have λ/2 of their own distance from the baseline each.
func (m *Model) Explain(touches []Touch, asOf int64) (Result, []float64) {
	r := m.Latest(m.fold(touches, asOf), asOf)
	var rate [Stages]float64 // points for a weight of 1 a whole expectation above the prior
	for i, s := range r.Stages {
		rate[i] = s.Share / (s.Support + m.Kappa)
		if m.Aggregation == Geometric {
			rate[i] *= lnSlope(s.Mean, m.Prior[i]) / lnSlope(r.Value, r.Baseline)
		} else {
			rate[i] *= 100
		}
	}
	t := m.tally(asOf)
	points := make([]float64, len(touches))
	for i, touch := range touches {
		if touch.Time > asOf {
			continue
		}
		s := m.Add(touch)
		above := float64(s.WX) - float64(m.Prior[touch.Stage]*float64(s.W))
		points[i] = rate[touch.Stage] * t.scale(m.Bucket(touch.Time)) * above
	}
	if m.PeakEnd > 0 {
		moments := m.Moments(touches, asOf)
		moments.part(m, r.Baseline, points)
		r = m.Remember(r, moments)
	}
	return r, points
}
