package score

import "cmp"

// Moments are what somebody remembers of a journey: the touchpoint furthest from
// what was expected, and the last one. The zero value remembers nothing.
type Moments struct {
	Known     bool
	Peak, End float64 // their values, 0 to 1
	peak, end int     // their places among the touches
}

// Moments finds the moments of one customer's touches as of asOf. They do not
// depend on the order of touches. The peak has the greatest decayed weight times
// distance from its stage's prior; of equal ones the later counts, then the worse.
// The end is the last touchpoint; of those at the same instant the worst.
func (m *Model) Moments(touches []Touch, asOf int64) Moments {
	var x Moments
	for i, t := range touches {
		switch {
		case t.Time > asOf:
		case !x.Known:
			x = Moments{Known: true, peak: i, end: i}
		default:
			if m.furthest(t, touches[x.peak]) > 0 {
				x.peak = i
			}
			if last(t, touches[x.end]) > 0 {
				x.end = i
			}
		}
	}
	if x.Known {
		x.Peak, x.End = touches[x.peak].Value, touches[x.end].Value
	}
	return x
}

// furthest orders touchpoints by how far they are from what was expected. All decay
// alike, so the as-of time has no say.
func (m *Model) furthest(a, b Touch) int {
	return cmp.Or(m.compareIntensity(a, b), last(a, b))
}

// last orders touchpoints by time; of the same time, the worst is the last.
func last(a, b Touch) int {
	return cmp.Or(cmp.Compare(a.Time, b.Time), cmp.Compare(b.Value, a.Value))
}

// compareIntensity brings the older of two down to the bucket of the other.
func (m *Model) compareIntensity(a, b Touch) int {
	bucketA, intoA := m.locate(a.Time)
	bucketB, intoB := m.locate(b.Time)
	top := max(bucketA, bucketB)
	return cmp.Compare(
		m.intensity(a, intoA)*pow2(bucketA-top),
		m.intensity(b, intoB)*pow2(bucketB-top),
	)
}

func (m *Model) intensity(t Touch, into float64) float64 {
	off := t.Value - m.Prior[t.Stage]
	return t.Weight * exp2(into) * max(off, -off)
}

// Remember returns r, a score without moments, with its peak-end share
//
//	J' = (1-λ) J + λ 100 (peak + end) / 2
//
// in its value and its interval: the moments are what they are, so they add nothing
// to its width. Without moments, or where the model has no such share, it is r.
func (m *Model) Remember(r Result, x Moments) Result {
	if !x.Known || m.PeakEnd == 0 {
		return r
	}
	rest := 1 - m.PeakEnd
	recalled := float64(m.PeakEnd * 50 * float64(x.Peak+x.End))
	r.Value = float64(rest*r.Value) + recalled
	r.Lower = float64(rest*r.Lower) + recalled
	r.Upper = float64(rest*r.Upper) + recalled
	return r
}

// part makes the points of a score without moments those of one with them.
func (x Moments) part(m *Model, baseline float64, points []float64) {
	if !x.Known {
		return
	}
	for i := range points {
		points[i] *= 1 - m.PeakEnd
	}
	points[x.peak] += m.PeakEnd / 2 * (float64(100*x.Peak) - baseline)
	points[x.end] += m.PeakEnd / 2 * (float64(100*x.End) - baseline)
}
