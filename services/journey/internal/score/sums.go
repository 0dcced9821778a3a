package score

import (
	"cmp"
	"math"
	"slices"
)

// one is the integer that stands for 1 in Sums.
const one = 1 << 30

// Sums is the state of one customer, stage and bucket. Whole numbers, 2^-30
// each, so that adding them does not depend on order and taking one away leaves
// no trace. They hold 8 million touchpoints of weight 16 a bucket, or 2,000
// million of weight 1. The zero value is empty.
type Sums struct {
	W, WX, WXX int64 // weight, times value, times value squared
	WW         int64 // weight squared
	N          int64
}

// Add puts o into s.
func (s *Sums) Add(o Sums) {
	s.W += o.W
	s.WX += o.WX
	s.WXX += o.WXX
	s.WW += o.WW
	s.N += o.N
}

// Sub takes o out of s: a touchpoint that is retracted, or about to be measured
// anew.
func (s *Sums) Sub(o Sums) {
	s.W -= o.W
	s.WX -= o.WX
	s.WXX -= o.WXX
	s.WW -= o.WW
	s.N -= o.N
}

// A Cell is the state of one stage in one bucket.
type Cell struct {
	Stage  int
	Bucket int64
	Sums
}

// Add returns what t adds to the Sums of its stage and bucket. The weight is
// told as of the bucket's start, so it never has to change: t.Weight there, and
// twice as much at the bucket's end.
func (m *Model) Add(t Touch) Sums {
	var s Sums
	m.put(t, &s)
	return s
}

// put adds t to s in place, which costs a sixth less than Add and Sums.Add.
func (m *Model) put(t Touch, s *Sums) {
	_, into := m.locate(t.Time)
	w := t.Weight * exp2(into)
	wx := w * t.Value
	s.W += fixed(w)
	s.WX += fixed(wx)
	s.WXX += fixed(wx * t.Value)
	s.WW += fixed(w * w)
	s.N++
}

// fixed rounds v, which is not negative, to a whole number of 1/one.
func fixed(v float64) int64 {
	return int64(float64(v*one) + 0.5)
}

// Fold returns the sums of one customer's touches, one cell a stage and bucket,
// by bucket and stage.
func (m *Model) Fold(touches []Touch) []Cell {
	return m.fold(touches, math.MaxInt64)
}

// fold is Fold without the touches after asOf.
func (m *Model) fold(touches []Touch, asOf int64) []Cell {
	type key struct {
		stage  int
		bucket int64
	}
	var cells []Cell
	at := map[key]int{}
	var last [Stages]int // where the stage's last touch went; the next one often follows
	for _, t := range touches {
		if t.Time > asOf {
			continue
		}
		bucket := m.Bucket(t.Time)
		i := last[t.Stage]
		if i >= len(cells) || cells[i].Stage != t.Stage || cells[i].Bucket != bucket {
			found := false
			if i, found = at[key{t.Stage, bucket}]; !found {
				i = len(cells)
				at[key{t.Stage, bucket}] = i
				cells = append(cells, Cell{Stage: t.Stage, Bucket: bucket})
			}
			last[t.Stage] = i
		}
		m.put(t, &cells[i].Sums)
	}
	slices.SortFunc(cells, order)
	return cells
}

// order sorts cells by bucket and stage.
func order(a, b Cell) int {
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Stage, b.Stage))
}
