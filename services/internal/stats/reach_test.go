package stats

import (
	"math"
	"testing"
)

func TestReachOfAHundredCustomers(t *testing.T) {
	r := Recommendations{Promoters: 50, Passives: 30, Detractors: 20}
	e := Reach(r, 9, 16)
	if e.Value != 130 || !(e.Lower < 130 && 130 < e.Upper) || e.N != 100 {
		t.Errorf("reach = %v, want 450 - 320", e)
	}
	if e := Reach(r, 15, 24); e.Value != 270 {
		t.Errorf("reach = %v, want 750 - 480", e)
	}
	if e := Reach(Recommendations{Promoters: 16, Detractors: 9}, 9, 16); e.Value != 0 || !e.Known {
		t.Errorf("at break-even: %v", e)
	}
}

func TestReachOfOneEachIsNPS(t *testing.T) {
	for _, r := range []Recommendations{{19, 9, 8}, {5, 0, 0}, {0, 3, 4}} {
		got, want := Reach(r, 1, 1), r.NPS()
		n := float64(r.N())
		if math.Abs(100*got.Lower/n-want.Lower) > 1e-9 || math.Abs(100*got.Upper/n-want.Upper) > 1e-9 || math.Abs(100*got.Value/n-want.Value) > 1e-9 {
			t.Errorf("%v: %v, want %v", r, got, want)
		}
	}
	if e := Reach(Recommendations{Promoters: 4}, 9, 16); e.Known {
		t.Errorf("of 4 = %v, want it suppressed", e)
	}
}
