package stats

import (
	"math"
	"testing"
)

func TestNPSSampleSizesAreThePublishedOnes(t *testing.T) {
	// Rocks 2016, The American Statistician 70, for a variance of .7 and the largest one.
	for margin, want := range map[float64][2]float64{10: {266, 382}, 5: {1073, 1534}, 15: {117, 168}} {
		for i, variance := range []float64{.7, 1} {
			if got := NPSSampleSize(variance, margin); got != want[i] {
				t.Errorf("a margin of %g takes %g answers of variance %g, want %g", margin, got, variance, want[i])
			}
		}
	}
}

func TestSampleSizesAreThoseOfTheTextbook(t *testing.T) {
	for _, tt := range []struct{ variance, margin, want float64 }{
		{.25, .05, 385}, // the well-known one
		{.25, .03, 1068},
		{.09, .05, 139},
		{1.44, .1, 554},
		{1, 100, 1},
	} {
		if got := SampleSize(tt.variance, tt.margin); got != tt.want {
			t.Errorf("SampleSize(%g, %g) = %g, want %g", tt.variance, tt.margin, got, tt.want)
		}
	}
	if got := SampleSize(1, 1e-200); !math.IsInf(got, 1) {
		t.Errorf("an impossible margin takes %g answers", got)
	}
	if got := NPSSampleSize(.7, 200); got != 1 {
		t.Errorf("any answer does: got %g", got)
	}
}
