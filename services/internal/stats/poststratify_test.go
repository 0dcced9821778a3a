package stats

import (
	"math"
	"testing"

	"pgregory.net/rapid"
)

func TestWhoAnswersLessOftenCountsForMore(t *testing.T) {
	// 700 customers were asked by mail and 300 by phone; 28 of 35 and 45 of 90 are satisfied.
	refs := PostStratify([]float64{700, 300}, []int64{35, 90})
	near(t, "raw", Wilson(28+45, 35+90).Value, .584, 1e-12)
	got := StandardizedShare([]Stratum{{refs[0], share(28, 35)}, {refs[1], share(45, 90)}})
	near(t, "weighted", got.Value, .71, 1e-12)
	// Weights of 2.5 and .41667: (35·2.5 + 90·.41667)² / (35·2.5² + 90·.41667²).
	near(t, "effective n", got.EffectiveN, 66.6667, 1e-4)
	if got.N != 125 || got.Method != MethodWilson || got.Lower >= .71 || got.Upper <= .71 {
		t.Errorf("got %+v, want an interval around .71 of 125 answers", got)
	}
}

func TestNobodyCountsForMoreThanFiveOnAverage(t *testing.T) {
	refs := PostStratify([]float64{900, 100, 50, 0}, []int64{10, 190, 0, 40})
	// Untrimmed a weight of the first stratum is .9/(10/200) = 18.
	near(t, "first", refs[0]/10*200, 5, 1e-12)
	near(t, "second", refs[1]/190*200, .1/.95, 1e-12)
	if refs[2] != 0 || refs[3] != 0 {
		t.Errorf("references = %v, want nothing for strata without answers or people", refs)
	}
	if got := PostStratify([]float64{5, 1}, []int64{0, 0}); got[0] != 0 || got[1] != 0 {
		t.Errorf("references of nothing = %v", got)
	}
}

func TestPostStratificationIsTheWeightedMean(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		k := rapid.IntRange(1, 6).Draw(t, "strata")
		sizes, n := make([]float64, k), make([]int64, k)
		strata, nps := make([]Stratum, k), make([]NPSStratum, k)
		people, answers := 0.0, int64(0)
		for h := range k {
			n[h] = rapid.Int64Range(0, 60).Draw(t, "n")
			sizes[h] = rapid.Float64Range(1, 1000).Draw(t, "size")
			if n[h] > 0 {
				people, answers = people+sizes[h], answers+n[h]
			}
		}
		refs := PostStratify(sizes, n)
		sum, squares, mean := 0.0, 0.0, 0.0
		for h := range k {
			yes := rapid.Int64Range(0, n[h]).Draw(t, "yes")
			strata[h] = Stratum{refs[h], share(yes, n[h])}
			nps[h] = NPSStratum{refs[h], Recommendations{yes, 0, n[h] - yes}}
			if n[h] == 0 {
				continue
			}
			w := min(sizes[h]/people/(float64(n[h])/float64(answers)), 5)
			sum += w * float64(n[h])
			squares += w * w * float64(n[h])
			mean += w * float64(yes)
		}
		got, score := StandardizedShare(strata), StandardizedNPS(nps)
		if got.N != answers || got.Known != (answers >= MinShown) || score.Known != got.Known {
			t.Fatalf("got %+v and %+v of %d answers", got, score, answers)
		}
		if !got.Known {
			return
		}
		near2(t, "share", got.Value, mean/sum)
		near2(t, "effective n", got.EffectiveN, sum*sum/squares)
		near2(t, "NPS", score.Value, 100*(2*mean/sum-1))
		if math.Abs(score.EffectiveN-got.EffectiveN) > 1e-9 || score.Lower < -100 || score.Upper > 100 || score.Lower >= score.Upper {
			t.Errorf("NPS is %+v, the share %+v", score, got)
		}
	})
}

func near2(t *rapid.T, what string, got, want float64) {
	if math.IsNaN(got) || math.Abs(got-want) > 1e-9 {
		t.Errorf("%s = %g, want %g", what, got, want)
	}
}
