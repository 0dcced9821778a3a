package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestRatioGivesThePublishedIntervals(t *testing.T) {
	for _, tt := range []struct {
		name                string
		a, b                Rate
		value, lower, upper float64
	}{
		{"poisson.test of R, E. Fay's example", Rate{11, 800}, Rate{6 + 8 + 7, 1083 + 1050 + 878}, 1.971488, .8584264, 4.2772659},
		{"breast cancer after fluoroscopy, Stata's ir", Rate{41, 28_010}, Rate{15, 19_017}, 1.855759, 1.005684, 3.6093},
	} {
		got := Ratio(tt.a, tt.b)
		near(t, tt.name+": value", got.Value, tt.value, 1e-6)
		near(t, tt.name+": lower", got.Lower, tt.lower, 1e-6)
		near(t, tt.name+": upper", got.Upper, tt.upper, 5e-5)
		if got.Method != MethodExact || got.N != tt.a.Events+tt.b.Events || !got.Interval {
			t.Errorf("%s: got %+v, want a known exact estimate", tt.name, got)
		}
	}
}

func TestRatioEndsWhereTheTailsAre(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Rate{rapid.Int64Range(0, 60).Draw(t, "a"), rapid.Float64Range(.1, 1e4).Draw(t, "exposure a")}
		b := Rate{rapid.Int64Range(5, 60).Draw(t, "b"), rapid.Float64Range(.1, 1e4).Draw(t, "exposure b")}
		got := Ratio(a, b)
		n := a.Events + b.Events
		// atLeast is the probability of as many events in a, if this were the ratio.
		atLeast := func(ratio float64) (more, fewer float64) {
			p := a.Exposure * ratio / (a.Exposure*ratio + b.Exposure)
			for k := range n + 1 {
				chance := probability([]int64{k, n - k}, []float64{p, 1 - p})
				if k >= a.Events {
					more += chance
				}
				if k <= a.Events {
					fewer += chance
				}
			}
			return more, fewer
		}
		if a.Events > 0 {
			more, _ := atLeast(got.Lower)
			if math.Abs(more-.025) > 1e-6 {
				t.Errorf("%+v to %+v = %+v: %g at the lower end", a, b, got, more)
			}
		} else if got.Lower != 0 || got.Value != 0 {
			t.Errorf("%+v to %+v = %+v, want a lower end of 0", a, b, got)
		}
		if _, fewer := atLeast(got.Upper); math.Abs(fewer-.025) > 1e-6 {
			t.Errorf("%+v to %+v = %+v: %g at the upper end", a, b, got, fewer)
		}
		if a.Events > 0 {
			back := Ratio(b, a)
			near(&testing.T{}, "product", back.Value*got.Value, 1, 1e-9)
			if math.Abs(back.Lower*got.Upper-1) > 1e-6 {
				t.Errorf("%+v and back %+v, want them to be reciprocal", got, back)
			}
		}
	})
}

func TestRatioOfManyEventsIsThatOfTheLogarithm(t *testing.T) {
	got := Ratio(Rate{4_000_000, 3e7}, Rate{1_000_000, 1e7})
	half := z * math.Sqrt(1/4e6+1/1e6)
	near(t, "lower", math.Log(got.Lower), math.Log(4./3)-half, 1e-5)
	near(t, "upper", math.Log(got.Upper), math.Log(4./3)+half, 1e-5)
}

func TestRatioToNothingIsUnknown(t *testing.T) {
	for name, got := range map[string]Estimate{
		"no events":   Ratio(Rate{9, 100}, Rate{0, 100}),
		"no exposure": Ratio(Rate{9, 0}, Rate{9, 100}),
		"neither":     Ratio(Rate{9, 10}, Rate{9, 0}),
	} {
		if got.Known || got.Interval || got.Value != 0 || got.N < 9 {
			t.Errorf("%s: got %+v, want it counted and unknown", name, got)
		}
	}
	if got := Ratio(Rate{2, 100}, Rate{2, 100}); got.Known || got.Quality != QualitySuppressed {
		t.Errorf("four events: got %+v, want them suppressed", got)
	}
}

func TestRatePerExposureGivesThePublishedIntervals(t *testing.T) {
	for _, tt := range []struct {
		events       int64
		lower, upper float64
	}{{0, 0, 3.688879}, {1, 0.025318, 5.571643}, {10, 4.795389, 18.390356}, {100, 81.363991, 121.626794}} { // Garwood 1936; poisson.test of R
		got := Rate{tt.events, 1000}.Estimate(1000)
		near(t, "value", got.Value, float64(tt.events), 1e-12)
		near(t, "lower", got.Lower, tt.lower, 5e-6)
		near(t, "upper", got.Upper, tt.upper, 5e-6)
	}
	many := Rate{4_000_000, 3e7}.Estimate(100)
	near(t, "lower of many", many.Lower, 100*(4e6-z*2000)/3e7, 1e-4)
	near(t, "upper of many", many.Upper, 100*(4e6+z*2000)/3e7, 1e-4)
	if got := (Rate{7, 4}).Estimate(100); got.Known || got.Quality != QualitySuppressed {
		t.Errorf("of four customers: got %+v, want it suppressed", got)
	}
}

func TestRatioPAgreesWithTheInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := Rate{rapid.Int64Range(0, 60).Draw(t, "a"), rapid.Float64Range(1, 1e3).Draw(t, "exposure a")}
		b := Rate{rapid.Int64Range(5, 60).Draw(t, "b"), rapid.Float64Range(1, 1e3).Draw(t, "exposure b")}
		e, p := Ratio(a, b), RatioP(a, b)
		if math.Abs(p-.05) < 1e-6 {
			return
		}
		if outside := e.Lower > 1 || e.Upper < 1; outside != (p < .05) {
			t.Errorf("%+v to %+v = %+v with p %g", a, b, e, p)
		}
		if math.Abs(p-RatioP(b, a)) > 1e-9 {
			t.Errorf("p is %g, and %g the other way round", p, RatioP(b, a))
		}
	})
}
