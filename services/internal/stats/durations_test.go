package stats

import (
	"bytes"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"github.com/DataDog/sketches-go/ddsketch"
	"github.com/DataDog/sketches-go/ddsketch/store"
	"pgregory.net/rapid"
)

func durations(values ...time.Duration) *Durations {
	var d Durations
	for _, v := range values {
		d.Add(v)
	}
	return &d
}

func encoded(t interface{ Fatal(...any) }, d *Durations) []byte {
	b, err := d.MarshalBinary()
	if err != nil {
		t.Fatal(err)
	}
	return b
}

// waits draws durations from none to more than are kept one by one, with ties
// and zeros, in the resolution of some clock.
func waits(t *rapid.T) []time.Duration {
	clock := rapid.SampledFrom([]time.Duration{1, time.Microsecond, time.Second, time.Minute}).Draw(t, "clock")
	n := rapid.OneOf(rapid.IntRange(0, 60), rapid.SampledFrom([]int{MaxExact - 1, MaxExact, MaxExact + 1, 2 * MaxExact})).Draw(t, "n")
	random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "values"), 0))
	all := make([]time.Duration, n)
	for i := range all {
		all[i] = clock * time.Duration(random.Int64N(1<<random.IntN(27)))
	}
	return all
}

func TestDurationsDependNeitherOnOrderNorOnHowTheyWereMerged(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := waits(t)
		want := durations(all...)
		random := rand.New(rand.NewPCG(rapid.Uint64().Draw(t, "seed"), 1))
		random.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })

		var got Durations
		for len(all) > 0 {
			n := min(1+random.IntN(1<<random.IntN(15)), len(all))
			part := durations(all[:n]...)
			all = all[n:]
			switch before := encoded(t, part); random.IntN(4) {
			case 0:
				for _, v := range part.values {
					got.Add(v)
				}
				if part.sketch != nil {
					got.Merge(part)
				}
			case 1:
				got.Merge(part)
				if !bytes.Equal(encoded(t, part), before) {
					t.Fatal("Merge changed what it took from")
				}
			case 2:
				if err := got.MergeBinary(before); err != nil {
					t.Fatal(err)
				}
			default: // the smaller takes the larger
				part.Merge(&got)
				got = *part
			}
		}
		if !bytes.Equal(encoded(t, &got), encoded(t, want)) {
			t.Fatalf("%d durations encode to other bytes than %d", got.Count(), want.Count())
		}
		if got.Count() != want.Count() || got.Sum() != want.Sum() || got.Quantile(.9) != want.Quantile(.9) || got.Mean() != want.Mean() {
			t.Errorf("got %+v, %+v, want %+v, %+v", got.Quantile(.9), got.Mean(), want.Quantile(.9), want.Mean())
		}
		if (got.sketch == nil) != (got.Count() <= MaxExact) {
			t.Errorf("%d durations: kept one by one is %t", got.Count(), got.sketch == nil)
		}
	})
}

func TestDurationsComeBackFromTheirBytes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := durations(waits(t)...)
		got := durations(7, 8, 9)
		if err := got.UnmarshalBinary(encoded(t, d)); err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(encoded(t, got), encoded(t, d)) || got.Count() != d.Count() || got.Sum() != d.Sum() || got.Mean() != d.Mean() {
			t.Errorf("%d durations came back as %d", d.Count(), got.Count())
		}
	})
}

func TestFewDurationsHaveExactQuantiles(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		all := waits(t)
		all = all[:min(len(all), MaxExact)]
		d := durations(all...)
		slices.Sort(all)
		q := rapid.SampledFrom([]float64{.5, .9, .95}).Draw(t, "q")
		if got, want := d.Quantile(q), Quantile(all, q); got != want {
			t.Errorf("Quantile(%g) of %d = %+v, want %+v", q, len(all), got, want)
		}
	})
}

func TestManyDurationsHaveQuantilesWithinOnePercent(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for name, draw := range map[string]func() float64{
		"log-normal hours": func() float64 { return 3.6e12 * math.Exp(1.5*random.NormFloat64()) },
		"half zero":        func() float64 { return max(0, 1e9*(random.Float64()-.5)) },
		"two clusters":     func() float64 { return 1e9 + 1e15*float64(random.IntN(2)) },
		"nanoseconds":      func() float64 { return float64(random.IntN(40)) },
		"the longest":      func() float64 { return math.MaxInt64 / 2 * (1 + .99*random.Float64()) },
	} {
		all := make([]time.Duration, 20_001)
		for i := range all {
			all[i] = time.Duration(draw())
		}
		d := durations(all...)
		slices.Sort(all)
		for _, q := range []float64{.01, .1, .25, .5, .75, .9, .95, .99} {
			got, want := d.Quantile(q), Quantile(all, q)
			if math.Abs(got.Value-want.Value) > 1.0000001*accuracy*want.Value {
				t.Errorf("%s: Quantile(%g) = %g, want %g within 1 %%", name, q, got.Value, want.Value)
			}
			if got.Lower > want.Lower || got.Upper < want.Upper || got.Lower < want.Lower*.979 || got.Upper > want.Upper*1.021 {
				t.Errorf("%s: Quantile(%g) = [%g, %g], want [%g, %g] and at most a bin more", name, q, got.Lower, got.Upper, want.Lower, want.Upper)
			}
			if got.Method != MethodSketch || got.Quality != QualityOK || got.N != 20_001 || !got.Known || !got.Interval {
				t.Errorf("%s: got %+v, want a known estimate from a sketch", name, got)
			}
		}
	}
}

func TestAQuantileBetweenTwoBinsIsInterpolated(t *testing.T) {
	var d Durations
	for range MaxExact {
		d.Add(time.Second)
		d.Add(3 * time.Second)
	}
	near(t, "median", d.Quantile(.5).Value, 2e9, 2e7)
}

func TestDurationsAgreeWithTheLibrary(t *testing.T) {
	peer := ddsketch.NewDDSketch(scale, store.NewDenseStore(), store.NewDenseStore())
	random := rand.New(rand.NewPCG(3, 4))
	var d Durations
	for range 15_001 {
		v := time.Duration(1e12 * random.ExpFloat64())
		d.Add(v)
		if err := peer.Add(float64(v)); err != nil {
			t.Fatal(err)
		}
	}
	for _, q := range []float64{.1, .5, .9, .99} { // whole ranks of 15,000
		want, err := peer.GetValueAtQuantile(q)
		if err != nil {
			t.Fatal(err)
		}
		near(t, "quantile", d.Quantile(q).Value/want, 1, 1e-12)
	}
}

func TestTheBinsHoldEveryDuration(t *testing.T) {
	if got := bin(math.MaxInt64); got != bins-1 {
		t.Errorf("the longest duration is in bin %d, want %d, the last", got, bins-1)
	}
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Min(0).Draw(t, "v")
		low, high := edges(bin(v))
		const rounding = 1e-9
		if f := float64(v); f < low*(1-rounding) || f > high*(1+rounding) || math.Abs(middle(bin(v))-f) > f*accuracy*(1+rounding) {
			t.Errorf("%d is in a bin of [%g, %g), middle %g", v, low, high, middle(bin(v)))
		}
	})
}

func TestTheSumOfDurationsIsExactBeyondWhatOneHolds(t *testing.T) {
	d := durations(math.MaxInt64, math.MaxInt64, math.MaxInt64, 3, -5)
	if got, want := d.Sum(), 3*math.Ldexp(1, 63); got != want || d.Count() != 5 {
		t.Errorf("sum = %g of %d, want %g of 5", got, d.Count(), want)
	}
	for range 13 {
		d.Merge(d)
	}
	if got, want := d.Sum(), 8192*3*math.Ldexp(1, 63); got != want || d.Count() != 5*8192 {
		t.Errorf("sum = %g of %d, want %g of %d", got, d.Count(), want, 5*8192)
	}
	if got, want := d.Mean().Value, .6*math.Ldexp(1, 63); got != want {
		t.Errorf("mean = %g, want %g", got, want)
	}
}

func TestAnEstimateChangesItsUnit(t *testing.T) {
	got := durations(1e9, 2e9, 3e9, 4e9, 5e9, 6e9, 7e9).Quantile(.5)
	want := got
	want.Value, want.Lower, want.Upper = 4, 1, 7
	if got = got.Times(1e-9); math.Abs(got.Value-4)+math.Abs(got.Lower-1)+math.Abs(got.Upper-7) > 1e-12 || got.N != 7 || got.Method != MethodExact {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestTheMeanOfDurationsIsStudents(t *testing.T) {
	random := rand.New(rand.NewPCG(5, 6))
	for _, n := range []int{0, 4, 5, 60, 10_000, 30_000} {
		var d Durations
		var m Moments
		for range n {
			v := int64(1e6 * random.ExpFloat64())
			d.Add(time.Duration(v))
			m.Add(v, 1)
		}
		got, want := d.Mean(), Mean(m, Scale{})
		tolerance := 1e-9
		if n > MaxExact {
			tolerance = .03
		}
		width := want.Upper - want.Lower
		near(t, "value", got.Value, want.Value, 1e-6)
		near(t, "lower", got.Lower, want.Lower, tolerance*width)
		near(t, "upper", got.Upper, want.Upper, tolerance*width)
		if got.Known != want.Known || got.Quality != want.Quality || got.Method != want.Method {
			t.Errorf("mean of %d = %+v, want %+v", n, got, want)
		}
		if got.Lower > want.Lower+1e-6 || got.Upper < want.Upper-1e-6 {
			t.Errorf("mean of %d = [%g, %g], want all of [%g, %g]", n, got.Lower, got.Upper, want.Lower, want.Upper)
		}
	}
}
