package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

// TestOddsRatioAsPublished holds the aspirin study of Agresti, An Introduction to
// Categorical Data Analysis (2007), 2.3 against it: 189 of 11,034 heart attacks with a
// placebo, 104 of 11,037 with aspirin, 1.83 (1.44, 2.33).
func TestOddsRatioAsPublished(t *testing.T) {
	e := OddsRatio(Count{189, 11034}, Count{104, 11037})
	near(t, "the odds ratio", e.Value, 1.83, 0.005)
	near(t, "its lower end", e.Lower, 1.44, 0.005)
	near(t, "its upper end", e.Upper, 2.33, 0.005)
}

func TestOddsRatioAtTheEnds(t *testing.T) {
	for _, c := range []struct {
		a, b    Count
		known   bool
		quality Quality
	}{
		{Count{3, 4}, Count{30, 40}, false, QualitySuppressed},
		{Count{30, 40}, Count{3, 4}, false, QualitySuppressed},
		{Count{}, Count{30, 40}, false, QualityNoData},
		{Count{40, 40}, Count{30, 40}, false, QualityOK}, // infinite odds
		{Count{30, 40}, Count{0, 40}, false, QualityOK},  // of none
		{Count{0, 10}, Count{30, 40}, true, QualitySmallSample},
		{Count{30, 40}, Count{40, 40}, true, QualityOK},
	} {
		e := OddsRatio(c.a, c.b)
		if e.Known != c.known || e.Quality != c.quality {
			t.Errorf("OddsRatio(%v, %v) known %v quality %v, want %v and %v", c.a, c.b, e.Known, e.Quality, c.known, c.quality)
		}
		if e.Known && (e.Value != 0 || e.Lower != 0 || !(e.Upper > 0)) { // both have a 0 on the same side
			t.Errorf("OddsRatio(%v, %v) = %v [%v, %v], want 0 and an upper end", c.a, c.b, e.Value, e.Lower, e.Upper)
		}
	}
}

// TestOddsRatioTurnsRound: the odds of b to a are those of a to b, turned round, as are
// those of the opposite.
func TestOddsRatioTurnsRound(t *testing.T) {
	alike := func(a, b float64) bool { return math.Abs(a-b) <= 1e-9*math.Max(math.Abs(a), math.Abs(b)) }
	rapid.Check(t, func(t *rapid.T) {
		draw := func(name string) Count {
			n := rapid.Int64Range(5, 200).Draw(t, name)
			return Count{rapid.Int64Range(0, n).Draw(t, name+" with"), n}
		}
		a, b := draw("a"), draw("b")
		e, turned := OddsRatio(a, b), OddsRatio(b, a)
		opposite := OddsRatio(Count{a.N - a.K, a.N}, Count{b.N - b.K, b.N})
		if e.Known && (e.Lower > e.Value || e.Upper < e.Value || math.IsNaN(e.Value)) {
			t.Fatalf("%v [%v, %v] does not hold its value", e.Value, e.Lower, e.Upper)
		}
		if e.Known && turned.Known && (!alike(e.Value*turned.Value, 1) || !alike(e.Lower*turned.Upper, 1)) {
			t.Fatalf("%v [%v, %v] turned round is %v [%v, %v]", e.Value, e.Lower, e.Upper, turned.Value, turned.Lower, turned.Upper)
		}
		if turned.Known != opposite.Known || turned.Known && !alike(turned.Value, opposite.Value) {
			t.Fatalf("turned round %v, of the opposite %v", turned, opposite)
		}
	})
}
