package stats

import (
	"math"
	"math/rand/v2"
	"testing"

	"gonum.org/v1/gonum/stat/distuv"
	"pgregory.net/rapid"
)

func TestFewCasesAreShrunkMost(t *testing.T) {
	prior := Prior{Mean: .8, Weight: 40}
	for _, tt := range []struct {
		k, n int64
		want float64
	}{{9, 10, .8200}, {85, 100, .8357}, {850, 1000, .8481}} {
		got := BetaBinomial(tt.k, tt.n, prior)
		near(t, "value", got.Value, tt.want, 5e-5)
		if got.N != tt.n || got.Method != MethodBetaBinomial || !got.Interval {
			t.Errorf("%d of %d = %+v, want a known posterior", tt.k, tt.n, got)
		}
	}
}

func TestTheRankFollowsTheFloor(t *testing.T) {
	prior := Prior{Mean: .8, Weight: 40}
	lucky, proven := BetaBinomial(10, 10, prior), BetaBinomial(880, 1000, prior)
	if Wilson(10, 10).Value <= Wilson(880, 1000).Value || lucky.Floor >= proven.Floor {
		t.Errorf("floors %g and %g, want ten of ten behind 880 of 1000", lucky.Floor, proven.Floor)
	}
}

// mass integrates the density of a beta distribution.
func mass(a, b, from, to float64) float64 {
	const steps = 20_000
	norm := lgamma(a+b) - lgamma(a) - lgamma(b)
	sum, width := 0.0, (to-from)/steps
	for i := range steps {
		x := from + (float64(i)+.5)*width
		sum += math.Exp(norm+(a-1)*math.Log(x)+(b-1)*math.Log1p(-x)) * width
	}
	return sum
}

func lgamma(x float64) float64 {
	v, _ := math.Lgamma(x)
	return v
}

func TestThePosteriorHoldsWhatItPromises(t *testing.T) {
	for _, tt := range []struct {
		k, n         int64
		mean, weight float64
	}{{9, 10, .8, 40}, {0, 5, .3, 7}, {60, 60, .5, 4}, {9000, 10_000, .8, 300}} {
		got := BetaBinomial(tt.k, tt.n, Prior{Mean: tt.mean, Weight: tt.weight})
		a, b := float64(tt.k)+tt.weight*tt.mean, float64(tt.n-tt.k)+tt.weight*(1-tt.mean)
		near(t, "mass inside", mass(a, b, got.Lower, got.Upper), .95, 1e-4)
		near(t, "mass below", mass(a, b, 0, got.Lower), .025, 1e-4)
		near(t, "mass below the floor", mass(a, b, 0, got.Floor), .05, 1e-4)
	}
}

func TestShrinkingStaysBetweenTheGroupAndThePrior(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.Int64Range(5, 1e7).Draw(t, "n")
		k := rapid.Int64Range(0, n).Draw(t, "k")
		prior := Prior{
			Mean:   rapid.OneOf(rapid.Float64Range(0, 1), rapid.SampledFrom([]float64{0, 1})).Draw(t, "mean"),
			Weight: rapid.OneOf(rapid.Float64Range(0, 1e5), rapid.Just(0.)).Draw(t, "weight"),
		}
		got, raw := BetaBinomial(k, n, prior), float64(k)/float64(n)
		const rounding = 1e-12
		if got.Value < min(raw, prior.Mean)-rounding || got.Value > max(raw, prior.Mean)+rounding {
			t.Errorf("%d of %d with %+v = %g, want it between", k, n, prior, got.Value)
		}
		if got.Lower < 0 || got.Lower > got.Floor || got.Floor > got.Value || got.Value > got.Upper || got.Upper > 1 || got.Lower >= got.Upper {
			t.Errorf("%d of %d with %+v = %+v, want lower <= floor <= value <= upper", k, n, prior, got)
		}
	})
}

func TestPriorOfIsTheMomentsByHand(t *testing.T) {
	groups := []Moments{share(8, 10), share(4, 10), share(9, 10), share(3, 10)}
	got := PriorOf(groups)
	// Between the groups 2.6/3, inside them 7/36, ten in each.
	near(t, "mean", got.Mean, .6, 1e-15)
	near(t, "spread", got.Spread, 7./36, 1e-12)
	near(t, "weight", got.Weight, 10*(7./36)/(2.6/3-7./36), 1e-9)
	if again := PriorOf(append(groups, Moments{})); again != got {
		t.Errorf("with an empty group %+v, want %+v", again, got)
	}
	// Unequal sizes: 20 of 30 between, 4 in all inside.
	uneven := PriorOf([]Moments{moments(1, 3), moments(4, 4, 5, 5, 4, 5), moments(9, 9)})
	// Means 2, 4.5 and 9 around 4.9: 16.82 + .96 + 33.62 over 2; inside 3.5 over 7.
	near(t, "uneven mean", uneven.Mean, 4.9, 1e-12)
	near(t, "uneven spread", uneven.Spread, .5, 1e-12)
	near(t, "uneven weight", uneven.Weight, max(1, (10-44./10)/2*.5/(51.4/2-.5)), 1e-12)
}

func TestPriorOfFallsBackWhereTheGroupsDoNotTell(t *testing.T) {
	for name, tt := range map[string]struct {
		groups []Moments
		want   Prior
	}{
		"no groups":            {nil, Prior{Weight: DefaultWeight}},
		"empty groups":         {[]Moments{{}, {}}, Prior{Weight: DefaultWeight}},
		"one group":            {[]Moments{share(5, 10)}, Prior{.5, DefaultWeight, 2.5 / 9}},
		"less than chance":     {[]Moments{share(5, 10), share(5, 10)}, Prior{.5, DefaultWeight, 5. / 18}},
		"nobody twice":         {[]Moments{share(1, 1), share(0, 1)}, Prior{.5, DefaultWeight, .5}},
		"one observation":      {[]Moments{share(1, 1)}, Prior{1, DefaultWeight, 0}},
		"all or nothing":       {[]Moments{share(10, 10), share(0, 10)}, Prior{.5, 1, 0}},
		"hardly beyond chance": {[]Moments{share(512, 1000), share(488, 1000)}, Prior{.5, 2000, 2 * 512 * .488 / 1998}},
	} {
		got := PriorOf(tt.groups)
		near(t, name+": mean", got.Mean, tt.want.Mean, 1e-12)
		near(t, name+": weight", got.Weight, tt.want.Weight, 1e-12)
		near(t, name+": spread", got.Spread, tt.want.Spread, 1e-12)
	}
}

func TestPriorOfFindsWhatTheGroupsWereDrawnFrom(t *testing.T) {
	random := rand.New(rand.NewPCG(13, 14))
	beta := distuv.Beta{Alpha: 32, Beta: 8, Src: random}
	var groups []Moments
	for i := range 4000 {
		n := int64(20 + i%200)
		k := distuv.Binomial{N: float64(n), P: beta.Rand(), Src: random}.Rand()
		groups = append(groups, share(int64(k), n))
	}
	got := PriorOf(groups)
	near(t, "mean", got.Mean, .8, .005)
	near(t, "weight", got.Weight, 40, 4)
	near(t, "spread", got.Spread, .8*.2*40/41, .005)
}

func TestNormalNormalIsTheMeanOfBothByPrecision(t *testing.T) {
	prior := Prior{Mean: 38, Weight: 20, Spread: 64}
	m := Moments{N: 30, Sum: 1350, SumSq: 1e5} // a mean of 45
	got := NormalNormal(m, Scale{Unit: .1, High: 5}, prior)
	// Variances 64/30 and 64/20.
	near(t, "value", got.Value, .1*(45*30./64+38*20./64)/(30./64+20./64), 1e-12)
	deviation := .1 * math.Sqrt(1/(30./64+20./64))
	near(t, "lower", got.Lower, got.Value-z*deviation, 1e-12)
	near(t, "upper", got.Upper, got.Value+z*deviation, 1e-12)
	near(t, "floor", got.Floor, got.Value-1.6448536*deviation, 1e-7)
	if got.Method != MethodNormalNormal || got.N != 30 || got.Quality != QualityOK {
		t.Errorf("got %+v, want a known posterior", got)
	}
	if cut := NormalNormal(m, Scale{Low: 43, High: 44}, prior); cut.Floor != 43 || cut.Lower != 43 || cut.Upper != 44 {
		t.Errorf("got %+v, want it cut to the scale", cut)
	}
	if few := NormalNormal(m, Scale{MinN: 31}, prior); few.Known || few.Floor != 0 || few.Value != 0 {
		t.Errorf("got %+v, want it suppressed", few)
	}
	if few := BetaBinomial(4, 4, prior); few.Known || few.Floor != 0 || few.Quality != QualitySuppressed {
		t.Errorf("got %+v, want it suppressed", few)
	}
}
