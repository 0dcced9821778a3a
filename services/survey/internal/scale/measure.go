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

// metrics says what each metric is made of. CES 2.0 and the ease wording share a
// scale and its direction; no other kinds meet in one metric.
var metrics = []struct {
	metric   Metric
	kinds    []Kind
	estimate func(histogram, Scale) stats.Estimate
}{
	{NetPromoterScore, []Kind{NPS}, nps},
	{SatisfiedShare, []Kind{CSAT5}, share(4)},
	{SatisfactionMean, []Kind{CSAT5}, mean(stats.MinShown)},
	{EffortMean, []Kind{CESV2, CESEase}, mean(minEffort)},
	{EasyShare, []Kind{CESV2, CESEase}, share(5)},
	{EffortMean2010, []Kind{CESV1}, mean(minEffort)},
	{StarMean, []Kind{Star5}, mean(stats.MinShown)},
	{TopStarShare, []Kind{Star5}, share(4)},
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

// Measures returns the metrics that have answers, in their order.
func (a *Answers) Measures() []Measure {
	var all []Measure
	for _, m := range metrics {
		var h histogram
		for _, k := range m.kinds {
			for rating, n := range a[k] {
				h[rating] += n
			}
		}
		s, _ := m.kinds[0].Scale()
		e := m.estimate(h, s)
		if e.N == 0 {
			continue
		}
		one := Measure{Metric: m.metric, Estimate: e}
		if e.Known {
			one.Histogram = h.points(s)
		}
		all = append(all, one)
	}
	return all
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

func nps(h histogram, _ Scale) stats.Estimate {
	promoters, passives := h.from(9), h.from(7)-h.from(9)
	return stats.NPS(promoters, passives, h.from(0)-h.from(7))
}

// share estimates the part of answers that are low or above.
func share(low int32) func(histogram, Scale) stats.Estimate {
	return func(h histogram, _ Scale) stats.Estimate { return stats.Wilson(h.from(low), h.from(0)) }
}

// mean estimates the mean of at least minN answers.
func mean(minN int64) func(histogram, Scale) stats.Estimate {
	return func(h histogram, s Scale) stats.Estimate {
		var m stats.Moments
		for rating, n := range h {
			m.Add(int64(rating), n)
		}
		return stats.Mean(m, stats.Scale{Low: float64(s.Min), High: float64(s.Max), MinN: minN})
	}
}
