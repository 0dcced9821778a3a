package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// near fails unless got is want to the digits that were published.
func near(t *testing.T, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %.6f, want %.6f within %g", what, got, want, tolerance)
	}
}

func TestWilsonGivesThePublishedIntervals(t *testing.T) {
	for _, tt := range []struct {
		name         string
		k, n         int64
		lower, upper float64
	}{
		{"Newcombe 1998, 81 of 263", 81, 263, .2553, .3662},
		{"Newcombe 1998, 15 of 148", 15, 148, .0624, .1605},
		{"Newcombe 1998, 0 of 20", 0, 20, 0, .1611},
		{"Newcombe 1998, 1 of 29", 1, 29, .0061, .1718},
		{"VassarStats, 23 of 60", 23, 60, .2709, .5098},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Wilson(tt.k, tt.n)
			near(t, "value", got.Value, float64(tt.k)/float64(tt.n), 0)
			near(t, "lower", got.Lower, tt.lower, 5e-5)
			near(t, "upper", got.Upper, tt.upper, 5e-5)
			if !got.Known || !got.Interval || got.Method != MethodWilson || got.N != tt.n || got.EffectiveN != float64(tt.n) {
				t.Errorf("got %+v, want a known Wilson estimate of n %d", got, tt.n)
			}
		})
	}
}

func TestWilsonHoldsTheShareAndNarrows(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(5, 1e9).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		got, more, mirror := Wilson(k, n), Wilson(2*k, 2*n), Wilson(n-k, n)
		if got.Lower < 0 || got.Lower > got.Value || got.Value > got.Upper || got.Upper > 1 {
			t.Errorf("Wilson(%d, %d) = %+v, want 0 <= lower <= value <= upper <= 1", k, n, got)
		}
		if more.Upper-more.Lower >= got.Upper-got.Lower {
			t.Errorf("Wilson(%d, %d) is as wide with twice the answers", k, n)
		}
		if math.Abs(got.Lower+mirror.Upper-1) > 1e-12 || math.Abs(got.Upper+mirror.Lower-1) > 1e-12 {
			t.Errorf("Wilson(%d, %d) = %+v, mirrored %+v, want them to mirror", k, n, got, mirror)
		}
	})
}

func TestWilsonTakesCountsOutsideTheSampleAsItsEnds(t *testing.T) {
	if got, want := Wilson(-3, 20), Wilson(0, 20); got != want {
		t.Errorf("Wilson(-3, 20) = %+v, want %+v", got, want)
	}
	if got, want := Wilson(23, 20), Wilson(20, 20); got != want {
		t.Errorf("Wilson(23, 20) = %+v, want %+v", got, want)
	}
	if got := Wilson(20, 20); got.Value != 1 || got.Upper != 1 {
		t.Errorf("Wilson(20, 20) = %+v, want value and upper 1", got)
	}
}

func TestNPSGivesThePublishedIntervals(t *testing.T) {
	for _, tt := range []struct {
		name                            string
		promoters, passives, detractors int64
		value, lower, upper, digits     float64
	}{
		{"Rocks' example", 19, 9, 8, 30.6, 2.9, 53.5, .05},
		{"cut at 100", 5, 0, 0, 100, 17.4915, 100, .001},
		{"cut at -100", 0, 0, 5, -100, -100, -17.4915, .001},
		{"a variance of 5/9", 3e6, 2e6, 1e6, 100. / 3, 33.27369, 33.39297, 1e-4},
		{"a margin of 10 takes 382 of the worst answers", 191, 0, 191, 0, -10, 10, .05},
		{"a margin of 5 takes 1,534", 767, 0, 767, 0, -5, 5, .05},
		{"a margin of 15 takes 168", 84, 0, 84, 0, -15, 15, .1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := NPS(tt.promoters, tt.passives, tt.detractors)
			near(t, "value", got.Value, tt.value, tt.digits)
			near(t, "lower", got.Lower, tt.lower, tt.digits)
			near(t, "upper", got.Upper, tt.upper, tt.digits)
			if !got.Known || !got.Interval || got.Method != MethodAdjustedWald {
				t.Errorf("got %+v, want a known adjusted Wald estimate", got)
			}
		})
	}
}

func TestNPSStaysInRangeAndMirrors(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		count := rapid.Int64Range(0, 1e6)
		p, i, d := count.Draw(t, "promoters"), count.Draw(t, "passives"), count.Draw(t, "detractors")+5
		got, mirror := NPS(p, i, d), NPS(d, i, p)
		if got.Lower < -100 || got.Lower > got.Upper || got.Upper > 100 || got.Value < -100 || got.Value > 100 {
			t.Errorf("NPS(%d, %d, %d) = %+v, want it inside [-100, 100]", p, i, d, got)
		}
		if got.Value != -mirror.Value || math.Abs(got.Lower+mirror.Upper) > 1e-9 {
			t.Errorf("NPS(%d, %d, %d) = %+v, mirrored %+v, want them to mirror", p, i, d, got, mirror)
		}
		if more := NPS(2*p, 2*i, 2*d); more.Upper-more.Lower >= got.Upper-got.Lower && got.Upper < 100 && got.Lower > -100 {
			t.Errorf("NPS(%d, %d, %d) is as wide with twice the answers", p, i, d)
		}
	})
}

// TestNPSCoversAsPublished adds up the probability of every sample whose
// interval holds the true score, where the publication drew samples.
func TestNPSCoversAsPublished(t *testing.T) {
	for _, tt := range []struct {
		n    int64
		p, d float64
		want float64
	}{
		{5, .8, .05, .927},
		{10, .8, .05, .943},
		{30, .5, .2, .946},
	} {
		got := 0.0
		for promoters := range tt.n + 1 {
			for detractors := range tt.n - promoters + 1 {
				passives := tt.n - promoters - detractors
				e, score := NPS(promoters, passives, detractors), 100*(tt.p-tt.d)
				if e.Lower <= score && score <= e.Upper {
					got += probability([]int64{promoters, passives, detractors}, []float64{tt.p, 1 - tt.p - tt.d, tt.d})
				}
			}
		}
		near(t, "coverage", got, tt.want, .003) // the published ones are simulated
	}
}

// probability returns how likely a multinomial sample with these shares is.
func probability(counts []int64, shares []float64) float64 {
	log, n := 0.0, int64(0)
	for i, k := range counts {
		arrangements, _ := math.Lgamma(float64(k) + 1)
		log += float64(k)*math.Log(shares[i]) - arrangements
		n += k
	}
	arrangements, _ := math.Lgamma(float64(n) + 1)
	return math.Exp(log + arrangements)
}

func TestFewObservationsAreHiddenOrMarked(t *testing.T) {
	for _, tt := range []struct {
		n     int64
		known bool
		want  Quality
	}{
		{-1, false, QualityNoData},
		{0, false, QualityNoData},
		{1, false, QualitySuppressed},
		{4, false, QualitySuppressed},
		{5, true, QualitySmallSample},
		{29, true, QualitySmallSample},
		{30, true, QualityOK},
	} {
		for name, got := range map[string]Estimate{
			"Wilson":   Wilson(1, tt.n),
			"NPS":      NPS(tt.n, 0, 0),
			"Mean":     Mean(Moments{N: tt.n, Sum: 4 * tt.n, SumSq: 16 * tt.n}, Scale{}),
			"Quantile": Quantile(make([]float64, max(tt.n, 0)), .5),
		} {
			if got.Known != tt.known || got.Quality != tt.want || got.N != max(tt.n, 0) {
				t.Errorf("%s of %d = %+v, want known %t, quality %d", name, tt.n, got, tt.known, tt.want)
			}
			if !tt.known && (got.Value != 0 || got.Lower != 0 || got.Upper != 0 || got.Interval || got.Method != MethodNone) {
				t.Errorf("%s of %d = %+v, want nothing to be told but n", name, tt.n, got)
			}
		}
	}
}
