// Package insight measures sets of touchpoints: how many there are, how far they
// meet expectations, what people feel and tell others, how many are service
// touchpoints, and how their journey scores. It is pure, and what it says does not
// depend on the order of the touchpoints.
package insight

import (
	"time"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

// Why a touchpoint does not enter a measure.
const (
	NoOutcome     = "NO_OUTCOME"     // neither a rating nor an expectation
	NoExpectation = "NO_EXPECTATION" // nobody knows what the customer expected
)

// An Observation is one touchpoint.
type Observation struct {
	Customer    string
	Expectation typev1.Expectation
	Service     bool
	Touch       score.Touch
	Scored      bool // whether the value of Touch is known
	Word        Word
}

// A Group adds up observations; their order has no say in what it measures. Make
// one with [New].
type Group struct {
	model       *score.Model
	touchpoints int64
	service     int64
	expectation [4]int64 // by typev1.Expectation
	outcomes    stats.Values
	customers   map[string]*customer
	before      map[string]bool // who was there before the window; nil if nobody asks
	cells       map[cell]*score.Sums
	unscored    int64
}

// A customer is what a Group knows of one.
type customer struct {
	day     int64 // of some touchpoint
	days    bool  // whether there are others
	service bool
	word    Word
	said    int64 // when
}

type cell struct {
	bucket int64
	stage  int
}

// New returns an empty group whose journey model scores.
func New(model *score.Model) *Group {
	return &Group{model: model, customers: map[string]*customer{}, cells: map[cell]*score.Sums{}}
}

// Day is the number of the day, in UTC, that us, microseconds since 1970 and not
// before, falls on.
func Day(us int64) int64 { return us / (24 * time.Hour).Microseconds() }

// Add takes an observation of the window.
func (g *Group) Add(o Observation) {
	g.touchpoints++
	g.expectation[o.Expectation]++
	if o.Scored {
		g.outcomes.Add(o.Touch.Value)
	}
	c, day := g.customers[o.Customer], Day(o.Touch.Time)
	if c == nil {
		c = &customer{day: day}
		g.customers[o.Customer] = c
	}
	c.days = c.days || c.day != day
	if o.Service {
		g.service++
		c.service = true
	}
	c.says(o.Word, o.Touch.Time)
}

// Returning makes g tell how many customers came back: those whom it finds in before.
func (g *Group) Returning(before map[string]bool) { g.before = before }

// Live takes an observation of the journey, which begins long before the window.
func (g *Group) Live(o Observation) {
	if !o.Scored {
		g.unscored++
		return
	}
	g.sums(cell{g.model.Bucket(o.Touch.Time), o.Touch.Stage}).Add(g.model.Add(o.Touch))
}

// Lived takes observations of the journey that were added up before, and the
// number of those without an outcome.
func (g *Group) Lived(cells []score.Cell, unscored int64) {
	for _, c := range cells {
		g.sums(cell{c.Bucket, c.Stage}).Add(c.Sums)
	}
	g.unscored += unscored
}

func (g *Group) sums(at cell) *score.Sums {
	s := g.cells[at]
	if s == nil {
		s = &score.Sums{}
		g.cells[at] = s
	}
	return s
}

// Touchpoints returns the number of observations of the window.
func (g *Group) Touchpoints() int64 { return g.touchpoints }

// Nesting counts the inner circle within the outer one.
func (g *Group) Nesting() *journeyv1.Nesting {
	n := &journeyv1.Nesting{
		Touchpoints: g.touchpoints, ServiceTouchpoints: g.service, Customers: int64(len(g.customers)),
	}
	for _, c := range g.customers {
		if c.service {
			n.ServiceCustomers++
		}
	}
	return n
}

// Measures returns what g measures, the journey as of asOf, which comes after all
// of it. Of a brand without data there is nothing but NO_DATA and counts of 0.
func (g *Group) Measures(asOf int64, tell Telling) []*typev1.Measure {
	unknown, unmet, met, exceeded := g.expectations()
	known := unmet + met + exceeded
	var repeated, returned int64
	for id, c := range g.customers {
		if c.days {
			repeated++
		}
		if g.before[id] {
			returned++
		}
	}
	customers := int64(len(g.customers))
	all := []*typev1.Measure{
		count(typev1.Metric_METRIC_TOUCHPOINT_COUNT, g.touchpoints),
		count(typev1.Metric_METRIC_ACTIVE_CUSTOMER_COUNT, customers),
		share(typev1.Metric_METRIC_EXPECTATION_MET_SHARE, met+exceeded, known, unknown),
		share(typev1.Metric_METRIC_UNMET_SHARE, unmet, known, unknown),
		share(typev1.Metric_METRIC_DELIGHT_RATE, exceeded, known, unknown),
		{
			Metric: typev1.Metric_METRIC_JOURNEY_SCORE, Subject: typev1.Subject_SUBJECT_EXPERIENCE,
			Estimate: measure.Estimate(g.journey(asOf), typev1.Unit_UNIT_POINTS),
			Excluded: measure.Exclusions(map[string]int64{NoOutcome: g.unscored}),
		},
		share(typev1.Metric_METRIC_REPEAT_CUSTOMER_RATE, repeated, customers, 0),
		share(typev1.Metric_METRIC_SERVICE_TOUCHPOINT_SHARE, g.service, g.touchpoints, 0),
		share(typev1.Metric_METRIC_AS_EXPECTED_SHARE, met, known, unknown),
		g.outcome(typev1.Metric_METRIC_OUTCOME_MEAN, g.outcomes.Mean(stats.Scale{Low: 0, High: 1})),
		g.outcome(typev1.Metric_METRIC_OUTCOME_SPREAD, g.outcomes.Spread()),
	}
	if g.before != nil {
		all = append(all, share(typev1.Metric_METRIC_RETURNING_CUSTOMER_RATE, returned, customers, 0))
	}
	return append(all, g.mouth(tell))
}

// expectations returns how many touchpoints had which, the unknown ones first.
func (g *Group) expectations() (unknown, unmet, met, exceeded int64) {
	return g.expectation[typev1.Expectation_EXPECTATION_UNSPECIFIED], g.expectation[typev1.Expectation_EXPECTATION_UNMET],
		g.expectation[typev1.Expectation_EXPECTATION_MET], g.expectation[typev1.Expectation_EXPECTATION_EXCEEDED]
}

// Split divides the touchpoints by what was expected.
func (g *Group) Split() *journeyv1.ExpectationSplit {
	unknown, unmet, met, exceeded := g.expectations()
	shares := stats.Goodman([]int64{unmet, met, exceeded})
	return &journeyv1.ExpectationSplit{
		Unmet: ratio(shares[0]), Met: ratio(shares[1]), Exceeded: ratio(shares[2]),
		Excluded: measure.Exclusions(map[string]int64{NoExpectation: unknown}),
	}
}

// journey scores the journey. Few touchpoints are few people's: they are not shown.
func (g *Group) journey(asOf int64) stats.Estimate { return shown(g.result(asOf).Estimate()) }

func (g *Group) result(asOf int64) score.Result {
	cells := make([]score.Cell, 0, len(g.cells))
	for at, s := range g.cells {
		cells = append(cells, score.Cell{Stage: at.stage, Bucket: at.bucket, Sums: *s})
	}
	return g.model.Latest(cells, asOf)
}

// shown returns e unless it rests on few.
func shown(e stats.Estimate) stats.Estimate {
	if e.N < stats.MinShown {
		e.Known = false
		if e.N > 0 {
			e.Quality = stats.QualitySuppressed
		}
	}
	return e
}

func count(metric typev1.Metric, n int64) *typev1.Measure {
	return &typev1.Measure{Metric: metric, Subject: typev1.Subject_SUBJECT_EXPERIENCE, Estimate: measure.Count(n)}
}

func share(metric typev1.Metric, k, n, unknown int64) *typev1.Measure {
	return &typev1.Measure{
		Metric: metric, Subject: typev1.Subject_SUBJECT_EXPERIENCE, Estimate: ratio(stats.Wilson(k, n)),
		Excluded: measure.Exclusions(map[string]int64{NoExpectation: unknown}),
	}
}

func ratio(e stats.Estimate) *typev1.Estimate { return measure.Estimate(e, typev1.Unit_UNIT_RATIO) }

// outcome is a measure of the outcomes.
func (g *Group) outcome(metric typev1.Metric, e stats.Estimate) *typev1.Measure {
	return &typev1.Measure{
		Metric: metric, Subject: typev1.Subject_SUBJECT_EXPERIENCE, Estimate: ratio(e),
		Excluded: measure.Exclusions(map[string]int64{NoOutcome: g.touchpoints - e.N}),
	}
}
