package stats

import (
	"math"
	"math/rand/v2"
	"testing"
)

func TestValuesAgreeWithMoments(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	var v Values
	var m Moments
	for range 500 {
		x := r.Int64N(11)
		v.Add(float64(x) / 10)
		m.Add(x, 1)
	}
	got, want := v.Mean(Scale{Low: 0, High: 1}), Mean(m, Scale{Low: 0, High: 1, Unit: 0.1})
	if math.Abs(got.Value-want.Value) > 1e-12 || math.Abs(got.Lower-want.Lower) > 1e-12 || math.Abs(got.Upper-want.Upper) > 1e-12 {
		t.Errorf("mean = %v, want %v", got, want)
	}
	if s := v.Spread(); math.Abs(s.Value-math.Sqrt(m.Variance())/10) > 1e-12 || s.N != 500 || s.Method != MethodDelta {
		t.Errorf("spread = %v, want %v", s, math.Sqrt(m.Variance())/10)
	}
}

func TestValuesDoNotDependOnOrder(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	numbers := make([]float64, 200)
	for i := range numbers {
		numbers[i] = r.Float64()
	}
	var a, b Values
	for i := range numbers {
		a.Add(numbers[i])
		b.Add(numbers[len(numbers)-1-i])
	}
	if a.Mean(Scale{}) != b.Mean(Scale{}) || a.Spread() != b.Spread() {
		t.Error("another order gives other bits")
	}
}

func TestSpreadAtItsEdges(t *testing.T) {
	var v Values
	if e := v.Spread(); e.Known || e.Quality != QualityNoData {
		t.Errorf("of nothing = %v", e)
	}
	for range 4 {
		v.Add(0.75)
	}
	if e := v.Spread(); e.Known || e.Quality != QualitySuppressed {
		t.Errorf("of 4 = %v", e)
	}
	v.Add(0.75)
	if e := v.Spread(); !e.Known || e.Value != 0 || e.Lower != 0 || e.Upper != 0 {
		t.Errorf("of 5 alike = %v, want no spread", e)
	}
}

// The interval covers: samples of 60 from three values whose spread is known.
func TestSpreadCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	truth := math.Sqrt(variance3())
	hit := 0
	for range 1000 {
		var v Values
		for range 60 {
			v.Add(three(r.Float64()))
		}
		if e := v.Spread(); e.Lower <= truth && truth <= e.Upper {
			hit++
		}
	}
	if hit < 910 || hit > 985 {
		t.Errorf("%d of 1000 intervals cover", hit)
	}
}

// three is 0, 0.75 or 1 with shares 0.3, 0.5 and 0.2.
func three(u float64) float64 {
	switch {
	case u < 0.3:
		return 0
	case u < 0.8:
		return 0.75
	}
	return 1
}

func variance3() float64 {
	mean := 0.5*0.75 + 0.2
	return 0.5*0.75*0.75 + 0.2 - mean*mean
}
