// Package score computes the journey score: how well a customer's experience
// meets expectations, 0 to 100, over the five stages of the journey. It knows
// nothing of gRPC or SQL.
//
// A score is a function of the touchpoints, the model and the as-of time, and
// of nothing else: the same touchpoints give the same bits in any order and any
// split, on every machine. State is therefore sums of integers, one [Cell] a
// customer, stage and half-life; the floats made of them are added in a fixed
// order, without fused operations and without the platform's exp and log.
package score

import "time"

// Stages is the number of stages of a journey. They are numbered from 0.
const Stages = 5

// Channels is above the number of every channel a model can tell from others.
const Channels = 16

// An Aggregation says how stage scores become one.
type Aggregation int

// Geometric lets no stage make up for a bad one; Arithmetic does.
const (
	Geometric Aggregation = iota
	Arithmetic
)

// A Model is everything a score depends on besides the touchpoints. It must not
// change once it is in use; then its methods are safe for concurrent use.
//
// Sums depend on the half-life, the values of outcomes and the reliabilities
// alone: models that agree in these share a layout, and with it the sums.
type Model struct {
	Revision      string
	Layout        int64           // the number of its layout; 0 is that of [Default]
	HalfLife      time.Duration   // after which a touchpoint weighs half; 1 ms to 100 years
	Kappa         float64         // how many touchpoints of weight 1 the prior is worth; above 0
	Prior         [Stages]float64 // the mean a customer without touchpoints has; above 0, at most 1
	PriorVariance float64         // of one touchpoint around the prior
	StageWeights  [Stages]float64 // relative to each other; at least one above 0
	Aggregation   Aggregation
	PeakEnd       float64 // how much of the score is the peak and the end, 0 to 1; see [Model.Remember]

	Unmet, Met, Exceeded float64           // the values of an expectation's outcomes, 0 to 1
	Reliability          [Channels]float64 // by the number of the channel; above 0, at most 1
}

// Default returns the model of a brand that has not chosen one. Each call
// returns its own copy.
func Default() Model {
	m := Model{
		Revision:      "default",
		HalfLife:      90 * 24 * time.Hour,
		Kappa:         3,
		Prior:         [Stages]float64{0.75, 0.75, 0.75, 0.75, 0.75},
		PriorVariance: 0.0625,
		StageWeights:  [Stages]float64{1, 1, 1, 1, 1},
		Unmet:         0, Met: 0.75, Exceeded: 1,
	}
	for i := range m.Reliability {
		m.Reliability[i] = 1
	}
	return m
}

// SameLayout reports whether sums of m are sums of o.
func (m *Model) SameLayout(o *Model) bool {
	return m.HalfLife == o.HalfLife && m.Unmet == o.Unmet && m.Met == o.Met && m.Exceeded == o.Exceeded &&
		m.Reliability == o.Reliability
}

// Weight returns what a criterion weighs on a channel. A channel that m does not
// know is fully reliable.
func (m *Model) Weight(criterion float64, channel int) float64 {
	if channel < 0 || channel >= Channels {
		return criterion
	}
	return criterion * m.Reliability[channel]
}

// A Touch is what the score sees of one touchpoint.
type Touch struct {
	Time   int64   // of the event, microseconds since 1970, within 280 years of it
	Stage  int     // 0 to Stages-1
	Value  float64 // 0 to 1
	Weight float64 // criterion weight times channel reliability, see [Model.Weight]; above 0, at most 16

	Service bool // whether it counts for the service score as well
}

// Bucket returns the number of the half-life that us, microseconds since 1970,
// falls into. The half-life before 1970 is number -1.
func (m *Model) Bucket(us int64) int64 {
	bucket, _ := m.locate(us)
	return bucket
}

// locate returns the bucket of us and how far into it us lies, 0 to 1. The float
// division guesses the bucket, four times as fast as dividing whole numbers; the
// remainder, which is whole, sets the guess right.
func (m *Model) locate(us int64) (bucket int64, into float64) {
	length := m.HalfLife.Microseconds()
	part := 1 / float64(length)
	bucket = int64(float64(us) * part)
	rest := us - bucket*length
	for rest < 0 {
		bucket--
		rest += length
	}
	for rest >= length {
		bucket++
		rest -= length
	}
	return bucket, float64(float64(rest) * part)
}

// shares returns the stage weights as parts of 1.
func (m *Model) shares() [Stages]float64 {
	total := 0.0
	for _, w := range m.StageWeights {
		total += w
	}
	shares := m.StageWeights
	for i := range shares {
		shares[i] /= total
	}
	return shares
}
