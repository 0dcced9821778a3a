package stats

import (
	"math"
	"slices"
	"testing"
	"time"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

func moments(answers ...int64) Moments {
	var m Moments
	for _, a := range answers {
		m.Add(a, 1)
	}
	return m
}

func TestMeanGivesStudentsInterval(t *testing.T) {
	stars := Scale{Low: 1, High: 5}
	for _, tt := range []struct {
		name                string
		moments             Moments
		scale               Scale
		value, lower, upper float64
	}{
		// t(9) = 2.262157, t(4) = 2.776445, t(29) = 2.045230 from printed tables.
		{"ten answers", moments(1, 2, 3, 4, 5, 6, 7, 8, 9, 10), Scale{}, 5.5, 3.334149, 7.665851},
		{"five answers", moments(2, 3, 4, 4, 5), stars, 3.6, 2.184286, 5},
		{"cut at the scale", moments(5, 5, 5, 5, 4), stars, 4.8, 4.244711, 5},
		{"all equal", moments(3, 3, 3, 3, 3, 3), stars, 3, 3, 3},
		{"thirty halves", Moments{N: 30, Sum: 15, SumSq: 15}, Scale{}, .5, .310114, .689886},
		{"fractions as whole steps", moments(10, 20, 30, 40, 50, 60, 70, 80, 90, 100), Scale{Unit: .1}, 5.5, 3.334149, 7.665851},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := Mean(tt.moments, tt.scale)
			near(t, "value", got.Value, tt.value, 1e-12)
			near(t, "lower", got.Lower, tt.lower, 1e-5)
			near(t, "upper", got.Upper, tt.upper, 1e-5)
			if !got.Known || !got.Interval || got.Method != MethodStudentT {
				t.Errorf("got %+v, want a known Student t estimate", got)
			}
		})
	}
}

func TestMeanCanAskForMoreAnswersThanTheRest(t *testing.T) {
	effort := Scale{Low: 1, High: 7, MinN: 10}
	if got := Mean(moments(1, 2, 3, 4, 5, 6, 7, 1, 2), effort); got.Known || got.Quality != QualitySuppressed || got.N != 9 {
		t.Errorf("nine answers: got %+v, want them suppressed", got)
	}
	if got := Mean(moments(1, 2, 3, 4, 5, 6, 7, 1, 2, 3), effort); !got.Known || got.Value != 3.4 {
		t.Errorf("ten answers: got %+v, want 3.4", got)
	}
}

func TestMeanKeepsItsDigitsInLargeSamples(t *testing.T) {
	// 4e6 answers around 1e6: N times SumSq is 1.6e25, the variance is 1/4.
	const n, low, high = 4_000_000, 1_000_000, 1_000_001
	var m Moments
	m.Add(low, n/2)
	m.Add(high, n/2)
	got := Mean(m, Scale{})
	near(t, "value", got.Value, low+.5, 0)
	near(t, "half width", got.Upper-got.Value, z*.5/math.Sqrt(n), 1e-8)
}

func TestMeanDoesNotDependOnOrderAndStaysOnItsScale(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		answers := rapid.SliceOfN(rapid.Int64Range(1, 7), 5, 200).Draw(t, "answers")
		shuffled := rapid.Permutation(answers).Draw(t, "shuffled")
		scale := Scale{Low: 1, High: 7}
		got, again := Mean(moments(answers...), scale), Mean(moments(shuffled...), scale)
		if got != again {
			t.Errorf("Mean = %+v, and %+v in another order", got, again)
		}
		if got.Lower < 1 || got.Lower > got.Value || got.Value > got.Upper || got.Upper > 7 {
			t.Errorf("Mean(%v) = %+v, want 1 <= lower <= value <= upper <= 7", answers, got)
		}
	})
}

func TestQuantileGivesTheTabledOrderStatistics(t *testing.T) {
	for _, tt := range []struct {
		n            int
		q            float64
		lower, upper float64 // ranks
	}{
		{6, .5, 1, 6},
		{10, .5, 2, 9},
		{20, .5, 6, 15},
		{50, .5, 18, 33},
		{100, .5, 40, 61},
		{1000, .5, 469, 532},
	} {
		values := make([]float64, tt.n)
		for i := range values {
			values[i] = float64(i + 1)
		}
		got := Quantile(values, tt.q)
		if got.Lower != tt.lower || got.Upper != tt.upper || !got.Interval || got.Method != MethodExact {
			t.Errorf("Quantile of 1..%d at %g = %+v, want [%g, %g]", tt.n, tt.q, got, tt.lower, tt.upper)
		}
		near(t, "value", got.Value, 1+tt.q*float64(tt.n-1), 1e-9)
	}
}

func TestRanksOfManyAreThoseOfTheNormalDistribution(t *testing.T) {
	for _, q := range []float64{.01, .5, .9, .999} {
		lower, upper, _ := ranks(manyRanks, q)
		below, above, ok := ranks(manyRanks+1, q)
		if !ok || max(lower-below, below-lower, upper-above, above-upper) > 3 {
			t.Errorf("%g: ranks %d to %d of a million, %d to %d of one more", q, lower, upper, below, above)
		}
	}
	if lower, upper, ok := ranks(4_000_000, .5); lower != 1_998_039 || upper != 2_001_960 || !ok {
		t.Errorf("ranks %d to %d of four million, want half of them less and more 1,960", lower, upper)
	}
}

func TestQuantileSaysWhereNoIntervalIsPossible(t *testing.T) {
	got := Quantile([]float64{1, 2, 3, 4, 5}, .5)
	if !got.Known || got.Value != 3 || got.Interval || got.Method != MethodNone {
		t.Errorf("median of five = %+v, want 3 and no interval", got)
	}
	if got := Quantile(make([]float64, 20), .99); !got.Known || got.Interval {
		t.Errorf("99th percentile of 20 = %+v, want no interval", got)
	}
}

func TestQuantileCoversWhatItPromises(t *testing.T) {
	for _, n := range []int{6, 11, 40, 300, 5000} {
		for _, q := range []float64{.5, .75} {
			ranks := make([]float64, n)
			for i := range ranks {
				ranks[i] = float64(i + 1)
			}
			e := Quantile(ranks, q)
			if !e.Interval {
				continue
			}
			covered := 0.0
			for k := int(e.Lower); k < int(e.Upper); k++ {
				covered += probability([]int64{int64(k), int64(n - k)}, []float64{q, 1 - q})
			}
			if n > 1000 {
				near(t, "coverage", covered, .95, .005)
			}
			if covered < .95-1e-9 {
				t.Errorf("n %d, q %g: [%g, %g] covers %.4f, want at least .95", n, q, e.Lower, e.Upper, covered)
			}
		}
	}
}

func TestQuantileHoldsItsValue(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		waits := rapid.SliceOfN(rapid.Int64Range(0, 1e15), 5, 300).Draw(t, "waits")
		sorted := make([]time.Duration, len(waits))
		for i, w := range waits {
			sorted[i] = time.Duration(w)
		}
		slices.Sort(sorted)
		got := Quantile(sorted, rapid.SampledFrom([]float64{.5, .75, .9}).Draw(t, "q"))
		if got.Interval && (got.Lower > got.Value || got.Value > got.Upper) {
			t.Errorf("Quantile = %+v, want lower <= value <= upper", got)
		}
		if got.Value < float64(sorted[0]) || got.Value > float64(sorted[len(sorted)-1]) {
			t.Errorf("Quantile = %+v, want it among the values", got)
		}
	})
}

func TestSearchFindsWhatSortFinds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(1, 200).Draw(t, "n")
		first, guess := rapid.IntRange(0, n).Draw(t, "first"), rapid.IntRange(-5, n+5).Draw(t, "guess")
		if got := search(n, guess, func(k int) bool { return k >= first }); got != first {
			t.Errorf("found %d of %d from %d, want %d", got, n, guess, first)
		}
	})
}

func TestStudentsQuantileIsThatOfTheDistribution(t *testing.T) {
	for _, nu := range []float64{1, 4, 29, 999, 1000, 1000.5, 4999, 1e5} {
		near(t, "quantile", student(nu), distuv.StudentsT{Mu: 0, Sigma: 1, Nu: nu}.Quantile(.975), 1e-9)
	}
	near(t, "at the switch", student(manyDegrees), 1.962339080, 1e-9)
	near(t, "of infinitely many", student(math.Inf(1)), z, 1e-15)
}
