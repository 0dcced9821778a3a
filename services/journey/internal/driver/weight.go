package driver

import "math"

// weights appends Johnson's relative weights. The predictors X have orthogonal
// counterparts Z that are closest to them; the weight of a predictor is Σ λ² β², with
// λ its correlations with Z and β those of Z with the outcome.
func (c *correlation) weights(parts []float64) []float64 {
	values, vectors := c.eigen()
	root := square(c.p)
	beta := make([]float64, c.p)
	for e, value := range values {
		if value <= tiny {
			continue // predictors that determine each other have fewer counterparts
		}
		half := math.Sqrt(value)
		along := 0.0
		for i := range c.p {
			along += float64(vectors[i][e] * c.y[i])
		}
		along /= half
		for i := range c.p {
			beta[i] += float64(vectors[i][e] * along)
			scaled := vectors[i][e] * half
			for j := range c.p {
				root[i][j] += float64(scaled * vectors[j][e])
			}
		}
	}
	for i := range c.p {
		sum := 0.0
		for k, b := range beta {
			v := root[i][k] * b
			sum += float64(v * v)
		}
		parts = append(parts, sum)
	}
	return parts
}

// eigen returns the eigenvalues of the predictors' correlations and, by column, their
// vectors: Jacobi's method, which turns two axes at a time until nothing is left off
// the diagonal, and keeps the vectors orthogonal to the last bit.
func (c *correlation) eigen() (values []float64, vectors [][]float64) {
	a, vectors := square(c.p), square(c.p)
	for i := range c.p {
		copy(a[i], c.r[i])
		vectors[i][i] = 1
	}
	for range 60 { // it takes about 8
		off := 0.0
		for i := range c.p {
			for j := range i {
				off += float64(a[i][j] * a[i][j])
			}
		}
		if off < 1e-30 {
			break
		}
		for i := range c.p {
			for j := range i {
				turn(a, vectors, i, j)
			}
		}
	}
	values = make([]float64, c.p)
	for i := range values {
		values[i] = a[i][i]
	}
	return values, vectors
}

// turn turns axes i and j so that a[i][j] becomes 0.
func turn(a, vectors [][]float64, i, j int) {
	if a[i][j] == 0 {
		return
	}
	theta := (a[j][j] - a[i][i]) / (2 * a[i][j])
	t := math.Copysign(1, theta) / (math.Abs(theta) + math.Sqrt(float64(theta*theta)+1))
	cos := 1 / math.Sqrt(float64(t*t)+1)
	sin := t * cos
	for k := range a {
		x, y := a[k][i], a[k][j]
		a[k][i], a[k][j] = float64(cos*x)-float64(sin*y), float64(sin*x)+float64(cos*y)
	}
	for k := range a {
		x, y := a[i][k], a[j][k]
		a[i][k], a[j][k] = float64(cos*x)-float64(sin*y), float64(sin*x)+float64(cos*y)
		x, y = vectors[k][i], vectors[k][j]
		vectors[k][i], vectors[k][j] = float64(cos*x)-float64(sin*y), float64(sin*x)+float64(cos*y)
	}
	a[i][j], a[j][i] = 0, 0
}
