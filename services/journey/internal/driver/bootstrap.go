package driver

import (
	"context"
	"math"
	"math/rand/v2"
	"slices"
)

// What a bootstrap costs at most: maxNumbers is how many numbers a draw adds up, and
// maxDeleted how many parts are left out one by one to learn the skew.
const (
	maxNumbers = 300_000
	maxDeleted = 200
)

// tail is what an interval leaves out on each side.
const tail = 0.025

// Sums are what correlations are made of: the number of rows, the sum of each
// variable, and of each product of two.
type sums []float64

func sumsOf(width int) sums { return make(sums, 1+width+width*(width+1)/2) }

// product returns the sum of the products of variables i and j.
func (s sums) product(width, i, j int) float64 {
	i, j = max(i, j), min(i, j)
	return s[1+width+i*(i+1)/2+j]
}

// add takes a row, or with times below 0 takes it away.
func (s sums) add(o sums, times float64) {
	for i, v := range o {
		s[i] += float64(times * v)
	}
}

// Data are rows of standardized variables, the outcome the last, as sums of groups of
// rows. A group is one row, or where there are many a like number of them.
type data struct {
	width    int
	mean, sd []float64
	groups   []sums
}

// standardize returns the data of in.
func standardize(in Input) (*data, error) {
	d := &data{width: len(in.Predictors) + 1}
	columns := make([][]float64, 0, d.width)
	for _, p := range in.Predictors {
		columns = append(columns, p.Values)
	}
	columns = append(columns, in.Outcome)
	for i, values := range columns {
		mean, sd := spread(values)
		if sd <= 1e-12*math.Abs(mean) || sd == 0 {
			if i == len(in.Predictors) {
				return nil, &Refusal{NoVariance, -1, "the outcome is the same for all rows"}
			}
			return nil, &Refusal{NoVariance, i, "a predictor is the same for all rows"}
		}
		d.mean, d.sd = append(d.mean, mean), append(d.sd, sd)
	}
	n := len(in.Outcome)
	size := len(sumsOf(d.width))
	d.groups = make([]sums, max(min(n, maxNumbers/size), min(n, maxDeleted)))
	z := make([]float64, d.width)
	for row := range n {
		for i, values := range columns {
			z[i] = (values[row] - d.mean[i]) / d.sd[i]
		}
		g := &d.groups[row%len(d.groups)]
		if *g == nil {
			*g = sumsOf(d.width)
		}
		g.row(z)
	}
	return d, nil
}

// row takes the variables of one row.
func (s sums) row(z []float64) {
	s[0]++
	at := 1 + len(z)
	for i, x := range z {
		s[1+i] += x
		for _, y := range z[:i+1] {
			s[at] += float64(x * y)
			at++
		}
	}
}

// spread returns the mean and the standard deviation.
func spread(values []float64) (mean, sd float64) {
	n := float64(len(values))
	for _, v := range values {
		mean += v / n
	}
	sum := 0.0
	for _, v := range values {
		sum += float64((v - mean) * (v - mean))
	}
	return mean, math.Sqrt(sum / (n - 1))
}

// whole returns the sums of all rows.
func (d *data) whole() sums {
	all := sumsOf(d.width)
	for _, g := range d.groups {
		all.add(g, 1)
	}
	return all
}

// bootstrap returns the parts with their intervals: bias-corrected and accelerated
// (Efron 1987), from draws of the groups with replacement.
func (d *data) bootstrap(ctx context.Context, divider *divider, all sums, o Options) ([]Part, error) {
	c := newCorrelation(d.width)
	c.from(all)
	values := divider.divide(c)
	drawn := make([][]float64, len(values)) // by part
	keep := func(parts []float64, to [][]float64) {
		for i, v := range parts {
			to[i] = append(to[i], v)
		}
	}
	r := rand.New(rand.NewPCG(o.Seed, 0x64726976657273)) //nolint:gosec // "drivers"; nothing secret
	times := make([]float64, len(d.groups))
	for range o.Draws {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		clear(times)
		for range d.groups {
			times[r.IntN(len(times))]++
		}
		s := sumsOf(d.width)
		for i, t := range times {
			if t > 0 {
				s.add(d.groups[i], t)
			}
		}
		c.from(s)
		keep(divider.divide(c), drawn)
	}
	deleted := make([][]float64, len(values))
	parts := min(len(d.groups), maxDeleted)
	for part := range parts {
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		s := slices.Clone(all)
		for i := part; i < len(d.groups); i += parts {
			s.add(d.groups[i], -1)
		}
		c.from(s)
		keep(divider.divide(c), deleted)
	}
	result := make([]Part, len(values))
	for i, v := range values {
		result[i] = interval(v, drawn[i], deleted[i])
	}
	return result, nil
}

// interval returns value with its interval from what it was in the draws and with
// parts of the rows deleted. It sorts drawn.
func interval(value float64, drawn, deleted []float64) Part {
	slices.Sort(drawn)
	below := 0.0
	for _, v := range drawn {
		switch {
		case v < value:
			below++
		case v == value:
			below += 0.5
		}
	}
	n := float64(len(drawn))
	bias := quantile(min(max(below/n, 0.5/n), 1-0.5/n))
	skew := acceleration(deleted)
	at := func(z float64) float64 {
		share := normal(bias + (bias+z)/(1-float64(skew*(bias+z))))
		place := min(max(float64(share*(n+1))-1, 0), n-1)
		low := int(place)
		high := min(low+1, len(drawn)-1)
		return drawn[low] + float64((drawn[high]-drawn[low])*(place-float64(low)))
	}
	return Part{value, at(quantile(tail)), at(quantile(1 - tail))}
}

// acceleration is a sixth of the skewness of what the deletions change.
func acceleration(deleted []float64) float64 {
	mean := 0.0
	for _, v := range deleted {
		mean += v / float64(len(deleted))
	}
	square, cube := 0.0, 0.0
	for _, v := range deleted {
		d := mean - v
		square += float64(d * d)
		cube += float64(float64(d*d) * d)
	}
	if square < 1e-30 {
		return 0
	}
	return cube / (6 * square * math.Sqrt(square))
}

// normal is the distribution function of the standard normal, quantile its inverse.
func normal(z float64) float64 { return math.Erfc(-z/math.Sqrt2) / 2 }

func quantile(p float64) float64 { return -math.Sqrt2 * math.Erfcinv(2*p) }
