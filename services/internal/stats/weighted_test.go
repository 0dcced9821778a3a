package stats

import (
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

func ones(n int) []float64 {
	w := make([]float64, n)
	for i := range w {
		w[i] = 1
	}
	return w
}

func TestWeightedQuantileOfEqualWeightsIsQuantile(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		values := rapid.SliceOfN(rapid.Float64Range(0, 1000), 5, 300).Draw(t, "values")
		q := rapid.SampledFrom([]float64{.1, .5, .75, .9}).Draw(t, "q")
		got := WeightedQuantile(values, ones(len(values)), q)
		slices.Sort(values)
		want := Quantile(values, q)
		if math.Abs(got.Value-want.Value) > 1e-9 || got.N != want.N || got.EffectiveN != want.EffectiveN || got.Quality != want.Quality {
			t.Errorf("got %+v, want %+v", got, want)
		}
	})
	ranks := make([]float64, 100)
	for i := range ranks {
		ranks[i] = float64(i + 1)
	}
	if got := WeightedQuantile(ranks, ones(100), .5); got.Lower != 40 || got.Upper != 61 || got.Method != MethodWoodruff {
		t.Errorf("got %+v, want the ranks of Quantile, 40 and 61", got)
	}
}

func TestWeightedQuantileIsAkinshinsSum(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.IntRange(5, 60).Draw(t, "n")
		values := rapid.SliceOfN(rapid.Float64Range(0, 1000), n, n).Draw(t, "values")
		weights := rapid.SliceOfN(rapid.Float64Range(.01, 10), n, n).Draw(t, "weights")
		q := rapid.Float64Range(.05, .95).Draw(t, "q")
		order := make([]int, n)
		total, squares := 0.0, 0.0
		for i, w := range weights {
			order[i] = i
			total, squares = total+w, squares+w*w
		}
		slices.SortFunc(order, func(i, j int) int { return int(math.Copysign(1, values[i]-values[j])) })
		size := total * total / squares
		cdf := func(u float64) float64 { return min(max(u*size-q*(size-1), 0), 1) }
		want, passed := 0.0, 0.0
		for _, i := range order {
			next := passed + weights[i]/total
			want += values[i] * (cdf(next) - cdf(passed))
			passed = next
		}
		got := WeightedQuantile(values, weights, q)
		if math.Abs(got.Value-want) > 1e-6 || math.Abs(got.EffectiveN-size) > 1e-9 {
			t.Errorf("got %+v, want %g of %g", got, want, size)
		}
		if got.Interval && (got.Lower > got.Value || got.Value > got.Upper) {
			t.Errorf("got %+v, want lower <= value <= upper", got)
		}
		for i := range weights {
			weights[i] *= 7
		}
		more := WeightedQuantile(append(values, 1e6), append(weights, 0), q)
		if math.Abs(more.Value-got.Value) > 1e-6 || more.N != got.N {
			t.Errorf("with other units and one of no weight %+v, want %+v", more, got)
		}
	})
}

func TestWeightedQuantilesCoverWhatTheyPromise(t *testing.T) {
	random := rand.New(rand.NewPCG(15, 16))
	// A tenth of all cases go by mail and take a day, the rest by phone and an
	// hour; of those seen half went by mail.
	mail := func() float64 { return 24 * (.5 + random.Float64()) }
	phone := func() float64 { return .5 + random.Float64() }
	for _, tt := range []struct{ q, truth float64 }{
		{.5, .5 + .5/.9}, // among the phone calls
		{.95, 24},        // the middle of the mails
	} {
		const rounds, n = 1500, 120
		weighted, mixed := 0.0, 0.0
		for range rounds {
			values, weights := make([]float64, 0, 2*n), make([]float64, 0, 2*n)
			var letters, calls Durations
			for range n {
				m, p := mail(), phone()
				values, weights = append(values, m, p), append(weights, .1, .9)
				letters.Add(time.Duration(m * 1e9))
				calls.Add(time.Duration(p * 1e9))
			}
			if got := WeightedQuantile(values, weights, tt.q); got.Lower <= tt.truth && tt.truth <= got.Upper {
				weighted++
			}
			got := StandardizedQuantile([]DurationStratum{{10, &letters}, {90, &calls}}, tt.q)
			if got.Lower <= tt.truth*1e9 && tt.truth*1e9 <= got.Upper {
				mixed++
			}
		}
		if weighted /= rounds; weighted < .93 {
			t.Errorf("weighted %g-quantile covers %.3f, want at least about .95", tt.q, weighted)
		}
		if mixed /= rounds; mixed < .93 {
			t.Errorf("standardized %g-quantile covers %.3f, want at least about .95", tt.q, mixed)
		}
	}
}

func TestAWeightThatRulesMakesTheSampleSmall(t *testing.T) {
	values, weights := make([]float64, 100), ones(100)
	for i := range values {
		values[i] = float64(i)
	}
	weights[50] = 40
	got := WeightedQuantile(values, weights, .5)
	near(t, "effective n", got.EffectiveN, 139.*139/1699, 1e-9)
	if got.Quality != QualitySmallSample || got.N != 100 {
		t.Errorf("got %+v, want a small sample", got)
	}
	if few := WeightedQuantile(values[:9], []float64{1, 2, 3, 4, 0, 0, 0, 0, 0}, .5); few.Known || few.Value != 0 || few.N != 4 {
		t.Errorf("got %+v, want four that count to be suppressed", few)
	}
}

func TestStandardizedQuantileMixesAsTheReferenceDoes(t *testing.T) {
	var calls, letters Durations
	for i := range 200 {
		calls.Add(time.Duration(i+1) * time.Second)
	}
	for i := range 20 {
		letters.Add(time.Duration(1001+i) * time.Second)
	}
	// Of every 100 cases 80 are calls: the 40th is the middle one of 200.
	got := StandardizedQuantile([]DurationStratum{{80, &calls}, {20, &letters}, {25, nil}, {0, &letters}}, .4)
	near(t, "median of the calls", got.Value/1e9, 100.5, 2)
	// At it lie half of the calls and none of the letters, so the share of .4 has a
	// standard error of .02904 and the ends are the shares .34308 and .45692.
	near(t, "lower", got.Lower/1e9, 85, 0)
	near(t, "upper", got.Upper/1e9, 116, 0)
	near(t, "middle of the letters", StandardizedQuantile([]DurationStratum{{80, &calls}, {20, &letters}}, .9).Value/1e9, 1010.5, 2)
	near(t, "covered", got.Covered, .8, 1e-12)
	near(t, "effective n", got.EffectiveN, 1/(.64/200+.04/20), 1e-9)
	near(t, "variance", got.Variance, math.Pow((got.Upper-got.Lower)/2/z, 2), 1e-3)
	if got.N != 220 || got.Method != MethodWoodruff || !got.Interval || got.Variance == 0 {
		t.Errorf("got %+v, want a known estimate of 220", got)
	}
	alone := StandardizedQuantile([]DurationStratum{{3, &calls}}, .9)
	near(t, "one stratum", alone.Value/calls.Quantile(.9).Value, 1, 1e-12)
	if few := StandardizedQuantile([]DurationStratum{{1, &letters}}, .99); !few.Known || few.Interval || few.Variance != 0 {
		t.Errorf("the last of twenty: got %+v, want no interval", few)
	}
	if none := StandardizedQuantile([]DurationStratum{{1, nil}, {1, new(Durations)}}, .5); none != (Standardized{}) {
		t.Errorf("got %+v, want no data", none)
	}
	if four := StandardizedQuantile([]DurationStratum{{1, durations(1, 2, 3, 4)}}, .5); four.Known || four.Quality != QualitySuppressed {
		t.Errorf("got %+v, want it suppressed", four)
	}
}

func TestStandardizedQuantileOfSketchesIsWithinOnePercent(t *testing.T) {
	random := rand.New(rand.NewPCG(17, 18))
	var exact, rough [2]Durations
	for i := range exact {
		for range 4000 {
			v := time.Duration(3.6e12 * math.Exp(float64(i)+random.NormFloat64()))
			exact[i].Add(v)
			rough[i].Add(v)
		}
		rough[i].force()
	}
	for _, q := range []float64{.1, .5, .9, .99} {
		want := StandardizedQuantile([]DurationStratum{{1, &exact[0]}, {2, &exact[1]}}, q)
		got := StandardizedQuantile([]DurationStratum{{1, &rough[0]}, {2, &rough[1]}}, q)
		near(t, "quantile", got.Value/want.Value, 1, accuracy*1.0001)
		if got.Lower > want.Lower || got.Upper < want.Upper {
			t.Errorf("%g: got [%g, %g], want it to hold [%g, %g]", q, got.Lower, got.Upper, want.Lower, want.Upper)
		}
	}
}
