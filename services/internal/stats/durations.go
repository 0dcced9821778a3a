package stats

import (
	"math"
	"math/bits"
	"slices"
	"time"
)

// MaxExact is how many durations are kept one by one; more become a sketch.
const MaxExact = 10_000

// Durations collects waiting and working times, none below zero. Up to MaxExact
// it keeps every one and its quantiles are exact. Beyond, it counts them in the
// bins of a DDSketch, whose quantiles are off by at most 1 %. What it holds, and
// the bytes it encodes to, depend on the durations alone: not on their order, nor
// on how they were split and merged.
//
// The zero value is empty. One goroutine may use it at a time, to read as well.
type Durations struct {
	values   []time.Duration // none once there is a sketch; room to decode into
	unsorted bool
	sketch   *sketch
	sum      uint128
}

// uint128 is a sum of durations, which soon pass 64 bits.
type uint128 struct{ high, low uint64 }

func (u *uint128) add(v uint128) {
	var carry uint64
	u.low, carry = bits.Add64(u.low, v.low, 0)
	u.high, _ = bits.Add64(u.high, v.high, carry)
}

func (u *uint128) float() float64 { return math.Ldexp(float64(u.high), 64) + float64(u.low) }

// Add takes one more duration. One below zero counts as zero.
func (d *Durations) Add(v time.Duration) {
	v = max(v, 0)
	d.sum.add(uint128{low: uint64(v)})
	if d.sketch == nil {
		d.unsorted = d.unsorted || len(d.values) > 0 && v < d.values[len(d.values)-1]
		d.values = append(d.values, v)
		d.reduce()
		return
	}
	d.sketch.n++
	d.sketch.counts[bin(int64(v))]++
}

// Merge takes all that other holds, which stays as it is.
func (d *Durations) Merge(other *Durations) {
	sum := other.sum // d may be other
	if other.sketch != nil {
		d.force()
		d.sketch.add(other.sketch)
	} else {
		d.append(other.values)
	}
	d.sum.add(sum)
}

// append takes values whose sum is counted elsewhere.
func (d *Durations) append(values []time.Duration) {
	if d.sketch == nil {
		d.unsorted = true
		d.values = append(d.values, values...)
		d.reduce()
		return
	}
	d.sketch.n += int64(len(values))
	for _, v := range values {
		d.sketch.counts[bin(int64(v))]++
	}
}

// reduce turns too many values into a sketch.
func (d *Durations) reduce() {
	if len(d.values) > MaxExact {
		d.force()
	}
}

// force makes d a sketch if it is none yet.
func (d *Durations) force() {
	if d.sketch != nil {
		return
	}
	values := d.values
	d.sketch, d.values, d.unsorted = new(sketch), nil, false
	d.append(values)
}

// sort puts the values into ascending order.
func (d *Durations) sort() {
	if d.unsorted {
		slices.Sort(d.values)
		d.unsorted = false
	}
}

// Count returns how many durations there are.
func (d *Durations) Count() int64 {
	if d.sketch != nil {
		return d.sketch.n
	}
	return int64(len(d.values))
}

// Sum returns the sum of all durations in nanoseconds. It is added up exactly
// and rounded once, and may be more than a time.Duration holds.
func (d *Durations) Sum() float64 { return d.sum.float() }

// Quantile estimates the q-quantile, 0 < q < 1, in nanoseconds. Of few durations
// it is what the function Quantile returns. From a sketch the value is off by at
// most 1 %, and the interval is widened to the ends of the bins it starts and
// ends in, so that it still covers the true quantile with at least 95 %.
func (d *Durations) Quantile(q float64) Estimate {
	if d.sketch != nil {
		return d.sketch.quantile(q)
	}
	d.sort()
	return Quantile(d.values, q)
}

// Mean estimates the mean in nanoseconds with Student's t interval, cut at 0.
// The value is exact. The spread of a sketch is read from its bins; the interval
// is widened by as much as that may be off.
func (d *Durations) Mean() Estimate {
	n := float64(d.Count())
	e := grade(d.Count(), MinShown)
	if !e.Known {
		return e
	}
	e.Value = d.sum.float() / n
	spread, size := 0.0, 0.0
	d.each(func(value, _, _ float64, count int64) {
		spread += float64(count) * (value - e.Value) * (value - e.Value)
		size += float64(count) * value * value
	})
	deviation := math.Sqrt(spread / (n - 1))
	if d.sketch != nil {
		deviation += accuracy / (1 - accuracy) * math.Sqrt(size/(n-1))
	}
	half := student(n-1) * deviation / math.Sqrt(n)
	e.within(MethodStudentT, e.Value-half, e.Value+half, 0, math.Inf(1))
	return e
}

// each calls visit in ascending order with every value, the ends of the bin it
// was read from, and how often it is there.
func (d *Durations) each(visit func(value, low, high float64, count int64)) {
	d.sort()
	for _, v := range d.values {
		visit(float64(v), float64(v), float64(v), 1)
	}
	if d.sketch == nil {
		return
	}
	for i, count := range d.sketch.counts[:] {
		if count > 0 {
			low, high := edges(i)
			visit(middle(i), low, high, count)
		}
	}
}
