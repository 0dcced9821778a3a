package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// QueryFeedbackMetrics implements FeedbackService.
//
// Ratings on other scales than 1 to 5, high is good, are counted as excluded; all else
// about that feedback is measured.
func (s *Server) QueryFeedbackMetrics(ctx context.Context, req *surveyv1.QueryFeedbackMetricsRequest) (*surveyv1.QueryFeedbackMetricsResponse, error) {
	brand, read, window := name.ID(req.GetParent()), s.now(), req.GetWindow()
	picked, err := feedbackFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	if window == nil {
		first, last, err := s.Store.FeedbackSpan(ctx, brand)
		switch {
		case err == nil:
			window = measure.Window(first, last.Add(time.Microsecond))
		case !errors.Is(err, store.ErrNotFound):
			return nil, err
		}
	}
	rep := newFeedbackReport(brand, req.GetGroupBy())
	if window != nil {
		r := store.FeedbackRange{
			Brand: brand, Start: window.GetStartTime().AsTime(), End: window.GetEndTime().AsTime(), Where: picked.Where(s.DB.Postgres()),
		}
		if err := s.Store.TallyFeedback(ctx, r, rep.dims, rep.add); err != nil {
			return nil, err
		}
	}
	return &surveyv1.QueryFeedbackMetricsResponse{
		Basis: &typev1.Basis{
			Window: window, ReadTime: timestamp(read), Included: rep.included, Sources: []string{"survey"},
			Excluded: measure.Exclusions(map[string]int64{"OTHER_SCALE": rep.otherScale}),
		},
		Groups: rep.breakdown(),
	}, nil
}

// A feedbackReport adds up the rows of a tally, each solicitation on its own.
type feedbackReport struct {
	brand      string
	names      []string // of the dimensions, as in the request
	dims       []store.FeedbackDimension
	groups     map[string]*feedbackGroup
	included   int64
	otherScale int64
}

func newFeedbackReport(brand string, names []string) *feedbackReport {
	r := &feedbackReport{brand: brand, names: names, groups: map[string]*feedbackGroup{}}
	for _, n := range names {
		r.dims = append(r.dims, store.FeedbackDimension(n))
	}
	return r
}

// add adds a row, or refuses to keep another group.
func (r *feedbackReport) add(row store.FeedbackTally) error {
	whose := surveyv1.Feedback_Solicitation(row.Solicitation).String()
	id := strings.Join(append([]string{whose}, row.Keys...), "\x00")
	g := r.groups[id]
	if g == nil {
		if len(r.groups) == fault.MaxGroups {
			return fault.TooManyGroups()
		}
		g = &feedbackGroup{keys: []*typev1.GroupKey{{Dimension: "solicitation", Value: whose}}}
		for i, key := range row.Keys {
			g.keys = append(g.keys, &typev1.GroupKey{Dimension: r.names[i], Value: feedbackKey(r.dims[i], key)})
		}
		r.groups[id] = g
	}
	r.included += row.N
	if row.Rating == store.OtherScale {
		r.otherScale += row.N
	}
	g.add(row)
	return nil
}

// feedbackKey returns a key as the contract has it.
func feedbackKey(d store.FeedbackDimension, key string) string {
	switch d {
	case store.FeedbackSource:
		return enum(surveyv1.Feedback_Source_name, key)
	case store.FeedbackChannel:
		return enum(typev1.Channel_name, key)
	case store.FeedbackStage:
		return enum(typev1.Stage_name, key)
	case store.FeedbackLabel:
		return enum(surveyv1.Sentiment_Label_name, key)
	case store.FeedbackOwner:
		return enum(typev1.Function_name, key)
	}
	return key
}

// breakdown returns the groups in the order of their keys.
func (r *feedbackReport) breakdown() []*typev1.MeasureGroup {
	var all []*typev1.MeasureGroup
	for _, g := range r.groups {
		all = append(all, &typev1.MeasureGroup{Keys: g.keys, Measures: g.measures()})
	}
	measure.Sort(all)
	return all
}

// A feedbackGroup is what is known of the feedback of one combination of keys.
type feedbackGroup struct {
	keys                       []*typev1.GroupKey
	n                          int64
	labels                     [5]int64 // by label
	written, unreadable        int64    // with words, and of these those that nobody reads
	compound                   stats.Moments
	ratings                    [6]int64 // by rating
	public, reach              int64
	voiced, reachUp, reachDown int64 // said in public and not neutral, and who could see it
	assigned, completed        int64
	closing                    stats.Durations
}

func (g *feedbackGroup) add(row store.FeedbackTally) {
	if row.N == 0 {
		g.closing.Add(row.TimeToClose)
		return
	}
	g.n += row.N
	g.labels[row.Label] += row.N
	if row.Analyzed != 0 {
		g.written += row.N
		if feedbackLabel(row.Label) == surveyv1.Sentiment_LABEL_UNKNOWN {
			g.unreadable += row.N
		}
	}
	if analyzed := feedbackLabel(row.Analyzed); analyzed != 0 && analyzed != surveyv1.Sentiment_LABEL_UNKNOWN {
		g.compound.N += row.N
		g.compound.Sum += row.Compound
		g.compound.SumSq += row.CompoundSquared
	}
	if row.Rating > 0 && row.Rating < store.OtherScale {
		g.ratings[row.Rating] += row.N
	}
	if row.Public == 1 {
		g.public += row.N
		g.reach += row.Reach
		switch feedbackLabel(row.Label) {
		case surveyv1.Sentiment_LABEL_POSITIVE:
			g.voiced, g.reachUp = g.voiced+row.N, g.reachUp+row.Reach
		case surveyv1.Sentiment_LABEL_NEGATIVE:
			g.voiced, g.reachDown = g.voiced+row.N, g.reachDown+row.Reach
		}
	}
	if row.Status != 0 {
		g.assigned += row.N
	}
	if row.Status == int32(surveyv1.FeedbackAction_STATUS_COMPLETED) {
		g.completed += row.N
	}
}

func feedbackLabel(n int32) surveyv1.Sentiment_Label { return surveyv1.Sentiment_Label(n) }

// measures returns what can be said about g, by metric. What nothing is known of is left
// out.
func (g *feedbackGroup) measures() []*typev1.Measure {
	positive, negative := g.labels[surveyv1.Sentiment_LABEL_POSITIVE], g.labels[surveyv1.Sentiment_LABEL_NEGATIVE]
	readable := positive + negative + g.labels[surveyv1.Sentiment_LABEL_NEUTRAL]
	p50, p90 := g.closing.Quantile(0.5).Times(1e-9), g.closing.Quantile(0.9).Times(1e-9)
	rating, histogram := g.rating()
	all := []*typev1.Measure{
		{Metric: typev1.Metric_METRIC_FEEDBACK_COUNT, Estimate: measure.Count(g.n)},
		feedbackShare(typev1.Metric_METRIC_POSITIVE_SHARE, positive, readable),
		feedbackShare(typev1.Metric_METRIC_NEGATIVE_SHARE, negative, readable),
		{Metric: typev1.Metric_METRIC_SENTIMENT_MEAN, Estimate: measure.Estimate(
			stats.Mean(g.compound, stats.Scale{Low: -1, High: 1, Unit: 1.0 / store.CompoundUnit}), typev1.Unit_UNIT_POINTS)},
		feedbackShare(typev1.Metric_METRIC_UNREADABLE_SHARE, g.unreadable, g.written),
		{Metric: typev1.Metric_METRIC_FEEDBACK_RATING_MEAN, Estimate: measure.Estimate(rating, typev1.Unit_UNIT_POINTS), Histogram: histogram},
		{Metric: typev1.Metric_METRIC_PUBLIC_REACH, Estimate: g.reached()},
		{Metric: typev1.Metric_METRIC_REPUTATION, Estimate: measure.Estimate(g.reputation(), typev1.Unit_UNIT_POINTS)},
		feedbackShare(typev1.Metric_METRIC_ACTION_RATE, g.assigned, g.n),
		feedbackShare(typev1.Metric_METRIC_ACTION_COMPLETED_SHARE, g.completed, g.assigned),
		{Metric: typev1.Metric_METRIC_TIME_TO_CLOSE_P50, Estimate: measure.Estimate(p50, typev1.Unit_UNIT_SECONDS)},
		{Metric: typev1.Metric_METRIC_TIME_TO_CLOSE_P90, Estimate: measure.Estimate(p90, typev1.Unit_UNIT_SECONDS)},
	}
	return slices.DeleteFunc(all, func(m *typev1.Measure) bool { return m.GetEstimate().GetN() == 0 })
}

func feedbackShare(m typev1.Metric, k, n int64) *typev1.Measure {
	return &typev1.Measure{Metric: m, Estimate: measure.Estimate(stats.Wilson(k, n), typev1.Unit_UNIT_RATIO)}
}

// rating returns the mean rating and how often there was which.
func (g *feedbackGroup) rating() (mean stats.Estimate, histogram []*typev1.ScaleCount) {
	var m stats.Moments
	for rating, n := range g.ratings {
		m.Add(int64(rating), n)
	}
	mean = stats.Mean(m, stats.Scale{Low: 1, High: 5})
	if !mean.Known {
		return mean, nil
	}
	for rating := 1; rating < len(g.ratings); rating++ {
		histogram = append(histogram, &typev1.ScaleCount{Value: int32(rating), Count: g.ratings[rating]}) //nolint:gosec // 1 to 5
	}
	return mean, histogram
}

// reached returns how many people could see what was said in public.
func (g *feedbackGroup) reached() *typev1.Estimate {
	e := measure.Count(g.public)
	sum := float64(g.reach)
	e.Value = &sum
	return e
}

// reputation returns how much farther praise reached than blame, from -100 to 100.
func (g *feedbackGroup) reputation() stats.Estimate {
	e := stats.Wilson(0, g.voiced) // for its quality
	e.Lower, e.Upper, e.Interval, e.Method = 0, 0, false, stats.MethodNone
	e.Value = 0
	if both := g.reachUp + g.reachDown; both == 0 {
		e.Known = false
	} else if e.Known {
		e.Value = 100 * float64(g.reachUp-g.reachDown) / float64(both)
	}
	return e
}
