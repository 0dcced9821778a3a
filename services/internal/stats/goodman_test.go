package stats

import (
	"math"
	"testing"
)

// The example of Sison and Glaz (1995), whose table has .085 to .166, .115 to .204, .116 to
// .207, .091 to .173, .096 to .181, .143 to .239 and .089 to .171. More digits are those of
// the closed form of Goodman (1965) with the upper 0.05/7 point of chi-square.
func TestGoodmanGivesThePublishedIntervals(t *testing.T) {
	want := [][2]float64{
		{.085167, .166261},
		{.114533, .204373},
		{.116395, .206728},
		{.090606, .173475},
		{.096077, .180655},
		{.142749, .239416},
		{.088789, .171074},
	}
	for i, e := range Goodman([]int64{56, 72, 73, 59, 62, 87, 58}) {
		if math.Abs(e.Lower-want[i][0]) > 1e-6 || math.Abs(e.Upper-want[i][1]) > 1e-6 {
			t.Errorf("class %d: %.6f to %.6f, want %v", i, e.Lower, e.Upper, want[i])
		}
	}
}

func TestGoodmanOfOneClassIsWilson(t *testing.T) {
	got, want := Goodman([]int64{0, 20})[0], Wilson(0, 20)
	if got.Lower != 0 || got.Upper <= want.Upper {
		t.Errorf("0 of 20 in two classes = %v, want wider than %v", got, want)
	}
	one := Goodman([]int64{40})[0]
	if one.Value != 1 || one.Upper != 1 || math.Abs(one.Lower-Wilson(40, 40).Lower) > 1e-12 || one.Method != MethodGoodman {
		t.Errorf("one class = %v, want Wilson's interval", one)
	}
	for _, e := range Goodman([]int64{1, 2, 1}) {
		if e.Known || e.Quality != QualitySuppressed || e.N != 4 {
			t.Errorf("of 4 = %v, want it suppressed", e)
		}
	}
	if len(Goodman(nil)) != 0 {
		t.Error("no classes have shares")
	}
}
