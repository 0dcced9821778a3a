package compose

import (
	"math"
	"slices"

	"gonum.org/v1/gonum/stat/distuv"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Compare holds the measures of a part, own, against the same measures of what is left of
// all without it. Shares, means and NPS are taken apart exactly, from what the measures say of
// their samples; what cannot be is VERDICT_INSUFFICIENT.
func Compare(own, all []*typev1.Measure) []*gatewayv1.Comparison {
	type key struct {
		metric  typev1.Metric
		subject typev1.Subject
	}
	whole := map[key]*typev1.Measure{}
	for _, m := range all {
		whole[key{m.GetMetric(), m.GetSubject()}] = m
	}
	comparisons := make([]*gatewayv1.Comparison, 0, len(own))
	var tested []*gatewayv1.Comparison
	var p []float64
	for _, m := range own {
		c := &gatewayv1.Comparison{Measure: m, Verdict: gatewayv1.Verdict_VERDICT_INSUFFICIENT}
		comparisons = append(comparisons, c)
		rest, exact := without(whole[key{m.GetMetric(), m.GetSubject()}], m)
		c.Rest = rest
		if !exact {
			continue
		}
		d := stats.Subtract(statsOf(m.GetEstimate()), statsOf(rest))
		if !d.Known || !d.Interval {
			continue
		}
		c.Difference = difference(d, m.GetEstimate(), rest)
		tested, p = append(tested, c), append(p, d.P)
	}
	for i, adjusted := range stats.Holm(p) {
		tested[i].PValue = &adjusted
		tested[i].Verdict = verdict(tested[i].GetDifference().GetValue(), adjusted)
	}
	return comparisons
}

// significance is the risk of calling two like figures different.
const significance = 0.05

// verdict says what a difference that comes by chance with the probability p can say.
func verdict(difference, p float64) gatewayv1.Verdict {
	switch {
	case p >= significance || difference == 0:
		return gatewayv1.Verdict_VERDICT_NOT_DISTINGUISHABLE
	case difference > 0:
		return gatewayv1.Verdict_VERDICT_HIGHER
	}
	return gatewayv1.Verdict_VERDICT_LOWER
}

// difference returns d as far as the estimates it was made of can carry it.
func difference(d stats.Difference, a, b *typev1.Estimate) *typev1.Estimate {
	return &typev1.Estimate{
		Value: &d.Value, Lower: &d.Lower, Upper: &d.Upper, ConfidenceLevel: measure.Confidence,
		N: a.GetN() + b.GetN(), EffectiveN: a.GetEffectiveN() + b.GetEffectiveN(),
		Method: typev1.Method_METHOD_DELTA, Quality: max(a.GetQuality(), b.GetQuality()), Unit: a.GetUnit(),
	}
}

// statsOf reads e.
func statsOf(e *typev1.Estimate) stats.Estimate {
	return stats.Estimate{
		Value: e.GetValue(), Lower: e.GetLower(), Upper: e.GetUpper(), Known: e != nil && e.Value != nil,
		Interval: e != nil && e.Lower != nil && e.Upper != nil, N: e.GetN(), EffectiveN: e.GetEffectiveN(),
	}
}

// shared are the metrics over customers: the same one may be of own and of the rest.
var shared = []typev1.Metric{
	typev1.Metric_METRIC_ACTIVE_CUSTOMER_COUNT, typev1.Metric_METRIC_REPEAT_CUSTOMER_RATE,
	typev1.Metric_METRIC_RETURNING_CUSTOMER_RATE, typev1.Metric_METRIC_WORD_OF_MOUTH,
}

// without returns the measure of what is left of all without own, and whether that can be told
// exactly and compared.
func without(all, own *typev1.Measure) (rest *typev1.Estimate, exact bool) {
	a, o := all.GetEstimate(), own.GetEstimate()
	if a == nil || a.Value == nil || o == nil || o.Value == nil || a.GetN() < o.GetN() || slices.Contains(shared, own.GetMetric()) {
		return nil, false
	}
	switch o.GetMethod() {
	case typev1.Method_METHOD_WILSON:
		return measure.Estimate(stats.Wilson(successes(a)-successes(o), a.GetN()-o.GetN()), o.GetUnit()), true
	case typev1.Method_METHOD_ADJUSTED_WALD:
		if all.GetMetric() != typev1.Metric_METRIC_NPS {
			return nil, false
		}
		promoters, passives, detractors := recommendations(all)
		p, q, d := recommendations(own)
		return measure.Estimate(stats.NPS(promoters-p, passives-q, detractors-d), o.GetUnit()), true
	case typev1.Method_METHOD_STUDENT_T:
		return restOfMean(a, o)
	case typev1.Method_METHOD_EXACT:
		if o.GetUnit() == typev1.Unit_UNIT_COUNT && o.Lower == nil {
			return measure.Count(int64(a.GetValue()) - int64(o.GetValue())), false
		}
	}
	return nil, false
}

// successes returns how many observations of a share were successes.
func successes(e *typev1.Estimate) int64 { return int64(math.Round(e.GetValue() * float64(e.GetN()))) }

// recommendations returns the answers behind an NPS.
func recommendations(m *typev1.Measure) (promoters, passives, detractors int64) {
	for _, c := range m.GetHistogram() {
		switch {
		case c.GetValue() >= 9:
			promoters += c.GetCount()
		case c.GetValue() >= 7:
			passives += c.GetCount()
		default:
			detractors += c.GetCount()
		}
	}
	return promoters, passives, detractors
}

// restOfMean takes the sample of a mean out of one that holds it.
func restOfMean(a, o *typev1.Estimate) (*typev1.Estimate, bool) {
	all, ok := squares(a)
	own, known := squares(o)
	n := a.GetN() - o.GetN()
	if !ok || !known || n < stats.MinShown {
		return measure.Estimate(stats.Estimate{N: n, Quality: quality(n)}, o.GetUnit()), false
	}
	mean := (float64(a.GetN())*a.GetValue() - float64(o.GetN())*o.GetValue()) / float64(n)
	deviation := func(value float64) float64 { return (value - a.GetValue()) * (value - a.GetValue()) }
	within := all - own - float64(o.GetN())*deviation(o.GetValue()) - float64(n)*deviation(mean)
	half := student(n) * math.Sqrt(max(within, 0)/float64(n-1)/float64(n))
	return measure.Estimate(stats.Estimate{
		Value: mean, Lower: mean - half, Upper: mean + half, Known: true, Interval: true,
		N: n, EffectiveN: float64(n), Method: stats.MethodStudentT, Quality: quality(n),
	}, o.GetUnit()), true
}

// squares returns the sum of the squared deviations of the sample of a mean from it, by the
// longer arm of the interval: the other one may have been cut off at the end of the scale.
func squares(e *typev1.Estimate) (sum float64, known bool) {
	n := float64(e.GetN())
	if e.Lower == nil || e.GetN() < 2 || e.GetEffectiveN() != n {
		return 0, false
	}
	deviation := max(e.GetUpper()-e.GetValue(), e.GetValue()-e.GetLower()) / student(e.GetN())
	return deviation * deviation * n * (n - 1), true
}

// student is the 97.5 % quantile of Student's t for a mean of n observations.
func student(n int64) float64 {
	return distuv.StudentsT{Sigma: 1, Nu: float64(n - 1)}.Quantile(1 - significance/2)
}

// quality grades a sample of n.
func quality(n int64) stats.Quality {
	switch {
	case n <= 0:
		return stats.QualityNoData
	case n < stats.MinShown:
		return stats.QualitySuppressed
	case n < stats.MinSound:
		return stats.QualitySmallSample
	}
	return stats.QualityOK
}
