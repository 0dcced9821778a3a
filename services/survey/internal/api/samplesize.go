package api

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
)

// maxSample is the most answers that a size is told of.
const maxSample = 1e10

// EstimateSampleSize implements SurveyMetricsService.
func (s *Server) EstimateSampleSize(ctx context.Context, req *surveyv1.EstimateSampleSizeRequest) (*surveyv1.EstimateSampleSizeResponse, error) {
	metric, err := metricOf(req.GetMetric())
	if err != nil {
		return nil, err
	}
	a := asking{brand: name.ID(req.GetParent()), window: req.GetWindow(), surveys: req.GetSurveys()}
	if req.GetSubject() != typev1.Subject_SUBJECT_UNSPECIFIED {
		a.subjects = []typev1.Subject{req.GetSubject()}
	}
	r, _, err := s.report(ctx, a)
	if err != nil {
		return nil, err
	}
	known, one := r.all.alone()
	if !one && req.Variance == nil {
		return nil, fault.Invalid(fault.Field{Path: "subject", Reason: "REQUIRED", Description: "must be given: there is data about several"})
	}
	resp := &surveyv1.EstimateSampleSizeResponse{}
	if err := known.spread(metric, req.Variance, resp); err != nil {
		return nil, err
	}
	size := needed(metric, resp.GetVariance(), req.GetMargin())
	if size > maxSample {
		return nil, fault.Invalid(fault.Field{Path: "margin", Reason: "TOO_SMALL", Description: "takes more answers than there are people"})
	}
	resp.Responses = int64(size)
	if known.invited == 0 {
		return resp, nil
	}
	resp.ResponseRate = measure.Estimate(known.rate(), typev1.Unit_UNIT_RATIO)
	if resp.GetResponseRate().GetValue() > 0 {
		answered, reached := known.counts()
		ask := int64(math.Ceil(size * float64(reached) / float64(answered)))
		resp.Invitations = &ask
	}
	return resp, nil
}

// alone returns the figures of the one subject that there is data about, and false if
// there are several. Without any they are empty.
func (g group) alone() (*figures, bool) {
	if subjects := slices.Collect(maps.Keys(g)); len(subjects) == 1 {
		return g[subjects[0]], true
	}
	return &figures{}, len(g) == 0
}

// spread fills in the variance that was given, or the one that is known.
func (f *figures) spread(metric scale.Metric, given *float64, resp *surveyv1.EstimateSampleSizeResponse) error {
	variance, worst, n := f.variance(metric)
	switch {
	case given != nil && *given > worst:
		return fault.Invalid(fault.Field{Path: "variance", Reason: "TOO_LARGE", Description: fmt.Sprintf("must be at most %g for this metric", worst)})
	case given != nil:
		resp.Variance = *given
	case n < stats.MinSound:
		resp.Variance, resp.WorstCase = worst, true
	default:
		resp.Variance = variance
	}
	return nil
}

// variance returns that of one answer, the largest one there can be, and of how many
// answers it is.
func (f *figures) variance(metric scale.Metric) (variance, worst float64, n int64) {
	if metric != 0 {
		return scale.Spread(metric, &f.answers)
	}
	answered, n := f.counts()
	if n > 0 {
		rate := float64(answered) / float64(n)
		variance = rate * (1 - rate)
	}
	return variance, .25, n
}

func needed(metric scale.Metric, variance, margin float64) float64 {
	if metric == 0 {
		return stats.SampleSize(variance, margin)
	}
	return scale.SampleSize(metric, variance, margin)
}
