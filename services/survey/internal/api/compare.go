package api

import (
	"context"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
)

// CompareSurveyMetrics implements SurveyMetricsService. The sides are taken as samples
// of their own: of answers that are in both the difference knows nothing.
func (s *Server) CompareSurveyMetrics(ctx context.Context, req *surveyv1.CompareSurveyMetricsRequest) (*surveyv1.CompareSurveyMetricsResponse, error) {
	metric, err := metricOf(req.GetMetric())
	if err != nil {
		return nil, err
	}
	brand := name.ID(req.GetParent())
	var sides [2]side
	for i, p := range []*surveyv1.CompareSurveyMetricsRequest_Side{req.GetA(), req.GetB()} {
		if sides[i], err = s.side(ctx, brand, p, req.GetMetric()); err != nil {
			return nil, err
		}
	}
	a, b := &sides[0], &sides[1]
	if err := oneSubject(req.GetParent(), a, b); err != nil {
		return nil, err
	}
	for _, one := range []*side{a, b} {
		if one.asked.subjects == nil { // its subject shows only now; its basis is of all of them
			if err := one.count(ctx, s); err != nil {
				return nil, err
			}
		}
	}
	resp := &surveyv1.CompareSurveyMetricsResponse{
		BasisA: a.basis, BasisB: b.basis, A: a.measure(req.GetMetric()), B: b.measure(req.GetMetric()),
	}
	var d stats.Difference
	if x, y := a.figures(), b.figures(); metric == 0 {
		d = stats.Subtract(y.rate(), x.rate())
	} else {
		d = scale.Compare(metric, &x.answers, &y.answers)
	}
	resp.Verdict = verdictOf(d)
	if d.Known {
		resp.Difference, resp.PValue = difference(d, resp.GetA().GetEstimate(), resp.GetB().GetEstimate()), &d.P
	}
	return resp, nil
}

// metricOf returns the metric of the scales that m is, 0 for the response rate, or says
// that m cannot be compared.
func metricOf(m typev1.Metric) (scale.Metric, error) {
	for known, to := range published {
		if to.metric == m {
			return known, nil
		}
	}
	if m == typev1.Metric_METRIC_RESPONSE_RATE {
		return 0, nil
	}
	return 0, fault.Invalid(fault.Field{
		Path: "metric", Reason: "WRONG_METRIC", Description: "must be one of surveys that is neither a count nor told by choice",
	})
}

// A side is one set of responses.
type side struct {
	asked asking
	*report
	basis   *typev1.Basis
	subject typev1.Subject // unspecified where there is nothing
}

// side counts one side, or says that it is about several subjects.
func (s *Server) side(ctx context.Context, brand string, p *surveyv1.CompareSurveyMetricsRequest_Side, m typev1.Metric) (one side, err error) {
	one.asked = asking{brand: brand, window: p.GetWindow(), population: p.GetPopulation(), surveys: p.GetSurveys(), filter: p.GetFilter()}
	one.subject = p.GetSubject()
	surveys, err := s.surveysOf(ctx, one.asked)
	if err != nil {
		return one, err
	}
	for i, v := range surveys {
		switch of := toSubject(v.Subject); {
		case one.subject == typev1.Subject_SUBJECT_UNSPECIFIED:
			one.subject = of
		case one.subject != of:
			return one, mixed(p.GetSurveys()[i], one.subject, of)
		}
	}
	if err := one.count(ctx, s); err != nil {
		return one, err
	}
	for _, found := range one.all.measures(nil) {
		switch {
		case found.GetMetric() != m || found.GetSubject() == one.subject:
		case one.subject == typev1.Subject_SUBJECT_UNSPECIFIED:
			one.subject = found.GetSubject()
		default:
			return one, mixed(name.Join("brands", brand), one.subject, found.GetSubject())
		}
	}
	return one, nil
}

// count counts what the side is about: one subject, if that is known.
func (s *side) count(ctx context.Context, from *Server) (err error) {
	if s.subject != typev1.Subject_SUBJECT_UNSPECIFIED {
		s.asked.subjects = []typev1.Subject{s.subject}
	}
	s.report, s.basis, err = from.report(ctx, s.asked)
	return err
}

// oneSubject returns an error unless both sides are about the same subject. A side
// without data is about that of the other.
func oneSubject(brand string, a, b *side) error {
	switch typev1.Subject_SUBJECT_UNSPECIFIED {
	case a.subject:
		a.subject = b.subject
	case b.subject:
		b.subject = a.subject
	}
	if a.subject != b.subject {
		return mixed(brand, a.subject, b.subject)
	}
	return nil
}

func mixed(name string, a, b typev1.Subject) error {
	return fault.Precondition("MIXED_SUBJECT", name, "both sides must be about one subject, not about %v and %v", a, b)
}

func (s *side) figures() *figures { return s.all.of(s.subject) }

// measure returns the measure of the side, one of no data if there is none.
func (s *side) measure(m typev1.Metric) *typev1.Measure {
	for _, one := range s.all.measures(nil) {
		if one.GetMetric() == m && one.GetSubject() == s.subject {
			return one
		}
	}
	return &typev1.Measure{Metric: m, Subject: s.subject, Estimate: measure.Estimate(stats.Estimate{}, unitOf(m))}
}

func unitOf(m typev1.Metric) typev1.Unit {
	for _, to := range published {
		if to.metric == m {
			return to.unit
		}
	}
	return typev1.Unit_UNIT_RATIO
}

// difference returns d as far as the estimates it was made of can carry it.
func difference(d stats.Difference, a, b *typev1.Estimate) *typev1.Estimate {
	p := &typev1.Estimate{
		Value: &d.Value, N: a.GetN() + b.GetN(), EffectiveN: a.GetEffectiveN() + b.GetEffectiveN(),
		Method: typev1.Method_METHOD_NONE, Quality: max(a.GetQuality(), b.GetQuality()), Unit: a.GetUnit(),
	}
	if d.Interval {
		p.Lower, p.Upper, p.ConfidenceLevel, p.Method = &d.Lower, &d.Upper, measure.Confidence, typev1.Method_METHOD_DELTA
	}
	return p
}

func verdictOf(d stats.Difference) surveyv1.CompareSurveyMetricsResponse_Verdict {
	switch {
	case !d.Known:
		return surveyv1.CompareSurveyMetricsResponse_VERDICT_INSUFFICIENT
	case !d.Distinguishable:
		return surveyv1.CompareSurveyMetricsResponse_VERDICT_NOT_DISTINGUISHABLE
	case d.Value > 0:
		return surveyv1.CompareSurveyMetricsResponse_VERDICT_B_HIGHER
	}
	return surveyv1.CompareSurveyMetricsResponse_VERDICT_B_LOWER
}
