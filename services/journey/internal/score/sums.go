package score

import (
	"cmp"
	"math"
	"slices"
)

// one is the integer that stands for 1 in Sums.
const one = 1 << 30

// Sums is the state of one customer, stage and bucket, and of service or the rest. Whole numbers, 2^-30
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

// A Cell is the state of one stage in one bucket: of the service touchpoints, or of
// the others.
type Cell struct {
	Stage   int
	Bucket  int64
	Service bool
	Sums
}

// ServiceCells returns the service cells: those of the service score.
func ServiceCells(cells []Cell) []Cell {
	var service []Cell
	for _, c := range cells {
		if c.Service {
			service = append(service, c)
		}
	}
	return service
}

// ServiceTouches returns the service touchpoints.
func ServiceTouches(touches []Touch) []Touch {
	var service []Touch
	for _, t := range touches {
		if t.Service {
			service = append(service, t)
		}
	}
	return service
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

// Fold returns the sums of one customer's touches by bucket and stage, one cell for
// service and one for the rest.
func (m *Model) Fold(touches []Touch) []Cell {
	return m.fold(touches, math.MaxInt64)
}

// fold is Fold without the touches after asOf.
func (m *Model) fold(touches []Touch, asOf int64) []Cell {
	type key struct {
		stage   int
		bucket  int64
		service bool
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
		if i >= len(cells) || cells[i].Stage != t.Stage || cells[i].Bucket != bucket || cells[i].Service != t.Service {
			found := false
			if i, found = at[key{t.Stage, bucket, t.Service}]; !found {
				i = len(cells)
				at[key{t.Stage, bucket, t.Service}] = i
				cells = append(cells, Cell{Stage: t.Stage, Bucket: bucket, Service: t.Service})
			}
			last[t.Stage] = i
		}
		m.put(t, &cells[i].Sums)
	}
	slices.SortFunc(cells, order)
	return cells
}

// order sorts cells by bucket, stage and whether they are of service.
func order(a, b Cell) int {
	if a.Bucket == b.Bucket && a.Stage == b.Stage && a.Service != b.Service {
		if b.Service {
			return -1
		}
		return 1
	}
	return cmp.Or(cmp.Compare(a.Bucket, b.Bucket), cmp.Compare(a.Stage, b.Stage))
}

// Back returns the cells of a customer as of asOf, an instant of the past, given those
// of all touchpoints and the touchpoints after the instant: [Model.Latest] of them is
// what [Model.Replay] of the earlier touchpoints is, bit for bit.
func (m *Model) Back(cells []Cell, later []Touch, asOf int64) []Cell {
	cut := m.Bucket(asOf)
	var back []Cell
	for _, c := range cells {
		if c.Bucket <= cut {
			back = append(back, c)
		}
	}
	for _, t := range later {
		if t.Time > asOf && m.Bucket(t.Time) == cut {
			c := Cell{Stage: t.Stage, Bucket: cut, Service: t.Service}
			c.Sub(m.Add(t))
			back = append(back, c)
		}
	}
	slices.SortFunc(back, order)
	return back
}

// Means returns the mean outcome of each stage as of asOf, by decayed weight and without
// any prior, and of how many touchpoints. Cells after the bucket of asOf do not count.
func (m *Model) Means(cells []Cell, asOf int64) (means [Stages]float64, n [Stages]int64) {
	t := m.tally(asOf)
	t.cells(cells, t.cut)
	for i, s := range t.finish() {
		if s.w > 0 {
			means[i], n[i] = s.wx/s.w, s.n
		}
	}
	return means, n
}
