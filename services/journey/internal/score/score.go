package score

import (
	"cmp"
	"math"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

// z is the two-sided 95 % quantile of the normal distribution.
const z = 1.959963984540054

// thinShare is the share of the weight up to which a stage may be thin unmarked.
const thinShare = 0.1

// A Result is a score, 0 to 100, with its 95 % interval. Results can be
// compared with ==.
type Result struct {
	Value, Lower, Upper float64
	Baseline            float64 // the score without any touchpoint
	N                   int64
	EffectiveN          float64 // after Kish: as many touchpoints of equal weight would tell as much
	Stages              [Stages]StageScore
}

// A StageScore is the part of one stage.
type StageScore struct {
	Mean         float64 // 0 to 1, shrunk to the prior
	Lower, Upper float64 // its interval, Mean ± z √Var S, cut to [0, 1]
	Share        float64 // of the stage in the score; all add up to 1
	Support      float64 // weight of the touchpoints at the as-of time
	EffectiveN   float64
	N            int64
	Thin         bool // the prior outweighs the touchpoints, in a stage that counts
}

// Estimate returns the mean of s for a view, marked as [Result.Estimate] does.
func (s StageScore) Estimate() stats.Estimate {
	e := stats.Estimate{
		Value: s.Mean, Lower: s.Lower, Upper: s.Upper, Known: true, Interval: true,
		N: s.N, EffectiveN: s.EffectiveN, Method: stats.MethodDelta, Quality: stats.QualityOK,
	}
	switch {
	case s.N == 0:
		e.Quality = stats.QualityNoData
	case s.N < stats.MinSound || s.Thin:
		e.Quality = stats.QualitySmallSample
	}
	return e
}

// within sets the interval.
func (s *StageScore) within(half float64) {
	s.Lower, s.Upper = max(s.Mean-half, 0), min(s.Mean+half, 1)
}

// Estimate returns r for a view. A score of no touchpoints is the baseline and
// marked as without data; one with a thin stage is a small sample.
func (r Result) Estimate() stats.Estimate {
	e := stats.Estimate{
		Value: r.Value, Lower: r.Lower, Upper: r.Upper, Known: true, Interval: true,
		N: r.N, EffectiveN: r.EffectiveN, Method: stats.MethodDelta, Quality: stats.QualityOK,
	}
	thin := func(s StageScore) bool { return s.Thin }
	switch {
	case r.N == 0:
		e.Quality = stats.QualityNoData
	case r.N < stats.MinSound || slices.ContainsFunc(r.Stages[:], thin):
		e.Quality = stats.QualitySmallSample
	}
	return e
}

// Score returns the score of one customer as of asOf, microseconds since 1970.
// Cells come in any order, and a stage and bucket may come in parts, such as
// service and the rest. The bucket
// that asOf cuts is not taken from cells but from partial, the touchpoints of
// that bucket; touchpoints after asOf or in other buckets are left alone, as
// are cells after the cut.
func (m *Model) Score(cells []Cell, partial []Touch, asOf int64) Result {
	t := m.tally(asOf)
	t.cells(cells, t.cut-1)
	for _, touch := range partial {
		if touch.Time <= asOf && m.Bucket(touch.Time) == t.cut {
			t.add(Cell{Stage: touch.Stage, Bucket: t.cut, Sums: m.Add(touch)})
		}
	}
	return m.result(t.finish())
}

// Latest returns the score as of asOf of a customer who has no touchpoint
// between asOf and the end of its bucket, so that no touchpoint needs to be
// read: the cells tell all. It equals Score then, bit for bit.
func (m *Model) Latest(cells []Cell, asOf int64) Result {
	t := m.tally(asOf)
	t.cells(cells, t.cut)
	return m.result(t.finish())
}

// Past returns the score as of asOf, an instant of the past, given the cells of all
// touchpoints and the touchpoints after the instant: [Model.Latest] of [Model.Back], bit
// for bit, without making the cells.
func (m *Model) Past(cells []Cell, later []Touch, asOf int64) Result {
	t := m.tally(asOf)
	t.cells(cells, t.cut)
	for _, touch := range later {
		if touch.Time > asOf && m.Bucket(touch.Time) == t.cut {
			c := Cell{Stage: touch.Stage, Bucket: t.cut}
			c.Sub(m.Add(touch))
			t.add(c)
		}
	}
	return m.result(t.finish())
}

// Replay returns the score as of asOf from touchpoints alone. It equals Score
// over their cells, bit for bit; where the model has a peak-end share, after
// [Model.Remember].
func (m *Model) Replay(touches []Touch, asOf int64) Result {
	r := m.Latest(m.fold(touches, asOf), asOf)
	if m.PeakEnd > 0 {
		r = m.Remember(r, m.Moments(touches, asOf))
	}
	return r
}

// A weighed is the sums of one stage at the as-of time.
type weighed struct {
	w, wx, wxx, ww float64
	n              int64
}

// A tally adds up cells as of one time, in the order of their buckets.
type tally struct {
	cut     int64   // the bucket of the as-of time
	decay   float64 // from the start of that bucket to the as-of time
	bucket  int64
	pending [Stages]Sums // of bucket; in parts until the next bucket comes
	stages  [Stages]weighed
}

func (m *Model) tally(asOf int64) tally {
	cut, into := m.locate(asOf)
	return tally{cut: cut, decay: 1 / exp2(into), bucket: cut}
}

// scale returns what a weight of 1/one at the start of bucket is worth as of
// the tally's time.
func (t *tally) scale(bucket int64) float64 {
	return t.decay * pow2(bucket-t.cut) / one
}

// cells adds those up to the last bucket.
func (t *tally) cells(cells []Cell, last int64) {
	if !slices.IsSortedFunc(cells, byBucket) {
		cells = slices.Clone(cells)
		slices.SortFunc(cells, byBucket)
	}
	for _, c := range cells {
		if c.Bucket > last {
			return
		}
		t.add(c)
	}
}

// byBucket is all the order that a tally needs: within a bucket, sums are whole.
func byBucket(a, b Cell) int { return cmp.Compare(a.Bucket, b.Bucket) }

// add takes a cell; buckets must not go back.
func (t *tally) add(c Cell) {
	if c.Bucket != t.bucket {
		t.flush()
		t.bucket = c.Bucket
	}
	t.pending[c.Stage].Add(c.Sums)
}

// flush weighs the pending bucket and empties it.
func (t *tally) flush() {
	f := t.scale(t.bucket)
	for i := range t.pending {
		p := &t.pending[i]
		if p.N == 0 {
			continue
		}
		s := &t.stages[i]
		s.w += float64(float64(p.W) * f)
		s.wx += float64(float64(p.WX) * f)
		s.wxx += float64(float64(p.WXX) * f)
		s.ww += float64(float64(p.WW) * f * f * one)
		s.n += p.N
		*p = Sums{}
	}
}

func (t *tally) finish() *[Stages]weighed {
	t.flush()
	return &t.stages
}

// result makes a score of the stages' sums, w standing for the weights:
//
//	S     = (Σwx + κμ) / (Σw + κ)                      the stage mean
//	J     = 100 Π S^share, or 100 Σ share S            the score
//	σ²    = (Σw(x-S)² + κ(v + (μ-S)²)) / (Σw + κ)      κ pseudo-touchpoints of variance v around μ
//	Var S = σ² (Σw² + κ) / (Σw + κ)²                   σ² over Kish's effective n
//	Var ln J = Σ share² Var S / S², or Var J = 100² Σ share² Var S
//
// The interval is J exp(±z √Var ln J), or J ± z √Var J, cut to [0, 100].
func (m *Model) result(stages *[Stages]weighed) Result {
	var r Result
	var means [Stages]float64
	var w, ww, variance float64
	shares := m.shares()
	for i, s := range stages {
		mean, meanVariance := m.stage(s, m.Prior[i])
		means[i] = mean
		r.Stages[i] = StageScore{
			Mean: mean, Share: shares[i], Support: s.w, N: s.n,
			Thin: s.w < m.Kappa && shares[i] > thinShare,
		}
		r.Stages[i].within(z * math.Sqrt(meanVariance))
		if s.ww > 0 {
			r.Stages[i].EffectiveN = s.w * s.w / s.ww
		}
		r.N += s.n
		w += s.w
		ww += s.ww
		part := shares[i]
		if m.Aggregation == Geometric {
			part /= mean
		}
		variance += float64(part * part * meanVariance)
	}
	if ww > 0 {
		r.EffectiveN = w * w / ww
	}
	r.Value, r.Baseline = m.join(means, shares), m.join(m.Prior, shares)
	half := z * math.Sqrt(variance)
	if m.Aggregation == Geometric {
		r.Lower, r.Upper = r.Value*exp(-half), r.Value*exp(half)
	} else {
		r.Lower, r.Upper = r.Value-float64(100*half), r.Value+float64(100*half)
	}
	r.Lower, r.Upper = max(r.Lower, 0), min(r.Upper, 100)
	return r
}

// stage returns the mean of a stage, shrunk to its prior, and the variance of
// that mean.
func (m *Model) stage(s weighed, prior float64) (mean, variance float64) {
	total := s.w + m.Kappa
	mean = prior
	if s.n > 0 {
		mean = (s.wx + float64(m.Kappa*prior)) / total
	}
	spread := s.wxx - float64(2*mean*s.wx) + float64(mean*mean*s.w)
	off := prior - mean
	spread = max(spread, 0) + float64(m.Kappa*(m.PriorVariance+float64(off*off)))
	return mean, spread / total * (s.ww + m.Kappa) / (total * total)
}

// join makes one score, 0 to 100, of the stages' means. Means that are all
// equal give exactly that mean.
func (m *Model) join(means, shares [Stages]float64) float64 {
	top := slices.Max(means[:])
	sum := 0.0
	for i, mean := range means {
		if m.Aggregation == Geometric {
			sum += float64(shares[i] * ln(mean/top))
		} else {
			sum += float64(shares[i] * (mean - top))
		}
	}
	if m.Aggregation == Geometric {
		return 100 * top * exp(sum)
	}
	return 100 * (top + sum)
}

// Weakest returns the stage with the lowest mean among those that weigh; of equal ones
// the first.
func (r Result) Weakest() int {
	weakest := -1
	for i, s := range r.Stages {
		if s.Share > 0 && (weakest < 0 || s.Mean < r.Stages[weakest].Mean) {
			weakest = i
		}
	}
	return weakest
}
