package driver

import "math"

// tiny is what is left of a variance of 1 where the rest is rounding.
const tiny = 1e-9

// A correlation is the correlations of p predictors with each other and with the
// outcome.
type correlation struct {
	p int
	r [][]float64
	y []float64
}

// newCorrelation is for so many variables, the outcome the last of them.
func newCorrelation(width int) *correlation {
	c := &correlation{p: width - 1, r: square(width - 1), y: make([]float64, width-1)}
	return c
}

func square(p int) [][]float64 {
	all := make([]float64, p*p)
	rows := make([][]float64, p)
	for i := range rows {
		rows[i], all = all[:p:p], all[p:]
	}
	return rows
}

// from computes c from sums. A variable without variance goes with none.
func (c *correlation) from(s sums) {
	width := c.p + 1
	n := s[0]
	scale := make([]float64, width)
	for i := range width {
		if v := s.product(width, i, i) - float64(s[1+i]*s[1+i])/n; v > tiny*n {
			scale[i] = 1 / math.Sqrt(v)
		}
	}
	at := func(i, j int) float64 {
		v := s.product(width, i, j) - float64(s[1+i]*s[1+j])/n
		return min(max(float64(v*scale[i])*scale[j], -1), 1)
	}
	for i := range c.p {
		for j := range i {
			c.r[i][j] = at(i, j)
			c.r[j][i] = c.r[i][j]
		}
		c.r[i][i] = 1
		c.y[i] = at(i, c.p)
	}
}

// explained returns R² of the outcome on the predictors that in picks.
func (c *correlation) explained(in func(int) bool) float64 {
	var members []int
	for i := range c.p {
		if in(i) {
			members = append(members, i)
		}
	}
	lower, z := square(len(members)), make([]float64, len(members))
	r2 := 0.0
	for a, i := range members {
		left, rest := 1.0, c.y[i]
		for b, j := range members[:a] {
			v := c.r[i][j]
			for k := range b {
				v -= float64(lower[a][k] * lower[b][k])
			}
			if lower[b][b] == 0 {
				continue // j is determined by those before it
			}
			v /= lower[b][b]
			lower[a][b] = v
			left -= float64(v * v)
			rest -= float64(v * z[b])
		}
		if left > tiny {
			lower[a][a] = math.Sqrt(left)
			z[a] = rest / lower[a][a]
			r2 += float64(z[a] * z[a])
		}
	}
	return min(r2, 1)
}

// invert returns the inverse of the predictors' correlations, or nil and the
// predictor that others determine.
func (c *correlation) invert() (inverse [][]float64, at int) {
	a := square(c.p)
	inverse = square(c.p)
	for i := range c.p {
		copy(a[i], c.r[i])
		inverse[i][i] = 1
	}
	for i := range c.p { // what is positive definite needs no pivoting
		if a[i][i] < tiny {
			return nil, i
		}
		f := 1 / a[i][i]
		for k := range c.p {
			a[i][k] *= f
			inverse[i][k] *= f
		}
		for j := range c.p {
			if j == i || a[j][i] == 0 {
				continue
			}
			f := a[j][i]
			for k := range c.p {
				a[j][k] -= float64(f * a[i][k])
				inverse[j][k] -= float64(f * inverse[i][k])
			}
		}
	}
	return inverse, 0
}
