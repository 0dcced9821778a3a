package driver

import "math/bits"

// A shapley computes the LMG shares: what a predictor adds to R², averaged over all
// orders. It visits each set of predictors once and keeps, at each depth, what is
// left of the later predictors once the chosen ones are taken out of them.
type shapley struct {
	p     int
	r2    []float64     // by set of predictors
	left  [][][]float64 // by depth: residual correlations
	y     [][]float64   // by depth: residual correlations with the outcome
	share []float64     // by size of the set before: how many orders there are of it
}

func newShapley(p int) *shapley {
	s := &shapley{p: p, r2: make([]float64, 1<<p), share: make([]float64, p)}
	for range p + 1 {
		s.left, s.y = append(s.left, square(p)), append(s.y, make([]float64, p))
	}
	for k := range p { // k! (p-1-k)! / p!
		s.share[k] = 1 / float64(p)
		for i := 1; i <= k; i++ {
			s.share[k] *= float64(i) / float64(p-i)
		}
	}
	return s
}

// divide appends the shares of the predictors.
func (s *shapley) divide(c *correlation, parts []float64) []float64 {
	for i := range c.p {
		copy(s.left[0][i], c.r[i])
	}
	copy(s.y[0], c.y)
	s.visit(0, 0, 0, 0)
	// What predictor j adds is Σ share (R² with j - R² without), over the sets without j:
	// each set counts by share(size-1) for its members and by -share(size) for the others.
	others := 0.0
	for set, r2 := range s.r2 {
		size := bits.OnesCount(uint(set)) //nolint:gosec // a set
		before, after := 0.0, 0.0
		if size > 0 {
			before = s.share[size-1]
		}
		if size < s.p {
			after = s.share[size]
		}
		others -= float64(after * r2)
		s.r2[set] = float64((before + after) * r2)
	}
	// The sum over the sets with the last predictor is that of the upper half; folded
	// onto the lower one, the predictor before is the last.
	at := len(parts)
	parts = append(parts, make([]float64, s.p)...)
	for j := s.p - 1; j >= 0; j-- {
		lower, upper := s.r2[:1<<j], s.r2[1<<j:2<<j]
		sum := 0.0
		for set, v := range upper {
			sum += v
			lower[set] += v
		}
		parts[at+j] = others + sum
	}
	return parts
}

// visit stores R² of a set and goes on to all sets that add predictors from on.
func (s *shapley) visit(depth, from, set int, r2 float64) {
	s.r2[set] = r2
	left, y := s.left[depth], s.y[depth]
	for j := from; j < s.p; j++ {
		next, gain := depth, 0.0
		if left[j][j] > tiny {
			gain = s.take(depth, j)
			next++
		}
		if next == depth && j+1 < s.p { // j adds nothing; what is left stays as it is
			for a := j + 1; a < s.p; a++ {
				copy(s.left[depth+1][a], left[a])
			}
			copy(s.y[depth+1], y)
			next++
		}
		s.visit(next, j+1, set|1<<j, min(r2+gain, 1))
	}
}

// take takes predictor j out of the later ones, into the next depth, and returns how
// much j adds to R².
func (s *shapley) take(depth, j int) float64 {
	left, y := s.left[depth], s.y[depth]
	to, toY := s.left[depth+1], s.y[depth+1]
	f := 1 / left[j][j]
	for a := j + 1; a < s.p; a++ {
		part := left[a][j] * f
		for b := j + 1; b <= a; b++ {
			to[a][b] = left[a][b] - float64(part*left[b][j])
		}
		toY[a] = y[a] - float64(part*y[j])
	}
	return float64(y[j]*y[j]) * f
}
