package scale

import "github.com/concentric-cx/concentric/services/internal/stats"

// A Metric is a number that answers feed.
type Metric int

// The metrics, in the order of the contract.
const (
	NetPromoterScore Metric = iota + 1
	SatisfiedShare          // of CSAT answers, 4 or 5
	SatisfactionMean        // of CSAT answers
	EffortMean              // of CES 2.0 and ease answers
	EasyShare               // of CES 2.0 and ease answers, 5 to 7
	EffortMean2010          // of CES 1.0 answers
	StarMean                // of star ratings
	TopStarShare            // of star ratings, 4 or 5
	ExceededShare           // of answers on expectations
	UnmetShare              // of answers on expectations
)

// minEffort is how many answers a mean of efforts takes.
const minEffort = 10

// A Count says how many answers had one value.
type Count struct {
	Rating int32
	N      int64
}

// A Measure is one metric with the histogram behind it, every point of the scale
// in ascending order. Where the estimate is suppressed there is no histogram.
type Measure struct {
	Metric    Metric
	Estimate  stats.Estimate
	Histogram []Count
}

// A figure is made of a histogram, or of those of several strata.
type figure interface {
	estimate(h histogram, s Scale) stats.Estimate
	standardized(all []stratum, s Scale) stats.Estimate
	compare(a, b histogram, s Scale) stats.Difference
	variance(h histogram) float64 // of one answer
	worst(s Scale) float64        // variance there can be
	size(variance, margin float64) float64
}

// metrics says what each metric is made of. CES 2.0 and the ease wording share a
// scale and its direction; no other kinds meet in one metric.
var metrics = []struct {
	metric Metric
	kinds  []Kind
	figure
}{
	{NetPromoterScore, []Kind{NPS}, nps{}},
	{SatisfiedShare, []Kind{CSAT5}, share{4, 5}},
	{SatisfactionMean, []Kind{CSAT5}, mean{stats.MinShown}},
	{EffortMean, []Kind{CESV2, CESEase}, mean{minEffort}},
	{EasyShare, []Kind{CESV2, CESEase}, share{5, 7}},
	{EffortMean2010, []Kind{CESV1}, mean{minEffort}},
	{StarMean, []Kind{Star5}, mean{stats.MinShown}},
	{TopStarShare, []Kind{Star5}, share{4, 5}},
	{ExceededShare, []Kind{Expectation}, share{3, 3}},
	{UnmetShare, []Kind{Expectation}, share{1, 1}},
}

// widest is the number of points up to the end of the longest scale.
const widest = 11

// A histogram counts answers by their rating.
type histogram [widest]int64

// Answers counts ratings by kind. The zero value is empty. It is for one goroutine.
type Answers [kinds]histogram

// Add counts n answers of one rating. Ratings off the scale of their kind are
// nobody's and do not count.
func (a *Answers) Add(k Kind, rating int32, n int64) {
	if s, ok := k.Scale(); ok && s.Holds(rating) {
		a[k][rating] += n
	}
}

// of returns the ratings of several kinds as those of one.
func (a *Answers) of(some []Kind) (h histogram) {
	for _, k := range some {
		for rating, n := range a[k] {
			h[rating] += n
		}
	}
	return h
}

// Measures returns the metrics that have answers, in their order.
func (a *Answers) Measures() []Measure {
	var all []Measure
	for _, m := range metrics {
		h, s := a.of(m.kinds), scaleOf(m.kinds)
		if e := m.estimate(h, s); e.N > 0 {
			all = append(all, measure(m.metric, e, h, s))
		}
	}
	return all
}

// A Stratum is a part of the population and what it answered.
type Stratum struct {
	Size    float64 // 0 or more; their sum is finite
	Answers *Answers
}

// stratum is the same for one metric.
type stratum struct {
	reference float64
	histogram
}

// Weighted returns the metrics that have answers, in their order, as if each stratum
// had answered as much as it has people: post-stratified, no weight above 5 times
// their mean. Histograms are of the answers as they came.
func Weighted(strata []Stratum) []Measure {
	var all []Measure
	for _, m := range metrics {
		s, sum := scaleOf(m.kinds), histogram{}
		parts, sizes, n := make([]stratum, len(strata)), make([]float64, len(strata)), make([]int64, len(strata))
		for i, one := range strata {
			parts[i].histogram = one.Answers.of(m.kinds)
			sizes[i] = one.Size
			n[i] = parts[i].from(0)
			if one.Size > 0 {
				sum.add(parts[i].histogram)
			}
		}
		for i, reference := range stats.PostStratify(sizes, n) {
			parts[i].reference = reference
		}
		if e := m.standardized(parts, s); e.N > 0 {
			all = append(all, measure(m.metric, e, sum, s))
		}
	}
	return all
}

// Compare returns how far the metric of b lies above that of a.
func Compare(metric Metric, a, b *Answers) stats.Difference {
	m := metrics[metric-1]
	return m.compare(a.of(m.kinds), b.of(m.kinds), scaleOf(m.kinds))
}

// Spread returns the variance of one answer of a metric as a shows it, the largest
// there can be, and of how many answers that is.
func Spread(metric Metric, a *Answers) (variance, worst float64, n int64) {
	m := metrics[metric-1]
	h := a.of(m.kinds)
	worst = m.worst(scaleOf(m.kinds))
	return min(m.variance(h), worst), worst, h.from(0)
}

// SampleSize returns how many answers give the metric an interval of plus or minus the
// margin, in its unit, where one answer has this variance. It may be +Inf.
func SampleSize(metric Metric, variance, margin float64) float64 {
	return metrics[metric-1].size(variance, margin)
}

func scaleOf(some []Kind) Scale {
	s, _ := some[0].Scale()
	return s
}

func measure(m Metric, e stats.Estimate, h histogram, s Scale) Measure {
	one := Measure{Metric: m, Estimate: e}
	if e.Known {
		one.Histogram = h.points(s)
	}
	return one
}

func (h *histogram) add(o histogram) {
	for rating, n := range o {
		h[rating] += n
	}
}

func (h histogram) points(s Scale) []Count {
	all := make([]Count, 0, s.Max-s.Min+1)
	for r := s.Min; r <= s.Max; r++ {
		all = append(all, Count{Rating: r, N: h[r]})
	}
	return all
}

// from counts the answers of low and above.
func (h histogram) from(low int32) (n int64) {
	for _, c := range h[low:] {
		n += c
	}
	return n
}
