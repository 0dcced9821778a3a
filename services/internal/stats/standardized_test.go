package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

// share is what Moments keep of k successes in n.
func share(k, n int64) Moments { return Moments{N: n, Sum: k, SumSq: k} }

func TestStandardizedShareWeighsByTheReference(t *testing.T) {
	// Invited 700 by mail and 300 by phone; answered 35 and 90; satisfied 28 and 45.
	got := StandardizedShare([]Stratum{{700, share(28, 35)}, {300, share(45, 90)}})
	near(t, "value", got.Value, .7100, 1e-12)
	near(t, "effective n", got.EffectiveN, 1/(.49/35+.09/90), 1e-9)
	// (28.5/36, 45.5/91): .7*.7*.164931/35 + .3*.3*.25/90, and .704167 in all.
	near(t, "variance", got.Variance, .002559028, 1e-9)
	size := .7041667 * (1 - .7041667) / .002559028
	near(t, "lower", got.Lower, (.71+z*z/2/size-z*math.Sqrt(.71*.29/size+z*z/4/size/size))/(1+z*z/size), 1e-6)
	near(t, "upper", got.Upper, (.71+z*z/2/size+z*math.Sqrt(.71*.29/size+z*z/4/size/size))/(1+z*z/size), 1e-6)
	if got.N != 125 || got.Covered != 1 || got.Method != MethodWilson || got.Quality != QualityOK {
		t.Errorf("got %+v, want a known Wilson estimate of n 125, all covered", got)
	}
}

func TestStandardizingTurnsSimpsonsParadox(t *testing.T) {
	// Charig and others 1986: two treatments of small and of large kidney stones.
	reference := []float64{87 + 270, 263 + 80}
	open := []Moments{share(81, 87), share(192, 263)}
	keyhole := []Moments{share(234, 270), share(55, 80)}
	adjusted := func(m []Moments) Standardized {
		return StandardizedShare([]Stratum{{reference[0], m[0]}, {reference[1], m[1]}})
	}
	if Wilson(81+192, 350).Value >= Wilson(234+55, 350).Value {
		t.Error("raw, the second is not ahead")
	}
	a, b := adjusted(open), adjusted(keyhole)
	near(t, "first", a.Value, .8325, 5e-5)
	near(t, "second", b.Value, .7789, 5e-5)
	if d := Subtract(a.Estimate, b.Estimate); d.Value <= 0 || d.Distinguishable {
		t.Errorf("the difference is %+v, want it above 0 and not distinguishable", d)
	}
}

func TestStandardizedMeanGivesTheIntervalOfWelch(t *testing.T) {
	strata := []Stratum{{3, moments(1, 3)}, {1, moments(4, 6, 8)}}
	got := StandardizedMean(strata, Scale{Unit: .5})
	near(t, "value", got.Value, 1.5, 1e-12)
	near(t, "variance", got.Variance, .25*(.5625*2/2+.0625*4/3), 1e-12)
	near(t, "effective n", got.EffectiveN, 1/(.5625/2+.0625/3), 1e-12)
	const freedom = .6458333 * .6458333 / (.5625*.5625/1 + .0833333*.0833333/2)
	half := distuv.StudentsT{Sigma: 1, Nu: freedom}.Quantile(.975) * .5 * math.Sqrt(.6458333)
	near(t, "upper", got.Upper, 1.5+half, 1e-5)
	near(t, "lower", got.Lower, 1.5-half, 1e-5)
	if cut := StandardizedMean(strata, Scale{Low: 1, High: 8}); cut.Lower != 1 || cut.Upper != 8 || cut.Method != MethodStudentT {
		t.Errorf("got %+v, want it cut to the scale", cut)
	}
	if few := StandardizedMean(strata, Scale{MinN: 6}); few.Known || few.Quality != QualitySuppressed || few.Value != 0 || few.Interval {
		t.Errorf("got %+v, want five hidden where six are asked for", few)
	}
}

func TestStrataOfOneObservationTakeTheVarianceOfTheOthers(t *testing.T) {
	got := StandardizedMean([]Stratum{{1, moments(2)}, {1, moments(1, 3)}, {2, moments(4, 6, 8)}}, Scale{})
	const pooled = (2. + 8.) / 3
	near(t, "variance", got.Variance, (pooled/1+2./2)/16+4./3/4, 1e-12)
	alone := StandardizedMean([]Stratum{{1, moments(1)}, {1, moments(2)}, {1, moments(3)}, {1, moments(4)}, {1, moments(5)}}, Scale{})
	near(t, "variance", alone.Variance, 2.5/5, 1e-12)
	near(t, "half width", alone.Upper-alone.Value, Mean(moments(1, 2, 3, 4, 5), Scale{}).Upper-3, .5)
	if equal := StandardizedMean([]Stratum{{1, moments(3, 3, 3)}, {1, moments(4, 4, 4)}}, Scale{}); equal.Lower != 3.5 || equal.Upper != 3.5 {
		t.Errorf("got %+v, want no width where nothing varies", equal)
	}
}

func TestStrataWithoutObservationsDropOut(t *testing.T) {
	all := []Stratum{{50, share(8, 10)}, {30, share(3, 10)}, {20, Moments{}}, {0, share(1, 10)}, {-4, share(1, 10)}}
	got, want := StandardizedShare(all), StandardizedShare(all[:2])
	near(t, "covered", got.Covered, .8, 1e-15)
	if want.Covered = got.Covered; got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
	for name, none := range map[string][]Stratum{"nil": nil, "no reference": {{0, share(9, 10)}}, "no data": {{1, Moments{}}}} {
		if got := StandardizedShare(none); got != (Standardized{}) {
			t.Errorf("%s: got %+v, want no data", name, got)
		}
		if got := StandardizedMean(none, Scale{}); got != (Standardized{}) {
			t.Errorf("%s: got %+v, want no data", name, got)
		}
	}
	if got := StandardizedShare([]Stratum{{1, share(1, 4)}}); got.Known || got.Quality != QualitySuppressed || got.N != 4 {
		t.Errorf("four observations: got %+v, want them suppressed", got)
	}
	with, without := Stratum{1, moments(1, 2, 3)}, Stratum{0, moments(7, 8)}
	if got, want := StandardizedMean([]Stratum{with, without, {1, moments(5)}, {1, moments(6)}}, Scale{}), 13./3; math.Abs(got.Value-want) > 1e-12 || got.N != 5 {
		t.Errorf("got %+v, want %g of 5", got, want)
	}
	if got := StandardizedShare([]Stratum{{9, share(1, 5)}, {1, share(50, 500)}}); got.Quality != QualitySmallSample {
		t.Errorf("an effective n of %.1f is of quality %d, want a small sample", got.EffectiveN, got.Quality)
	}
}

func TestOneStratumIsNotStandardized(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(5, 1e6).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		reference := rapid.Float64Range(.001, 1e6).Draw(t, "reference")
		got, want := StandardizedShare([]Stratum{{reference, share(k, n)}}), Wilson(k, n)
		if got.Value != want.Value || math.Abs(got.Lower-want.Lower) > 1e-9 || math.Abs(got.Upper-want.Upper) > 1e-9 {
			t.Errorf("%d of %d = %+v, want %+v", k, n, got.Estimate, want)
		}
		answers := rapid.SliceOfN(rapid.Int64Range(1, 7), 5, 40).Draw(t, "answers")
		mean, plain := StandardizedMean([]Stratum{{reference, moments(answers...)}}, Scale{}), Mean(moments(answers...), Scale{})
		if math.Abs(mean.Value-plain.Value) > 1e-12 || math.Abs(mean.Lower-plain.Lower) > 1e-9 || math.Abs(mean.Upper-plain.Upper) > 1e-9 {
			t.Errorf("mean of %v = %+v, want %+v", answers, mean.Estimate, plain)
		}
	})
}

func TestStandardizedShareStaysAShare(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		kind := rapid.SampledFrom([]string{"none", "some", "all"}).Draw(t, "kind")
		var strata, opposite []Stratum
		for range rapid.IntRange(1, 12).Draw(t, "strata") {
			n := rapid.Int64Range(5, 1000).Draw(t, "n")
			k := rapid.Int64Range(0, n).Draw(t, "k")
			switch kind {
			case "none":
				k = 0
			case "all":
				k = n
			}
			weight := rapid.Float64Range(.01, 100).Draw(t, "weight")
			strata = append(strata, Stratum{weight, share(k, n)})
			opposite = append(opposite, Stratum{weight, share(n-k, n)})
		}
		got, mirror := StandardizedShare(strata), StandardizedShare(opposite)
		if got.Lower < 0 || got.Lower > got.Value || got.Value > got.Upper || got.Upper > 1 || got.Lower == got.Upper {
			t.Errorf("got %+v, want 0 <= lower <= value <= upper <= 1, and a width", got)
		}
		if math.Abs(got.Value+mirror.Value-1) > 1e-12 || math.Abs(got.Lower+mirror.Upper-1) > 1e-9 || math.Abs(got.Variance-mirror.Variance) > 1e-12 {
			t.Errorf("got %+v, mirrored %+v, want them to mirror", got, mirror)
		}
		if (kind == "none" && got.Value != 0) || (kind == "all" && got.Value != 1) {
			t.Errorf("%s is a share of %g", kind, got.Value)
		}
		if got.EffectiveN > float64(got.N) {
			t.Errorf("%d observations have an effective size of %g", got.N, got.EffectiveN)
		}
	})
}

func TestStandardizedShareCoversWhatItPromises(t *testing.T) {
	for _, tt := range []struct {
		name    string
		weights []float64
		shares  []float64
		sizes   []int64
	}{
		{"alike", []float64{1, 1, 1, 1}, []float64{.8, .8, .8, .8}, []int64{25, 25, 25, 25}},
		{"far apart", []float64{1, 1, 1, 1}, []float64{.95, .5, .9, .2}, []int64{25, 25, 25, 25}},
		{"as in the survey", []float64{.7, .3}, []float64{.8, .5}, []int64{35, 90}},
		{"one rules", []float64{99, 1}, []float64{.85, .5}, []int64{10, 100}},
		{"a small one counts half", []float64{1, 1}, []float64{.9, .7}, []int64{6, 500}},
		{"many small ones", []float64{1, 2, 1, 2, 1, 2, 1, 2, 1, 2}, []float64{.9, .8, .7, .6, .9, .8, .7, .6, .9, .9}, []int64{1, 2, 1, 2, 1, 2, 1, 3, 1, 2}},
		{"hardly any failures", []float64{1, 2, 3}, []float64{.98, .97, .99}, []int64{20, 30, 40}},
	} {
		random := rand.New(rand.NewPCG(11, 12))
		const rounds = 4000
		truth, total, covered := 0.0, 0.0, 0.0
		for i, w := range tt.weights {
			truth, total = truth+w*tt.shares[i], total+w
		}
		for range rounds {
			strata := make([]Stratum, len(tt.sizes))
			for i, n := range tt.sizes {
				k := int64(distuv.Binomial{N: float64(n), P: tt.shares[i], Src: random}.Rand())
				strata[i] = Stratum{tt.weights[i], share(k, n)}
			}
			if got := StandardizedShare(strata); got.Lower <= truth/total && truth/total <= got.Upper {
				covered++
			}
		}
		if covered /= rounds; covered < .93 || covered > .99 {
			t.Errorf("%s: covers %.3f, want about .95", tt.name, covered)
		}
	}
}
