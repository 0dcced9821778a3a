package scale

import (
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestEveryKindHasItsScaleAndWording(t *testing.T) {
	for _, tt := range []struct {
		kind    Kind
		scale   Scale
		rated   bool
		wording string // a part of it
	}{
		{NPS, Scale{0, 10, true}, true, "How likely are you to recommend us"},
		{CSAT5, Scale{1, 5, true}, true, "How satisfied are you"},
		{Star5, Scale{1, 5, true}, true, "stars"},
		{CESV2, Scale{1, 7, true}, true, "made it easy"},
		{CESV1, Scale{1, 5, false}, true, "How much effort did you personally have to put forth to handle your request?"},
		{CESEase, Scale{1, 7, true}, true, "ow easy was it for you to solve your problem with us, today"},
		{Open, Scale{}, false, "tell us"},
		{Choice, Scale{}, false, "Which of these is it"},
		{Multi, Scale{}, false, "Which of these apply"},
		{Expectation, Scale{1, 3, true}, true, "expected"},
	} {
		got, rated := tt.kind.Scale()
		if got != tt.scale || rated != tt.rated {
			t.Errorf("scale of kind %d = %+v, %t, want %+v, %t", tt.kind, got, rated, tt.scale, tt.rated)
		}
		if !strings.Contains(tt.kind.Wording(), tt.wording) {
			t.Errorf("wording of kind %d = %q, want %q in it", tt.kind, tt.kind.Wording(), tt.wording)
		}
	}
}

func TestAnExpectationIsKeptOnAScaleButIsNoRating(t *testing.T) {
	for k := Kind(0); k <= kinds; k++ {
		_, kept := k.Scale()
		if got, want := k.Rated(), kept && k != Expectation; got != want {
			t.Errorf("kind %d is rated: %t, want %t", k, got, want)
		}
	}
}

func TestAScaleHoldsItsEndsAndNothingBeyond(t *testing.T) {
	for k := NPS; k < Open; k++ {
		s, _ := k.Scale()
		if !s.Holds(s.Min) || !s.Holds(s.Max) || s.Holds(s.Min-1) || s.Holds(s.Max+1) {
			t.Errorf("kind %d does not hold exactly %d to %d", k, s.Min, s.Max)
		}
	}
}

// of returns answers of one kind, each rating once.
func of(k Kind, ratings ...int32) *Answers {
	var a Answers
	for _, r := range ratings {
		a.Add(k, r, 1)
	}
	return &a
}

func find(t *testing.T, a *Answers, m Metric) Measure {
	t.Helper()
	for _, got := range a.Measures() {
		if got.Metric == m {
			return got
		}
	}
	t.Fatalf("there is no measure %d", m)
	return Measure{}
}

func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %.6f, want %.6f", what, got, want)
	}
}

func TestNPSIsThePublishedOne(t *testing.T) {
	// Rocks 2016: 19 promoters, 9 passives and 8 detractors of 36.
	var a Answers
	for rating, n := range map[int32]int64{10: 12, 9: 7, 8: 5, 7: 4, 6: 3, 5: 2, 0: 3} {
		a.Add(NPS, rating, n)
	}
	got := find(t, &a, NetPromoterScore)
	near(t, "value", got.Estimate.Value, 30.6, .05)
	near(t, "lower", got.Estimate.Lower, 2.9, .05)
	near(t, "upper", got.Estimate.Upper, 53.5, .05)
	if len(got.Histogram) != 11 || got.Histogram[0] != (Count{0, 3}) || got.Histogram[1] != (Count{1, 0}) || got.Histogram[10] != (Count{10, 12}) {
		t.Errorf("histogram = %v, want all points from 0 to 10", got.Histogram)
	}
}

func TestTheClassesOfNPSMeetAtSixAndNine(t *testing.T) {
	for rating, want := range []float64{-100, -100, -100, -100, -100, -100, -100, 0, 0, 100, 100} {
		r := int32(rating)
		near(t, "NPS", find(t, of(NPS, r, r, r, r, r), NetPromoterScore).Estimate.Value, want, 0)
	}
}

func TestSharesCountFromTheRightPoint(t *testing.T) {
	for _, tt := range []struct {
		kind   Kind
		metric Metric
		want   float64
		max    int32
	}{
		{CSAT5, SatisfiedShare, 2. / 5, 5},
		{Star5, TopStarShare, 2. / 5, 5},
		{CESV2, EasyShare, 3. / 7, 7},
		{CESEase, EasyShare, 3. / 7, 7},
	} {
		var a Answers
		for r := int32(1); r <= tt.max; r++ {
			a.Add(tt.kind, r, 10)
		}
		near(t, "share", find(t, &a, tt.metric).Estimate.Value, tt.want, 1e-15)
	}
}

func TestOnlyTheTwoEaseScalesMeet(t *testing.T) {
	var a Answers
	a.Add(CESV2, 7, 10)
	a.Add(CESEase, 1, 10)
	a.Add(CESV1, 5, 10)
	if got := find(t, &a, EffortMean).Estimate; got.N != 20 || got.Value != 4 {
		t.Errorf("CES = %+v, want 4 of 20 answers", got)
	}
	if got := find(t, &a, EffortMean2010).Estimate; got.N != 10 || got.Value != 5 {
		t.Errorf("CES 1.0 = %+v, want 5 of 10 answers", got)
	}
	a = Answers{}
	a.Add(CSAT5, 1, 10)
	a.Add(Star5, 5, 10)
	if got := find(t, &a, SatisfactionMean).Estimate; got.Value != 1 {
		t.Errorf("mean CSAT = %+v, want stars to be left out", got)
	}
}

func TestFewAnswersAreWithheldWithTheirHistogram(t *testing.T) {
	for _, tt := range []struct {
		kind   Kind
		metric Metric
		least  int64
	}{
		{NPS, NetPromoterScore, 5},
		{CSAT5, SatisfiedShare, 5},
		{CSAT5, SatisfactionMean, 5},
		{Star5, StarMean, 5},
		{Star5, TopStarShare, 5},
		{CESV2, EasyShare, 5},
		{CESV2, EffortMean, 10},
		{CESV1, EffortMean2010, 10},
	} {
		for n := range tt.least + 1 {
			var a Answers
			a.Add(tt.kind, 3, n)
			if n == 0 {
				if got := a.Measures(); len(got) > 0 {
					t.Errorf("without answers there are measures: %v", got)
				}
				continue
			}
			got := find(t, &a, tt.metric)
			if shown := n >= tt.least; got.Estimate.Known != shown || got.Estimate.Interval != shown || (got.Histogram != nil) != shown || got.Estimate.N != n {
				t.Errorf("metric %d of %d answers = %+v, want shown %t", tt.metric, n, got, shown)
			}
		}
	}
}

func TestAnswersOffTheScaleDoNotCount(t *testing.T) {
	var a Answers
	for k := NPS; k <= Open; k++ {
		s, _ := k.Scale()
		a.Add(k, s.Min-1, 50)
		a.Add(k, s.Max+1, 50)
	}
	a.Add(0, 1, 50)
	a.Add(99, 1, 50)
	if got := a.Measures(); len(got) > 0 {
		t.Errorf("measures = %v, want none", got)
	}
}

// TestMeasuresAreThoseOfTheList compares with answers that are kept one by one.
func TestMeasuresAreThoseOfTheList(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		ratings := rapid.SliceOfN(rapid.Int32Range(1, 5), 10, 200).Draw(rt, "ratings")
		var sum, top float64
		for _, r := range ratings {
			sum += float64(r)
			if r >= 4 {
				top++
			}
		}
		n := float64(len(ratings))
		a := of(CSAT5, ratings...)
		near(t, "mean", find(t, a, SatisfactionMean).Estimate.Value, sum/n, 1e-12)
		near(t, "share", find(t, a, SatisfiedShare).Estimate.Value, top/n, 1e-15)
		for _, c := range find(t, a, SatisfiedShare).Histogram {
			want := 0
			for _, r := range ratings {
				if r == c.Rating {
					want++
				}
			}
			if c.N != int64(want) {
				t.Errorf("histogram says %d answers of %d, want %d", c.N, c.Rating, want)
			}
		}
	})
}

func TestMeasuresAscend(t *testing.T) {
	var a Answers
	for k := NPS; k <= Expectation; k++ {
		a.Add(k, 3, 20)
	}
	var got []Metric
	for _, m := range a.Measures() {
		got = append(got, m.Metric)
	}
	if len(got) != len(metrics) || !slices.IsSorted(got) {
		t.Errorf("measures = %v, want all in order", got)
	}
}
