package scale

import (
	"math"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

func TestExpectationsAreShares(t *testing.T) {
	a := of(Expectation, 3, 3, 3, 3, 3, 3, 2, 2, 1, 3) // EXCEEDED, MET and UNMET
	near(t, "exceeded", find(t, a, ExceededShare).Estimate.Value, .7, 1e-15)
	unmet := find(t, a, UnmetShare)
	near(t, "unmet", unmet.Estimate.Value, .1, 1e-15)
	if len(unmet.Histogram) != 3 || unmet.Histogram[1] != (Count{2, 2}) {
		t.Errorf("histogram = %v, want all three", unmet.Histogram)
	}
}

// answered returns CSAT answers of which k of n are satisfied.
func answered(k, n int64) *Answers {
	var a Answers
	a.Add(CSAT5, 4, k)
	a.Add(CSAT5, 2, n-k)
	return &a
}

func TestWeightedMeasuresAreThePublishedOnes(t *testing.T) {
	strata := []Stratum{{700, answered(28, 35)}, {300, answered(45, 90)}}
	for _, m := range Weighted(strata) {
		switch m.Metric {
		case SatisfiedShare:
			near(t, "share", m.Estimate.Value, .71, 1e-12)
		case SatisfactionMean:
			near(t, "mean", m.Estimate.Value, 2+2*.71, 1e-12)
		default:
			t.Errorf("metric %d of nothing", m.Metric)
		}
		near(t, "effective n", m.Estimate.EffectiveN, 200./3, 1e-9)
		if m.Estimate.N != 125 || m.Histogram[3] != (Count{4, 73}) {
			t.Errorf("metric %d = %+v, want the answers as they came", m.Metric, m)
		}
	}
	var yes, no Answers
	yes.Add(NPS, 10, 20)
	no.Add(NPS, 0, 20)
	got := Weighted([]Stratum{{3, &yes}, {1, &no}})
	near(t, "NPS", got[0].Estimate.Value, 50, 1e-12)
	if got := Weighted([]Stratum{{1, answered(2, 3)}, {0, answered(40, 80)}}); got[0].Estimate.Known || got[0].Histogram != nil {
		t.Errorf("three answers that count = %+v, want them withheld", got[0])
	}
	if got := Weighted([]Stratum{{0, answered(40, 80)}}); len(got) != 0 {
		t.Errorf("no people gave %+v", got)
	}
}

func TestWeightsThatAreEqualChangeNothing(t *testing.T) {
	var first, second, all Answers
	for kind := NPS; kind <= Expectation; kind++ {
		for rating := int32(1); rating <= 3; rating++ {
			first.Add(kind, rating, 10)
			second.Add(kind, rating, 20)
			all.Add(kind, rating, 30)
		}
	}
	got, want := Weighted([]Stratum{{1, &first}, {2, &second}}), all.Measures()
	if len(got) != len(want) {
		t.Fatalf("%d measures, want %d", len(got), len(want))
	}
	for i, m := range want {
		near(t, "value", got[i].Estimate.Value, m.Estimate.Value, 1e-12)
		near(t, "effective n", got[i].Estimate.EffectiveN, float64(m.Estimate.N), 1e-9)
		if got[i].Metric != m.Metric || math.Abs(got[i].Estimate.Lower-m.Estimate.Lower) > .01*(1+math.Abs(m.Estimate.Lower)) {
			t.Errorf("metric %d = %+v, want about %+v", m.Metric, got[i].Estimate, m.Estimate)
		}
	}
}

func TestCompareTellsHowFarTheSecondLiesAbove(t *testing.T) {
	a, b := answered(10, 40), answered(30, 40)
	for metric, want := range map[Metric]float64{SatisfiedShare: .5, SatisfactionMean: 1} {
		if got := Compare(metric, a, b); got.Value != want || got.Lower <= 0 || !got.Distinguishable {
			t.Errorf("metric %d: %+v, want %g more", metric, got, want)
		}
	}
	promoters, detractors := of(NPS, 9, 9, 10, 10, 10, 9), of(NPS, 0, 6, 5, 4, 0, 1)
	if got := Compare(NetPromoterScore, promoters, detractors); got.Value != -200 || !got.Interval || !got.Distinguishable {
		t.Errorf("NPS: %+v, want all there is", got)
	}
	if got := Compare(EasyShare, a, b); got.Known {
		t.Errorf("of no answers: %+v", got)
	}
}

func TestSpreadIsTheVarianceOfOneAnswer(t *testing.T) {
	for _, tt := range []struct {
		metric          Metric
		answers         *Answers
		variance, worst float64
	}{
		{NetPromoterScore, of(NPS, 10, 9, 10, 8, 7, 0), 5. / 9, 1},
		{SatisfiedShare, of(CSAT5, 5, 4, 1, 1), .25, .25},
		{SatisfiedShare, of(CSAT5, 5, 4, 4, 1), .1875, .25},
		{SatisfactionMean, of(CSAT5, 1, 2, 3, 4), 5. / 3, 4},
		{EffortMean, of(CESEase, 1, 7), 9, 9}, // cut to what there can be
		{EasyShare, of(CESEase), 0, .25},
		{StarMean, of(Star5, 3), 0, 4},
		{UnmetShare, of(Expectation, 1, 2), .25, .25},
	} {
		variance, worst, n := Spread(tt.metric, tt.answers)
		near(t, "variance", variance, tt.variance, 1e-12)
		near(t, "worst", worst, tt.worst, 1e-12)
		if n < 0 || (n == 0) != (tt.answers.Measures() == nil) {
			t.Errorf("metric %d is of %d answers", tt.metric, n)
		}
	}
}

func TestSampleSizesGoByTheMetric(t *testing.T) {
	for _, tt := range []struct {
		metric           Metric
		variance, margin float64
		want             float64
	}{
		{NetPromoterScore, .7, 10, 266},
		{SatisfiedShare, .25, .05, 385},
		{StarMean, 1.44, .1, 554},
	} {
		if got := SampleSize(tt.metric, tt.variance, tt.margin); got != tt.want {
			t.Errorf("metric %d takes %g answers, want %g", tt.metric, got, tt.want)
		}
	}
	if got, want := SampleSize(EasyShare, .2, .1), stats.SampleSize(.2, .1); got != want {
		t.Errorf("a share takes %g answers, want %g", got, want)
	}
}
