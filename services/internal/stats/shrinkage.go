package stats

import (
	"math"

	"gonum.org/v1/gonum/stat/distuv"
)

// DefaultWeight is how many observations a prior counts for where the groups
// do not tell.
const DefaultWeight = 40

// A Prior is what is known of a group before its own observations: what all
// groups have in common.
type Prior struct {
	Mean   float64 // of one observation, in the steps of Moments
	Weight float64 // how many observations it counts for
	Spread float64 // variance of one observation around the mean of its group
}

// PriorOf learns the prior from all groups by the method of moments: the weight
// is the variance inside the groups over the variance between their true means
// (the analysis-of-variance estimator; Ridout, Demétrio and Firth 1999 for
// shares). It is DefaultWeight where groups differ no more than by chance, or are
// too few or too small to tell, and lies between 1 and all there is to learn from.
// For shares of k in n observations, both Sum and SumSq are k.
func PriorOf(groups []Moments) Prior {
	var all Moments
	count, inside, squares := 0.0, 0.0, 0.0
	for _, g := range groups {
		if g.N <= 0 {
			continue
		}
		n := float64(g.N)
		count++
		inside += g.spread() / n
		squares += n * n
		all.N, all.Sum, all.SumSq = all.N+g.N, all.Sum+g.Sum, all.SumSq+g.SumSq
	}
	n := float64(all.N)
	if n == 0 {
		return Prior{Weight: DefaultWeight}
	}
	p := Prior{Mean: float64(all.Sum) / n, Weight: DefaultWeight}
	if n == count {
		p.Spread = all.spread() / (n * max(n-1, 1)) // nobody was seen twice
		return p
	}
	p.Spread = inside / (n - count)
	if count < 2 {
		return p
	}
	between := (all.spread()/n - inside) / (count - 1)
	size := (n - squares/n) / (count - 1)
	if between > p.Spread {
		p.Weight = min(max(size*p.Spread/(between-p.Spread), 1), n)
	}
	return p
}

// A Posterior is a figure pulled towards what all groups have in common, the more
// the fewer observations it has. N and EffectiveN are its own observations. Its
// interval takes the prior as known.
type Posterior struct {
	Estimate
	Floor float64 // the figure is below with a probability of 5 %: rank by this one
}

// BetaBinomial shrinks the share k/n. The value is (k + Weight*Mean)/(n + Weight)
// and the interval lies between quantiles of the beta distribution. A k outside
// [0, n] counts as the nearer end.
func BetaBinomial(k, n int64, prior Prior) Posterior {
	p := Posterior{Estimate: grade(n, MinShown)}
	if !p.Known {
		return p
	}
	k = min(max(k, 0), n)
	a := float64(k) + prior.Weight*prior.Mean
	b := float64(n-k) + prior.Weight*(1-prior.Mean)
	p.Value = a / (a + b)
	// Half a case more keeps a share of none or all from being certain.
	beta := distuv.Beta{Alpha: max(a, 0.5), Beta: max(b, 0.5)}
	p.within(MethodBetaBinomial, min(beta.Quantile(tail), p.Value), max(beta.Quantile(1-tail), p.Value), 0, 1)
	p.Floor = min(beta.Quantile(0.05), p.Value)
	return p
}

// NormalNormal shrinks a mean. The value is (Sum + Weight*Mean)/(N + Weight) in
// the unit of the scale, and its variance Spread/(N + Weight).
func NormalNormal(m Moments, s Scale, prior Prior) Posterior {
	p := Posterior{Estimate: grade(m.N, s.MinN)}
	if !p.Known {
		return p
	}
	unit, low, high := s.bounds()
	size := float64(m.N) + prior.Weight
	p.Value = unit * (float64(m.Sum) + prior.Weight*prior.Mean) / size
	deviation := unit * math.Sqrt(prior.Spread/size)
	p.within(MethodNormalNormal, p.Value-z*deviation, p.Value+z*deviation, low, high)
	p.Floor = max(p.Value+distuv.UnitNormal.Quantile(0.05)*deviation, low)
	return p
}
