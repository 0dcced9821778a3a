package score

import (
	"cmp"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

const day = 24 * 3600 * 1_000_000 // microseconds

// asOf is 2026-01-05, within its bucket.
const asOf = 1_767_571_200_000_000

// random returns a customer of n touchpoints in the years before 2026.
func random(r *rand.Rand, n int) []Touch {
	m := Default()
	outcomes := []float64{m.Unmet, m.Met, m.Exceeded}
	stages, days := 1+r.IntN(Stages), 1+r.Int64N(2000)
	touches := make([]Touch, n)
	for i := range touches {
		touches[i] = Touch{
			Time:   asOf - r.Int64N(days*day),
			Stage:  r.IntN(stages),
			Value:  outcomes[r.IntN(len(outcomes))],
			Weight: math.Ldexp(1+r.Float64(), r.IntN(6)-3) / 2,
		}
		if r.IntN(3) == 0 {
			touches[i].Value = r.Float64()
		}
		touches[i].Service = r.IntN(4) == 0
	}
	return touches
}

// models returns the default model and one that differs in all its parts.
func models() map[string]*Model {
	geometric, arithmetic, odd, memory := Default(), Default(), Default(), Default()
	arithmetic.Aggregation = Arithmetic
	odd.HalfLife = 1_000_003_000_000
	odd.Kappa = 1.7
	odd.Prior = [Stages]float64{.9, .4, .62, .81, 1}
	odd.PriorVariance = .03
	odd.StageWeights = [Stages]float64{3, .5, 0, 1, 7}
	memory.PeakEnd = .3
	return map[string]*Model{"geometric": &geometric, "arithmetic": &arithmetic, "odd": &odd, "memory": &memory}
}

// near fails unless got is want within tolerance.
func near(t testing.TB, what string, got, want, tolerance float64) {
	t.Helper()
	if math.IsNaN(got) || math.Abs(got-want) > tolerance {
		t.Errorf("%s = %.12g, want %.12g within %g", what, got, want, tolerance)
	}
}

func TestATouchpointDecaysAsPublished(t *testing.T) {
	m := Default()
	for age, want := range map[int64]float64{0: 1, 30: .793701, 90: .5, 180: .25, 365: .060139} {
		r := m.Replay([]Touch{{Time: asOf - age*day, Value: 1, Weight: 1}}, asOf)
		near(t, "weight", r.Stages[0].Support, want, 5e-7)
	}
}

func TestStagesJoinAsPublished(t *testing.T) {
	geometric, arithmetic := Default(), Default()
	arithmetic.Aggregation = Arithmetic
	for _, tt := range []struct {
		name              string
		means             [Stages]float64
		weights           [Stages]float64
		geometric, linear float64
		tolerance         float64
	}{
		{"one bad stage of four", [Stages]float64{.9, .8, .2, .85, 1}, [Stages]float64{1, 1, 1, 1, 0}, 59.15, 68.75, .005},
		{"three stages", [Stages]float64{.8, .6, .9, .5, .5}, [Stages]float64{2, 2, 2, 0, 0}, 75.5953, 76.6667, 5e-5},
		{"all equal", [Stages]float64{.3, .3, .3, .3, .3}, [Stages]float64{1, 2, 3, 4, 5}, 30, 30, 0},
	} {
		geometric.StageWeights, arithmetic.StageWeights = tt.weights, tt.weights
		near(t, tt.name+", geometric", geometric.join(tt.means, geometric.shares()), tt.geometric, tt.tolerance)
		near(t, tt.name+", arithmetic", arithmetic.join(tt.means, arithmetic.shares()), tt.linear, tt.tolerance)
	}
}

func TestACustomerWithoutTouchpointsHasTheBaseline(t *testing.T) {
	for name, m := range models() {
		r := m.Score(nil, nil, asOf)
		if r.Value != r.Baseline || r.N != 0 || r.EffectiveN != 0 {
			t.Errorf("%s: got %+v, want the baseline of no touchpoints", name, r)
		}
		if r.Lower >= r.Value || r.Upper <= r.Value {
			t.Errorf("%s: got [%g, %g] around %g, want an interval", name, r.Lower, r.Upper, r.Value)
		}
	}
	m := Default()
	if got := m.Score(nil, nil, asOf).Value; got != 75 {
		t.Errorf("baseline of the default model = %v, want 75", got)
	}
}

func TestTheWorstAndTheBestCustomerStayInRange(t *testing.T) {
	for name, m := range models() {
		for _, value := range []float64{0, 1} {
			touches := make([]Touch, 5000)
			for i := range touches {
				touches[i] = Touch{Time: asOf, Stage: i % Stages, Value: value, Weight: 16}
			}
			r, points := m.Explain(touches, asOf)
			if r.Lower < 0 || r.Lower > r.Value || r.Value > r.Upper || r.Upper > 100 || r.Value == 0 {
				t.Errorf("%s: all %g: got %+v, want 0 <= lower <= value <= upper <= 100", name, value, r)
			}
			if bad := r.Value < r.Baseline; bad != (value == 0) {
				t.Errorf("%s: all %g: got %g, baseline %g", name, value, r.Value, r.Baseline)
			}
			near(t, name+" points", total(points), r.Value-r.Baseline, 1e-9)
		}
	}
}

func TestAStageIsThinWhileThePriorOutweighsIt(t *testing.T) {
	m := Default()
	m.StageWeights = [Stages]float64{1, 1, 1, 1, .4} // the last has 1/11
	touches := []Touch{
		{Time: asOf, Stage: 0, Value: 1, Weight: 3},
		{Time: asOf, Stage: 1, Value: 1, Weight: 2.9},
		{Time: asOf - 90*day, Stage: 2, Value: 1, Weight: 5},
	}
	r := m.Replay(touches, asOf)
	for stage, want := range []bool{false, true, true, true, false} {
		if got := r.Stages[stage].Thin; got != want {
			t.Errorf("stage %d with support %g: thin = %t, want %t", stage, r.Stages[stage].Support, got, want)
		}
	}
}

func TestEffectiveNIsKishs(t *testing.T) {
	m := Default()
	r := m.Replay([]Touch{{Time: asOf, Weight: 1}, {Time: asOf, Weight: 1}, {Time: asOf - 90*day, Stage: 1, Weight: 4}}, asOf)
	near(t, "effective n", r.EffectiveN, 4.*4/(1+1+4), 1e-8)
	if r.N != 3 || r.Stages[0].N != 2 || r.Stages[1].N != 1 {
		t.Errorf("n = %d, by stage %+v, want 3, 2 and 1", r.N, r.Stages)
	}
}

func TestMoreEvidenceNarrowsTheInterval(t *testing.T) {
	for name, m := range models() {
		before := math.Inf(1)
		for _, n := range []int{0, 5, 50, 500, 5000} {
			touches := make([]Touch, n)
			for i := range touches {
				touches[i] = Touch{Time: asOf, Stage: i % Stages, Value: m.Prior[i%Stages], Weight: 1}
			}
			r := m.Replay(touches, asOf)
			if width := r.Upper - r.Lower; width >= before {
				t.Errorf("%s: %d touchpoints have an interval of %g, want less than %g", name, n, width, before)
			} else {
				before = width
			}
		}
	}
}

func TestBucketsAreHalfLivesOnBothSidesOf1970(t *testing.T) {
	m := Default()
	for _, tt := range []struct{ us, want int64 }{
		{0, 0}, {90*day - 1, 0}, {90 * day, 1}, {-1, -1}, {-90 * day, -1}, {-90*day - 1, -2}, {asOf, 227},
	} {
		if got := m.Bucket(tt.us); got != tt.want {
			t.Errorf("Bucket(%d) = %d, want %d", tt.us, got, tt.want)
		}
	}
	old := []Touch{{Time: -89 * day, Stage: 2, Value: 1, Weight: 1}, {Time: -1, Stage: 2, Value: 1, Weight: 1}}
	near(t, "support in 1970", m.Replay(old, day).Stages[2].Support, .5+math.Exp2(-1./90), 1e-8)
}

func TestEstimateSaysHowFarToTrustAScore(t *testing.T) {
	var full Result
	full.Value, full.Lower, full.Upper, full.N, full.EffectiveN = 60, 50, 70, 30, 12.5
	thin, few := full, full
	thin.Stages[3].Thin = true
	few.N = 29
	for _, tt := range []struct {
		name   string
		result Result
		want   stats.Quality
	}{
		{"full", full, stats.QualityOK},
		{"a thin stage", thin, stats.QualitySmallSample},
		{"few touchpoints", few, stats.QualitySmallSample},
		{"no touchpoint", Result{Value: 75}, stats.QualityNoData},
	} {
		got := tt.result.Estimate()
		want := stats.Estimate{
			Value: tt.result.Value, Lower: tt.result.Lower, Upper: tt.result.Upper, Known: true, Interval: true,
			N: tt.result.N, EffectiveN: tt.result.EffectiveN, Method: stats.MethodDelta, Quality: tt.want,
		}
		if got != want {
			t.Errorf("%s: Estimate() = %+v, want %+v", tt.name, got, want)
		}
	}
}

func total(points []float64) float64 {
	sum := 0.0
	for _, p := range points {
		sum += p
	}
	return sum
}

func BenchmarkScore(b *testing.B) {
	m := Default()
	touches := random(rand.New(rand.NewPCG(1, 2)), 1024)
	slices.SortFunc(touches, func(a, b Touch) int { return cmp.Compare(a.Time, b.Time) })
	b.Run("touchpoint/put", func(b *testing.B) {
		var s Sums
		for i := range b.N {
			m.put(touches[i%1024], &s)
		}
		if s.N != int64(b.N) {
			b.Fatal("lost touchpoints")
		}
	})
	b.Run("touchpoint/add", func(b *testing.B) {
		var s Sums
		for i := range b.N {
			s.Add(m.Add(touches[i%1024]))
		}
		if s.N != int64(b.N) {
			b.Fatal("lost touchpoints")
		}
	})
	b.Run("touchpoint/limit exp2", func(b *testing.B) {
		var w, wx float64
		for i := range b.N {
			t := touches[i%1024]
			weight := t.Weight * math.Exp2(-float64(asOf-t.Time)/(90*day))
			w += weight
			wx += weight * t.Value
		}
		if w < wx {
			b.Fatal("lost weight")
		}
	})
	cells := m.Fold(touches)
	b.Run("customer of 1024 touchpoints/latest", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			m.Latest(cells, asOf)
		}
	})
	b.Run("customer of 1024 touchpoints/replay", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			m.Replay(touches, asOf)
		}
	})
	b.Run("customer of 1024 touchpoints/explain", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			m.Explain(touches, asOf)
		}
	})
	b.Run("customer of 10 touchpoints/explain", func(b *testing.B) {
		b.ReportAllocs()
		for range b.N {
			m.Explain(touches[:10], asOf)
		}
	})
}
