package api

import (
	"cmp"
	"slices"
	"strconv"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A report adds up the rows of a tally.
type report struct {
	brand    string
	names    []string // of the dimensions, as in the request
	dims     []store.Dimension
	all      group
	groups   map[string]*keyed
	included int64
	excluded map[string]int64
}

// A keyed is a group and its place in a breakdown.
type keyed struct {
	keys []string
	group
}

// A group keeps what was said about each subject apart.
type group map[typev1.Subject]*figures

// The figures of a group are what was said about one subject.
type figures struct {
	answers         scale.Answers
	responses       int64
	invited, heeded int64
}

func newReport(brand string, req *surveyv1.QuerySurveyMetricsRequest) *report {
	r := &report{
		brand: brand, names: req.GetGroupBy(), dims: dimensions(req.GetGroupBy()),
		all: group{}, groups: map[string]*keyed{}, excluded: map[string]int64{},
	}
	if one := req.GetSubjects(); len(one) == 1 {
		r.all.of(one[0]) // so that it is counted even if nobody spoke of it
	}
	return r
}

// add adds a row, or refuses to keep another group.
func (r *report) add(row store.Tally) error {
	switch row.Of {
	case store.OfResponses:
		r.included += row.N
	case store.OfWords:
		r.included -= row.N
		r.excluded["NO_RATING"] += row.N
	case store.OfNoChannel:
		r.excluded["NO_CHANNEL"] += row.N
	case store.OfNoStage:
		r.excluded["NO_STAGE"] += row.N
	}
	if row.Of != store.OfGroups { // these overlap
		r.all.add(row)
	}
	if len(row.Keys) == 0 {
		return nil
	}
	id := strings.Join(row.Keys, "\x00")
	if r.groups[id] == nil {
		if len(r.groups) == fault.MaxGroups {
			return fault.TooManyGroups()
		}
		r.groups[id] = &keyed{row.Keys, group{}}
	}
	r.groups[id].add(row)
	return nil
}

func (g group) of(subject typev1.Subject) *figures {
	if g[subject] == nil {
		g[subject] = &figures{}
	}
	return g[subject]
}

func (g group) add(row store.Tally) {
	subject := toSubject(row.Subject)
	switch row.Of {
	case store.OfRatings:
		g.of(subject).answers.Add(scale.Kind(row.Kind), row.Rating, row.N)
	case store.OfResponses, store.OfGroups:
		g.of(subject).responses += row.N
	case store.OfInvited:
		f := g.of(subject)
		f.invited += row.N
		f.heeded += row.N * int64(row.Rating)
	}
}

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
}

// measures returns what is known of each subject, by metric, then subject.
func (g group) measures() []*typev1.Measure {
	var all []*typev1.Measure
	for subject, f := range g {
		for _, m := range f.answers.Measures() {
			to := published[m.Metric]
			one := &typev1.Measure{Metric: to.metric, Subject: subject, Estimate: measure.Estimate(m.Estimate, to.unit)}
			for _, c := range m.Histogram {
				one.Histogram = append(one.Histogram, &typev1.ScaleCount{Value: c.Rating, Count: c.N})
			}
			all = append(all, one)
		}
		if f.invited > 0 {
			all = append(all, &typev1.Measure{
				Metric: typev1.Metric_METRIC_RESPONSE_RATE, Subject: subject,
				Estimate: measure.Estimate(stats.Wilson(f.heeded, f.invited), typev1.Unit_UNIT_RATIO),
			})
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

// breakdown returns the groups in the order of their keys.
func (r *report) breakdown() []*typev1.MeasureGroup {
	var all []*typev1.MeasureGroup
	for _, g := range r.groups {
		one := &typev1.MeasureGroup{Measures: g.measures()}
		for i, key := range g.keys {
			one.Keys = append(one.Keys, &typev1.GroupKey{Dimension: r.names[i], Value: r.value(r.dims[i], key)})
		}
		all = append(all, one)
	}
	measure.Sort(all)
	return all
}

// value returns a key as the contract has it.
func (r *report) value(d store.Dimension, key string) string {
	switch d.Column {
	case store.ByChannel:
		return enum(typev1.Channel_name, key)
	case store.ByStage:
		return enum(typev1.Stage_name, key)
	case store.ByPhase:
		return enum(typev1.Phase_name, key)
	case store.BySurvey:
		return surveyName(r.brand, key)
	case store.ByPartner, store.ByTeam, store.ByAgent, store.ByDefinition:
		return full(r.brand, key)
	}
	return key
}

// enum returns the name of the number in key, or "" for the unspecified one.
func enum(names map[int32]string, key string) string {
	n, err := strconv.ParseInt(key, 10, 32)
	if err != nil || n == 0 {
		return ""
	}
	return names[int32(n)]
}
