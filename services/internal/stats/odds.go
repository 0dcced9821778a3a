package stats

import "math"

// A Count is so many of a group.
type Count struct{ K, N int64 }

// OddsRatio estimates how many times the odds of b those of a are, with Woolf's interval
// (1955): that of the logarithm is normal. Where one of the four counts is 0, half a one is
// added to each for the interval (Haldane 1956), which then reaches down to 0. It is graded by the smaller group, and unknown where b has no odds or a's are
// infinite. A K outside [0, N] counts as the nearer end.
func OddsRatio(a, b Count) Estimate {
	e := grade(min(a.N, b.N), MinShown)
	e.N = max(a.N, 0) + max(b.N, 0)
	e.EffectiveN = float64(e.N)
	if !e.Known {
		return e
	}
	with, without := a.split()
	against, neither := b.split()
	if without == 0 || against == 0 {
		e.Known = false
		return e
	}
	e.Value = with * neither / (without * against)
	more := 0.0
	if with == 0 || neither == 0 {
		more = 0.5
	}
	mid := math.Log((with + more) * (neither + more) / ((without + more) * (against + more)))
	half := z * math.Sqrt(1/(with+more)+1/(without+more)+1/(against+more)+1/(neither+more))
	lower := math.Exp(mid - half)
	if e.Value == 0 {
		lower = 0
	}
	e.within(MethodDelta, lower, math.Exp(mid+half), 0, math.Inf(1))
	return e
}

// split returns how many have it and how many do not.
func (c Count) split() (with, without float64) {
	k := min(max(c.K, 0), c.N)
	return float64(k), float64(c.N - k)
}
