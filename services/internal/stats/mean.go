package stats

import (
	"math"
	"math/bits"

	"gonum.org/v1/gonum/stat/distuv"
)

// Moments is what a mean needs of its observations. They are whole numbers, so
// the sums are exact and do not depend on order. The zero value is empty.
// N times SumSq may pass 64 bits; Sum and SumSq must not.
type Moments struct {
	N, Sum, SumSq int64
}

// Add counts x, times over.
func (m *Moments) Add(x, times int64) {
	m.N += times
	m.Sum += x * times
	m.SumSq += x * x * times
}

// A Scale says what the numbers in Moments stand for.
type Scale struct {
	Low, High float64 // the interval is cut to them; no bounds if they are equal
	Unit      float64 // what a step of 1 is worth, for fractions; zero means 1
	MinN      int64   // fewer are suppressed; MinShown if that is more
}

// bounds returns what the zero values of s stand for.
func (s Scale) bounds() (unit, low, high float64) {
	unit, low, high = s.Unit, s.Low, s.High
	if unit == 0 {
		unit = 1
	}
	if low == high {
		low, high = math.Inf(-1), math.Inf(1)
	}
	return unit, low, high
}

// Mean estimates the mean with Student's t interval. Answers that are all equal
// have no spread, and so an interval of no width.
func Mean(m Moments, s Scale) Estimate {
	e := grade(m.N, s.MinN)
	if !e.Known {
		return e
	}
	unit, low, high := s.bounds()
	n := float64(m.N)
	t := student(n - 1)
	half := t * unit * math.Sqrt(m.spread()/(n*n*(n-1)))
	e.Value = unit * float64(m.Sum) / n
	e.within(MethodStudentT, e.Value-half, e.Value+half, low, high)
	return e
}

// manyDegrees is from where on the expansion of Student's quantile is as exact as a
// float can be.
const manyDegrees = 1000

// student returns the quantile of Student's t distribution that bounds 95 %, for many
// degrees of freedom by its expansion around the normal one (Abramowitz and Stegun
// 1964, 26.7.5), which takes no time.
func student(nu float64) float64 {
	if nu < manyDegrees {
		return distuv.StudentsT{Mu: 0, Sigma: 1, Nu: nu}.Quantile(1 - tail)
	}
	const z2 = z * z
	const (
		g1 = z * (z2 + 1) / 4
		g2 = z * ((5*z2+16)*z2 + 3) / 96
		g3 = z * (((3*z2+19)*z2+17)*z2 - 15) / 384
		g4 = z * ((((79*z2+776)*z2+1482)*z2-1920)*z2 - 945) / 92160
	)
	return z + (g1+(g2+(g3+g4/nu)/nu)/nu)/nu
}

// spread returns N*SumSq - Sum², which is N²(N-1) times the squared standard
// error. In floats the difference of two like numbers would lose its digits.
func (m Moments) spread() float64 {
	sum := uint64(max(m.Sum, -m.Sum))
	hi, lo := bits.Mul64(uint64(m.N), uint64(m.SumSq))
	subHi, subLo := bits.Mul64(sum, sum)
	lo, borrow := bits.Sub64(lo, subLo, 0)
	hi, _ = bits.Sub64(hi, subHi, borrow)
	return math.Ldexp(float64(hi), 64) + float64(lo)
}

// Variance returns the variance of at least two observations.
func (m Moments) Variance() float64 { return m.spread() / (float64(m.N) * float64(m.N-1)) }
