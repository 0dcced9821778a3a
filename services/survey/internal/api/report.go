package api

import (
	"cmp"
	"slices"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A report adds up what was counted for measures.
type report struct {
	brand    string
	groupBy  []dimension // of the groups, without the choice
	choiceAt int         // the place of the choice among the group keys; -1 for none
	strata   *strata     // nil without weights
	all      group
	groups   map[groupKey]group
	lastKey  groupKey // of last, which mostly is the next one
	last     group
	choices  map[groupKey]choices
	included int64
	excluded map[string]int64
}

// A group keeps what was said about each subject apart.
type group map[typev1.Subject]*figures

// The figures of a group are what was said about one subject.
type figures struct {
	answers   scale.Answers      // without weights
	weighted  map[weighted]int64 // with weights
	responses int64
	turnout
}

// A turnout is how many of those invited answered: of all, and of those whose invitation
// is known to have arrived by more than an answer.
type turnout struct {
	invited, completed        int64
	reported, reportedAnswers int64
}

// weighted is a rating of one stratum.
type weighted struct {
	stratum int
	code    rollup.Code
}

func newReport(brand string, groupBy []string) *report {
	r := &report{
		brand: brand, choiceAt: slices.Index(groupBy, "choice"),
		all: group{}, groups: map[groupKey]group{}, choices: map[groupKey]choices{}, excluded: map[string]int64{},
	}
	for i, d := range groupBy {
		if i != r.choiceAt {
			r.groupBy = append(r.groupBy, newDimension(d))
		}
	}
	return r
}

// whole adds a count of everything.
func (r *report) whole(c *count) {
	stratum, weightless := r.strata.place(c.stratum)
	switch {
	case c.code == store.NoChannel:
		r.excluded["NO_CHANNEL"] += c.n
		return
	case c.code == store.NoStage:
		r.excluded["NO_STAGE"] += c.n
		return
	case weightless != "":
		if c.code == rollup.Responses {
			r.excluded[weightless] += c.n
		}
		return
	case c.code == rollup.Responses:
		r.included += c.n
	case c.code == rollup.Unrated:
		r.included -= c.n
		r.excluded["NO_RATING"] += c.n
	}
	r.all.add(c, stratum)
}

// group adds a count of a group, or refuses to keep another one.
func (r *report) group(c *count) error {
	stratum, weightless := r.strata.place(c.stratum)
	if weightless != "" {
		return nil
	}
	if r.choiceAt >= 0 {
		if r.choices[c.key] == nil {
			r.choices[c.key] = choices{}
		}
		r.choices[c.key].add(c, stratum)
		return nil
	}
	if r.last == nil || r.lastKey != c.key {
		g := r.groups[c.key]
		if g == nil {
			if len(r.groups) == fault.MaxGroups {
				return fault.TooManyGroups()
			}
			g = group{}
			r.groups[c.key] = g
		}
		r.lastKey, r.last = c.key, g
	}
	r.last.add(c, stratum)
	return nil
}

func (g group) of(subject typev1.Subject) *figures {
	if g[subject] == nil {
		g[subject] = &figures{}
	}
	return g[subject]
}

// add adds a count of a stratum, which is -1 without weights.
func (g group) add(c *count, stratum int) {
	f := g.of(toSubject(c.subject))
	if c.code == rollup.Responses {
		f.responses += c.n
	}
	if d, ok := c.code.Decision(); ok {
		f.invite(d, c.n)
	}
	kind, rating, ok := c.code.Rating()
	switch {
	case !ok:
	case stratum < 0:
		f.answers.Add(scale.Kind(kind), rating, c.n)
	default:
		if f.weighted == nil {
			f.weighted = map[weighted]int64{}
		}
		f.weighted[weighted{stratum, c.code}] += c.n
	}
}

// invite adds n invitations.
func (t *turnout) invite(d rollup.Decision, n int64) {
	var answered int64
	if d.Depth == rollup.Completed {
		answered = n
	}
	t.invited += n
	t.completed += answered
	if d.Reported {
		t.reported += n
		t.reportedAnswers += answered
	}
}

// counts returns how many answered, and of how many: of those whose invitation is known
// to have arrived or, where that is not even known of half of those who answered, of
// all. Both are always of the same invitations: an answer that alone tells of its
// delivery says nothing of those who did not give one.
func (t *turnout) counts() (answered, reached int64) {
	if t.reported > 0 && 2*t.reportedAnswers >= t.completed {
		return t.reportedAnswers, t.reported
	}
	return t.completed, t.invited
}

func (t *turnout) rate() stats.Estimate { return stats.Wilson(t.counts()) }

// published says how a metric of the scales goes by in the contract.
var published = map[scale.Metric]struct {
	metric typev1.Metric
	unit   typev1.Unit
}{
	scale.NetPromoterScore: {typev1.Metric_METRIC_NPS, typev1.Unit_UNIT_POINTS},
	scale.SatisfiedShare:   {typev1.Metric_METRIC_CSAT, typev1.Unit_UNIT_RATIO},
	scale.SatisfactionMean: {typev1.Metric_METRIC_CSAT_MEAN, typev1.Unit_UNIT_POINTS},
	scale.EffortMean:       {typev1.Metric_METRIC_CES, typev1.Unit_UNIT_POINTS},
	scale.EasyShare:        {typev1.Metric_METRIC_CES_EASY_SHARE, typev1.Unit_UNIT_RATIO},
	scale.EffortMean2010:   {typev1.Metric_METRIC_CES_V1, typev1.Unit_UNIT_POINTS},
	scale.StarMean:         {typev1.Metric_METRIC_STAR, typev1.Unit_UNIT_POINTS},
	scale.TopStarShare:     {typev1.Metric_METRIC_STAR_TOP2_SHARE, typev1.Unit_UNIT_RATIO},
	scale.ExceededShare:    {typev1.Metric_METRIC_ANSWERED_EXCEEDED_SHARE, typev1.Unit_UNIT_RATIO},
	scale.UnmetShare:       {typev1.Metric_METRIC_ANSWERED_UNMET_SHARE, typev1.Unit_UNIT_RATIO},
}

// measures returns what is known of each subject, by metric, then subject. With
// weights there is nothing but what they weigh.
func (g group) measures(s *strata) []*typev1.Measure {
	var all []*typev1.Measure
	for subject, f := range g {
		for _, m := range f.scales(s) {
			to := published[m.Metric]
			one := &typev1.Measure{Metric: to.metric, Subject: subject, Estimate: measure.Estimate(m.Estimate, to.unit)}
			for _, c := range m.Histogram {
				one.Histogram = append(one.Histogram, &typev1.ScaleCount{Value: c.Rating, Count: c.N})
			}
			all = append(all, one)
		}
		if s != nil {
			continue
		}
		if f.invited > 0 {
			all = append(all, &typev1.Measure{Metric: typev1.Metric_METRIC_RESPONSE_RATE, Subject: subject, Estimate: measure.Estimate(f.rate(), typev1.Unit_UNIT_RATIO)})
		}
		all = append(all, &typev1.Measure{
			Metric: typev1.Metric_METRIC_RESPONSE_COUNT, Subject: subject, Estimate: measure.Count(f.responses),
		})
	}
	slices.SortFunc(all, func(a, b *typev1.Measure) int {
		return cmp.Or(cmp.Compare(a.GetMetric(), b.GetMetric()), cmp.Compare(a.GetSubject(), b.GetSubject()))
	})
	return all
}

// scales returns the metrics of the scales.
func (f *figures) scales(s *strata) []scale.Measure {
	if s != nil {
		return scale.Weighted(s.of(f.weighted))
	}
	return f.answers.Measures()
}

// breakdown returns the groups in the order of their keys.
func (r *report) breakdown() ([]*typev1.MeasureGroup, error) {
	if r.choiceAt >= 0 {
		return r.byChoice()
	}
	var all []*typev1.MeasureGroup
	for key, g := range r.groups {
		if measures := g.measures(r.strata); len(measures) > 0 {
			all = append(all, &typev1.MeasureGroup{Keys: keys(r.brand, r.groupBy, key), Measures: measures})
		}
	}
	measure.Sort(all)
	return all, nil
}

// keys returns a key as the contract has it.
func keys(brand string, groupBy []dimension, key groupKey) (all []*typev1.GroupKey) {
	for i, d := range groupBy {
		all = append(all, &typev1.GroupKey{Dimension: d.name, Value: d.value(brand, key[i])})
	}
	return all
}
