package stats

import (
	"math"

	"github.com/DataDog/sketches-go/ddsketch/mapping"
)

// accuracy is how far a duration read from a sketch may be off, relative to
// the true one.
const accuracy = 0.01

// bins is how many bins hold every int64: one for zero, one for each index of
// the mapping.
const bins = 2206

// scale maps durations to bins whose ends lie 2 % apart, by the interpolated
// logarithm of DDSketch (Masson, Rim and Lee 2019). It takes half the time of the
// true logarithm and 1 % more bins.
var scale = func() *mapping.CubicallyInterpolatedMapping {
	m, err := mapping.NewCubicallyInterpolatedMapping(accuracy)
	if err != nil {
		panic(err) // accuracy is a constant
	}
	return m
}()

// A sketch counts durations by bin.
type sketch struct {
	n      int64
	counts [bins]int64
}

// bin returns where ns is counted.
func bin(ns int64) int {
	if ns <= 0 {
		return 0
	}
	return scale.Index(float64(ns)) + 1
}

// lows are where the bins begin, and the last one ends.
var lows = func() (all [bins + 1]float64) {
	for i := 1; i <= bins; i++ {
		all[i] = scale.LowerBound(i - 1)
	}
	return all
}()

// edges returns the ends of a bin: what is counted there lies in [low, high).
// Bin 0 holds only zero.
func edges(bin int) (low, high float64) {
	if bin == 0 {
		return 0, 0
	}
	return lows[bin], lows[bin+1]
}

// middles are the values that are at most accuracy away from all in their bin.
var middles = func() (all [bins]float64) {
	for i := 1; i < bins; i++ {
		all[i] = scale.Value(i - 1)
	}
	return all
}()

// middle returns the value that stands for all in the bin.
func middle(bin int) float64 { return middles[bin] }

// add counts what other counts.
func (s *sketch) add(other *sketch) {
	s.n += other.n
	for i, count := range other.counts[:] {
		s.counts[i] += count
	}
}

// at returns the bin of the observation of this rank, from 0 on.
func (s *sketch) at(rank int64) int {
	for i, count := range s.counts[:] {
		if rank < count {
			return i
		}
		rank -= count
	}
	return bins - 1
}

// quantile is Quantile, read from bins: ends are those of the bins in which the
// observations lie that Quantile would have taken.
func (s *sketch) quantile(q float64) Estimate {
	e := grade(s.n, MinShown)
	if !e.Known {
		return e
	}
	at := q * float64(s.n-1)
	below := int64(at)
	low := middle(s.at(below))
	high := middle(s.at(min(below+1, s.n-1)))
	e.Value = low + (at-float64(below))*(high-low)
	if lower, upper, ok := ranks(s.n, q); ok {
		start, _ := edges(s.at(lower))
		_, end := edges(s.at(upper))
		e.within(MethodSketch, start, end, 0, math.Inf(1))
	}
	return e
}
