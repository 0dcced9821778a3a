package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestTheVarianceOfNPSIsThePublishedOne(t *testing.T) {
	near(t, "variance", Recommendations{3, 2, 1}.Variance(), .555556, 5e-7)
	near(t, "of a retailer", Recommendations{1827, 845, 257}.Variance(), .42418913722407914, 1e-15)
	near(t, "of nobody", Recommendations{}.Variance(), 0, 0)
	plain := 100 * z * math.Sqrt(Recommendations{19, 9, 8}.Variance()/36)
	near(t, "plain lower", 1100./36-plain, 4.1, .05)
	near(t, "plain upper", 1100./36+plain, 57, .05)
	mid, _ := Recommendations{19, 9, 8}.adjusted()
	near(t, "middle of the interval", 100*mid, 28.2, .05)
}

func TestSubtractNPSAddsTheAdjustedVariances(t *testing.T) {
	with, without := Recommendations{468, 216, 135}, Recommendations{1359, 629, 122}
	got := SubtractNPS(with, without)
	near(t, "difference", got.Value, -17.966251757720954, 1e-9)
	// The plain Wald test has a standard error of 2.944 and a z of -6.10.
	near(t, "half width", (got.Upper-got.Lower)/2/z, 2.9442963544813647, .02)
	if !got.Interval || !got.Distinguishable || got.P > 3e-9 || got.P < 1e-10 {
		t.Errorf("got %+v, want p near 1.05e-9", got)
	}
	// By hand: 39 and 15 answers with .75 of 3 more on each side.
	got = SubtractNPS(Recommendations{19, 9, 8}, Recommendations{4, 4, 4})
	near(t, "lower", got.Lower, 28.205128-z*100*math.Sqrt(.0166979+.0422222), 1e-3)
	if got.Distinguishable || got.P < .05 {
		t.Errorf("got %+v, want no difference", got)
	}
}

func TestSubtractNPSSaysTheSameBothWaysAndAgreesWithItsInterval(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		draw := func(who string) Recommendations {
			n := rapid.Int64Range(0, 300)
			return Recommendations{n.Draw(t, who+" promoters"), n.Draw(t, who+" passives"), n.Draw(t, who+" detractors")}
		}
		a, b := draw("a"), draw("b")
		got, back := SubtractNPS(a, b), SubtractNPS(b, a)
		if known := a.N() >= MinShown && b.N() >= MinShown; got.Known != known || got.Interval != known {
			t.Fatalf("%+v - %+v = %+v, want known %t", a, b, got, known)
		}
		if !got.Known {
			return
		}
		if math.Abs(got.Value+back.Value)+math.Abs(got.Lower+back.Upper)+math.Abs(got.P-back.P) > 1e-9 {
			t.Errorf("%+v - %+v = %+v, and %+v the other way", a, b, got, back)
		}
		if excluded := got.Lower > 0 || got.Upper < 0; excluded != got.Distinguishable && math.Abs(got.P-.05) > 1e-9 {
			t.Errorf("%+v - %+v = %+v, want p < .05 just where 0 is excluded", a, b, got)
		}
		if got.Lower < -200 || got.Upper > 200 || got.P < 0 || got.P > 1 {
			t.Errorf("%+v - %+v = %+v", a, b, got)
		}
	})
}

func TestSubtractNPSHasAnIntervalWhereAllAgree(t *testing.T) {
	got := SubtractNPS(Recommendations{Promoters: 30}, Recommendations{Detractors: 30})
	// The middle of the interval is 2·30/33; like that of a score it may miss the raw one.
	if got.Value != 200 || !got.Interval || got.Lower <= 0 || got.Upper >= 200 || got.Lower >= got.Upper || !got.Distinguishable {
		t.Errorf("got %+v, want all the difference there is and some doubt", got)
	}
}
