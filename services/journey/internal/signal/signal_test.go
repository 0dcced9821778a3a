package signal

import (
	"math"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

func TestTheUpperLimitIsThatOfThePChart(t *testing.T) {
	for _, tt := range []struct {
		name        string
		k, total, n int64
		sigmas      float64
		want        float64
	}{
		{"frozen orange juice (Montgomery 2012, example 7.1)", 347, 1500, 50, 3, 0.4102},
		{"the same after two samples were left out", 301, 1400, 50, 3, 0.3893},
		{"two sigmas", 100, 1000, 100, 2, 0.16},
		{"a baseline without any counts as half a one", 0, 100, 100, 3, 0.0262},
		{"a share ends at 1", 9, 10, 2, 3, 1},
		{"nothing to go by limits nothing", 0, 0, 10, 3, 1},
		{"nothing observed", 1, 10, 0, 3, 1},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := UpperLimit(tt.k, tt.total, tt.n, tt.sigmas); math.Abs(got-tt.want) > 5e-5 {
				t.Errorf("got %.5f, want %.4f", got, tt.want)
			}
		})
	}
}

func TestJudge(t *testing.T) {
	broken := Rule{Kind: Broken, Threshold: 0.2, MinCount: 10}
	unmet := Rule{Kind: Unmet, Baseline: time.Hour, Sigmas: 3, MinCount: 50}
	silence := Rule{Kind: Silence, MinCount: 5}
	usual := Tally{Known: 1500, Unmet: 347, Judged: 1500, Failed: 347}
	for _, tt := range []struct {
		name           string
		rule           Rule
		window, before Tally
		want           bool
	}{
		{"broken above the threshold", broken, Tally{Judged: 10, Failed: 3}, Tally{}, true},
		{"not at the threshold", broken, Tally{Judged: 10, Failed: 2}, Tally{}, false},
		{"not with too few", broken, Tally{Judged: 9, Failed: 9}, Tally{}, false},
		{"failures are not UNMET alone", broken, Tally{Judged: 10, Failed: 3, Known: 7}, Tally{}, true},
		{"21 of 50 are above 0.4102", unmet, Tally{Known: 50, Unmet: 21}, usual, true},
		{"20 of 50 are not", unmet, Tally{Known: 50, Unmet: 20}, usual, false},
		{"too few in the window", unmet, Tally{Known: 49, Unmet: 49}, usual, false},
		{"too few before", unmet, Tally{Known: 50, Unmet: 50}, Tally{Known: 49, Unmet: 1}, false},
		{"somebody may be silent", silence, Tally{Known: 9, Unmet: 5}, Tally{}, true},
		{"too few can be", silence, Tally{Known: 9, Unmet: 4}, Tally{}, false},
		{"scores are judged elsewhere", Rule{Kind: Drop}, Tally{Known: 9, Unmet: 9, Judged: 9, Failed: 9}, Tally{}, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if _, got := tt.rule.Judge(tt.window, tt.before); got != tt.want {
				t.Errorf("opens = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestAFindingHasItsIntervals(t *testing.T) {
	r := Rule{Kind: Unmet, Baseline: time.Hour, Sigmas: 3, MinCount: 30}
	f, _ := r.Judge(Tally{Known: 263, Unmet: 81}, Tally{Known: 1000, Unmet: 100})
	if got := f.Observed; math.Abs(got.Lower-0.2553) > 5e-5 || math.Abs(got.Upper-0.3662) > 5e-5 || got.N != 263 {
		t.Errorf("observed %+v, want 0.2553 to 0.3662 of 263", got)
	}
	if f.Baseline == nil || f.Baseline.Value != 0.1 || f.Baseline.N != 1000 {
		t.Errorf("baseline %+v, want 0.1 of 1000", f.Baseline)
	}
	r.Kind, r.Threshold = Broken, 0.2
	if f, _ := r.Judge(Tally{Judged: 10, Failed: 3}, Tally{}); f.Baseline != nil || f.Limit != 0.2 {
		t.Errorf("finding %+v, want no baseline and the threshold as limit", f)
	}
}

func TestATimeIsInOneWindow(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rule{Window: time.Duration(rapid.IntRange(1, 90*24).Draw(t, "hours")) * time.Hour}
		at := time.UnixMicro(rapid.Int64Range(0, 7258118400e6).Draw(t, "at")).UTC()
		w := r.WindowAt(at)
		if at.Before(w.Start) || !at.Before(w.End) || w.End.Sub(w.Start) != r.Window || w.Start.UnixMicro()%r.Window.Microseconds() != 0 {
			t.Fatalf("%v is in %v", at, w)
		}
		if next := r.WindowAt(w.End); next.Start != w.End {
			t.Fatalf("%v is followed by %v", w, next)
		}
		if last := r.WindowAt(w.End.Add(-time.Microsecond)); last != w {
			t.Fatalf("the end of %v is in %v", w, last)
		}
	})
}

func TestLive(t *testing.T) {
	noon := time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)
	w := Span{noon, noon.Add(time.Hour)}
	for _, tt := range []struct {
		name         string
		created, now time.Time
		want         bool
	}{
		{"under way", noon.Add(-time.Hour), noon, true},
		{"not begun", noon.Add(-time.Hour), noon.Add(-1), false},
		{"over when the rule was created", noon.Add(time.Hour), noon.Add(2 * time.Hour), false},
		{"under way when the rule was created", noon.Add(time.Hour - 1), noon.Add(2 * time.Hour), true},
		{"over for 7 days", noon, w.End.Add(Lateness), true},
		{"over for longer", noon, w.End.Add(Lateness + 1), false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if got := w.Live(tt.created, tt.now); got != tt.want {
				t.Errorf("live = %t, want %t", got, tt.want)
			}
		})
	}
}

func TestAScoreFell(t *testing.T) {
	r := Rule{Kind: Drop, Points: 10}
	estimate := func(v float64) stats.Estimate {
		return stats.Estimate{Value: v, Lower: v - 3, Upper: v + 4, Known: true, Interval: true, N: 7}
	}
	f, fell := r.Fell(estimate(80), estimate(70))
	if !fell || f.Observed.Value != 10 || f.Observed.Lower != 5 || f.Observed.Upper != 15 || f.Baseline.Value != 80 {
		t.Errorf("fell %t by %+v from %+v, want by 10, 5 to 15, from 80", fell, f.Observed, f.Baseline)
	}
	if _, fell := r.Fell(estimate(80), estimate(70.01)); fell {
		t.Error("9.99 points are 10")
	}
	if _, fell := r.Fell(estimate(70), estimate(80)); fell {
		t.Error("a rise is a fall")
	}
}

func TestASegmentFellTogether(t *testing.T) {
	r := Rule{Kind: Drop, Points: 5}
	pairs := func(falls ...float64) (all []Pair) {
		for _, f := range falls {
			all = append(all, Pair{80, 80 - f})
		}
		return all
	}
	for _, tt := range []struct {
		name  string
		pairs []Pair
		want  bool
	}{
		{"all alike", pairs(6, 6, 6, 6, 6), true},
		{"the mean decides", pairs(1, 2, 6, 9, 9), true},
		{"too little", pairs(4, 5, 5, 5, 5), false},
		{"one alone may be chance", pairs(0, 0, 0, 0, 40), false},
		{"too few", pairs(50, 50, 50, 50), false},
		{"nobody", nil, false},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if f, got := r.FellTogether(tt.pairs); got != tt.want {
				t.Errorf("fell = %t, want %t: %+v", got, tt.want, f)
			}
		})
	}
}

func TestASignalMovesOn(t *testing.T) {
	for s := Open; s <= Expired; s++ {
		if got, want := s.Closed(), s >= Resolved; got != want {
			t.Errorf("%d is closed: %t, want %t", s, got, want)
		}
		for to := Open; to <= Expired; to++ {
			want := map[[2]State]bool{
				{Open, Acknowledged}: true, {Open, Actioned}: true, {Open, Dismissed}: true, {Open, Expired}: true,
				{Acknowledged, Actioned}: true, {Acknowledged, Dismissed}: true, {Acknowledged, Expired}: true,
				{Actioned, Resolved}: true, {Actioned, Dismissed}: true,
			}[[2]State{s, to}]
			if got := s.May(to); got != want {
				t.Errorf("from %d to %d: %t, want %t", s, to, got, want)
			}
		}
	}
}
