package stats

import (
	"math"
	"slices"
	"testing"

	"pgregory.net/rapid"
)

func TestSubtractGivesThePublishedIntervals(t *testing.T) {
	// Newcombe 1998, Statistics in Medicine 17, 873-890, table II, method 10.
	for _, tt := range []struct {
		k1, n1, k2, n2 int64
		lower, upper   float64
	}{
		{56, 70, 48, 80, .0524, .3339},
		{9, 10, 3, 10, .1705, .8090},
		{6, 7, 2, 7, .0582, .8062},
		{5, 56, 0, 29, -.0381, .1926},
		{0, 10, 0, 20, -.1611, .2775},
		{0, 10, 0, 10, -.2775, .2775},
		{10, 10, 0, 20, .6791, 1},
		{10, 10, 0, 10, .6075, 1},
	} {
		got := Subtract(Wilson(tt.k1, tt.n1), Wilson(tt.k2, tt.n2))
		near(t, "lower", got.Lower, tt.lower, 5e-5)
		near(t, "upper", got.Upper, tt.upper, 5e-5)
		if got.Distinguishable != (tt.lower > 0) || !got.Interval {
			t.Errorf("%d of %d and %d of %d: got %+v", tt.k1, tt.n1, tt.k2, tt.n2, got)
		}
	}
}

func TestSubtractAgreesWithTheTestOfTwoMeans(t *testing.T) {
	a := Estimate{Value: 10, Lower: 10 - 3*z, Upper: 10 + 3*z, Known: true, Interval: true}
	b := Estimate{Value: 0, Lower: -4 * z, Upper: 4 * z, Known: true, Interval: true}
	got := Subtract(a, b) // a z of 2
	near(t, "p", got.P, .0455003, 1e-7)
	near(t, "lower", got.Lower, 10-5*z, 1e-12)
	if back := Subtract(b, a); back.P != got.P || back.Lower != -got.Upper || !back.Distinguishable {
		t.Errorf("b-a is %+v, a-b %+v", back, got)
	}
}

func TestADifferenceIsDistinguishableWhereItsIntervalExcludesZero(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Estimate {
			n := rapid.Int64Range(5, 3000).Draw(t, name+" n")
			k := rapid.Int64Range(0, n).Draw(t, name+" k")
			if rapid.Bool().Draw(t, name+" is a share") {
				return Wilson(k, n)
			}
			return Mean(share(k, n), Scale{})
		}
		a, b := draw("a"), draw("b")
		got := Subtract(a, b)
		if !got.Interval {
			if got.P != 1 || got.Distinguishable || (a.Lower < a.Upper && b.Lower < b.Upper) {
				t.Errorf("%+v - %+v = %+v, want an interval", a, b, got)
			}
			return
		}
		if excluded := got.Lower > 0 || got.Upper < 0; excluded != got.Distinguishable && math.Abs(got.P-.05) > 1e-9 {
			t.Errorf("%+v - %+v = %+v, want p < .05 just where 0 is excluded", a, b, got)
		}
		if (a.Lower > b.Upper || b.Lower > a.Upper) && !got.Distinguishable {
			t.Errorf("[%g, %g] and [%g, %g] do not overlap, yet %+v", a.Lower, a.Upper, b.Lower, b.Upper, got)
		}
		if got.P < 0 || got.P > 1 || got.Lower > got.Value || got.Value > got.Upper {
			t.Errorf("%+v - %+v = %+v", a, b, got)
		}
	})
}

func TestWithoutEvidenceNothingIsDistinguishable(t *testing.T) {
	equal := Mean(moments(5, 5, 5, 5, 5), Scale{Low: 1, High: 5})
	for name, tt := range map[string]struct {
		a, b  Estimate
		known bool
	}{
		"suppressed":         {Wilson(1, 4), Wilson(90, 100), false},
		"no data":            {Wilson(90, 100), Estimate{}, false},
		"no interval":        {Quantile([]float64{1, 2, 3, 4, 5}, .9), Wilson(90, 100), true},
		"no width":           {equal, Mean(moments(1, 1, 2, 1, 2), Scale{}), true},
		"no width elsewhere": {Mean(moments(1, 1, 2, 1, 2), Scale{}), equal, true},
	} {
		got := Subtract(tt.a, tt.b)
		if got.Known != tt.known || got.Interval || got.Distinguishable || got.P != 1 || got.Lower != 0 || got.Upper != 0 {
			t.Errorf("%s: got %+v", name, got)
		}
		if tt.known && got.Value != tt.a.Value-tt.b.Value {
			t.Errorf("%s: value %g", name, got.Value)
		}
	}
}

func TestHolmGivesThePublishedValues(t *testing.T) {
	got := Holm([]float64{.01, .04, .03, .005})
	for i, want := range []float64{.03, .06, .06, .02} {
		near(t, "adjusted p", got[i], want, 1e-15)
	}
	if got := Holm([]float64{.6, .7, .001}); got[0] != 1 || got[1] != 1 || got[2] != .003 {
		t.Errorf("got %v, want nothing above 1", got)
	}
	if got := Holm(nil); len(got) != 0 {
		t.Errorf("got %v of nothing", got)
	}
}

func TestHolmRejectsAsItsStepsDo(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := rapid.SliceOfN(rapid.Float64Range(0, .2), 1, 12).Draw(t, "p")
		adjusted := Holm(p)
		sorted := slices.Sorted(slices.Values(p))
		rejected := 0 // stepping down until one fails
		for rejected < len(p) && float64(len(p)-rejected)*sorted[rejected] < .05 {
			rejected++
		}
		for i, v := range adjusted {
			if v < p[i] || v > 1 {
				t.Errorf("%g became %g", p[i], v)
			}
			if (v < .05) != (rejected > 0 && p[i] <= sorted[rejected-1]) {
				t.Errorf("%v: %g became %g, want %d rejected", p, p[i], v, rejected)
			}
		}
	})
}

func TestPairsAreCorrectedForTheirNumber(t *testing.T) {
	all := []Estimate{Wilson(820, 1000), Wilson(786, 1000), Wilson(1, 3), Wilson(700, 1000)}
	got := Pairs(all)
	if len(got) != 6 || got[0].A != 0 || got[0].B != 1 || got[5].A != 2 || got[5].B != 3 {
		t.Fatalf("got %+v, want all six pairs in order", got)
	}
	// Three pairs have intervals; the first is the weakest of them, so it keeps its p.
	alone := Subtract(all[0], all[1])
	if got[0].P != alone.P || got[0].Lower != alone.Lower {
		t.Errorf("got %+v, want p %g", got[0], alone.P)
	}
	if want := 2 * Subtract(all[1], all[3]).P; math.Abs(got[4].P-want) > 1e-15 || !got[4].Distinguishable {
		t.Errorf("got %+v, want p %g", got[4], want)
	}
	if want := 3 * Subtract(all[0], all[3]).P; math.Abs(got[2].P-want) > 1e-15 {
		t.Errorf("got %+v, want p %g", got[2], want)
	}
	if got[1].Known || got[1].P != 1 {
		t.Errorf("got %+v, want nothing told of three", got[1])
	}
	four := []Estimate{Wilson(820, 1000), Wilson(784, 1000), Wilson(802, 1000), Wilson(803, 1000)}
	if d := Subtract(four[0], four[1]); !d.Distinguishable {
		t.Errorf("alone: got %+v, want it distinguishable", d)
	}
	for _, pair := range Pairs(four) {
		if pair.Distinguishable {
			t.Errorf("among six: got %+v, want none distinguishable", pair)
		}
	}
}
