package driver

import (
	"context"
	"errors"
	"math"
	"math/rand/v2"
	"reflect"
	"testing"

	"pgregory.net/rapid"
)

// random returns n rows whose predictors go together, half of them service, and whose
// outcome goes with all of them.
func random(r *rand.Rand, n, p int) Input {
	in := Input{Outcome: make([]float64, n), Predictors: make([]Predictor, p)}
	for i := range in.Predictors {
		in.Predictors[i] = Predictor{Service: i%2 == 0, Values: make([]float64, n)}
	}
	for row := range n {
		common := r.NormFloat64()
		for i := range in.Predictors {
			v := common + r.NormFloat64()
			in.Predictors[i].Values[row] = v
			in.Outcome[row] += v / float64(i+1)
		}
		in.Outcome[row] += 2 * r.NormFloat64()
	}
	return in
}

// orders returns the LMG shares the long way: what each predictor adds in every order.
func orders(c *correlation) []float64 {
	shares := make([]float64, c.p)
	n := 0.0
	var visit func(order []int)
	visit = func(order []int) {
		if len(order) == c.p {
			n++
			before := 0.0
			for k, i := range order {
				r2 := c.explained(func(j int) bool {
					for _, o := range order[:k+1] {
						if o == j {
							return true
						}
					}
					return false
				})
				shares[i] += r2 - before
				before = r2
			}
			return
		}
	next:
		for i := range c.p {
			for _, o := range order {
				if o == i {
					continue next
				}
			}
			visit(append(order[:len(order):len(order)], i))
		}
	}
	visit(nil)
	for i := range shares {
		shares[i] /= n
	}
	return shares
}

func TestSharesAddUpInEveryOrder(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		p := rapid.IntRange(1, 5).Draw(rt, "predictors")
		in := random(rand.New(rand.NewPCG(rapid.Uint64().Draw(rt, "seed"), 1)), 60, p)
		if p > 2 && rapid.Bool().Draw(rt, "determined") {
			copy(in.Predictors[2].Values, in.Predictors[0].Values)
		}
		d, err := standardize(in)
		if err != nil {
			rt.Fatal(err)
		}
		c := newCorrelation(d.width)
		c.from(d.whole())
		r2 := c.explained(func(int) bool { return true })
		got, want := newShapley(p).divide(c, nil), orders(c)
		total, weights := 0.0, 0.0
		for i, w := range c.weights(nil) {
			total, weights = total+got[i], weights+w
			if math.Abs(got[i]-want[i]) > 1e-10 {
				rt.Errorf("share %d = %v, want %v", i, got[i], want[i])
			}
		}
		if math.Abs(total-r2) > 1e-10 || math.Abs(weights-r2) > 1e-10 {
			rt.Errorf("shares add up to %v and weights to %v, want %v", total, weights, r2)
		}
	})
}

func TestTheSplitAddsUp(t *testing.T) {
	a, err := Analyze(t.Context(), random(rand.New(rand.NewPCG(1, 2)), 500, 6), Options{Draws: 100})
	if err != nil {
		t.Fatal(err)
	}
	s, r2 := a.Split, a.RSquared.Value
	for name, sum := range map[string]float64{
		"three parts": s.UniqueService.Value + s.Shared.Value + s.UniqueRest.Value,
		"two blocks":  s.Service.Value + s.Rest.Value,
		"overlap":     s.ServiceAlone.Value + s.RestAlone.Value - s.Shared.Value,
	} {
		if math.Abs(sum-r2) > 1e-12 {
			t.Errorf("%s: %v, want %v", name, sum, r2)
		}
	}
	for _, p := range []Part{a.RSquared, s.UniqueService, s.Shared, s.UniqueRest, a.Drivers[0].Weight, *a.Drivers[0].Shapley} {
		if !(p.Lower < p.Value && p.Value < p.Upper) {
			t.Errorf("interval %v", p)
		}
	}
	for i := range a.Drivers[1:] {
		if a.Drivers[i].Share < a.Drivers[i+1].Share {
			t.Errorf("driver %d comes before a greater one", i)
		}
	}
}

func TestOneBlockIsNotSplit(t *testing.T) {
	in := random(rand.New(rand.NewPCG(1, 2)), 100, 3)
	in.Predictors[0].Service, in.Predictors[2].Service = false, false
	a, err := Analyze(t.Context(), in, Options{Draws: 10})
	if err != nil || a.Split != nil {
		t.Errorf("split = %v, %v, want none", a, err)
	}
}

func TestTheSeedDecides(t *testing.T) {
	in := random(rand.New(rand.NewPCG(3, 4)), 5000, 4)
	run := func(seed uint64) *Analysis {
		a, err := Analyze(t.Context(), in, Options{Draws: 200, Seed: seed})
		if err != nil {
			t.Fatal(err)
		}
		return a
	}
	if !reflect.DeepEqual(run(7), run(7)) {
		t.Error("the same seed gives another answer")
	}
	if a, b := run(7), run(8); a.RSquared.Value != b.RSquared.Value || a.RSquared.Lower == b.RSquared.Lower {
		t.Errorf("seeds 7 and 8: %v and %v, want one value and two intervals", a.RSquared, b.RSquared)
	}
}

func TestRefusals(t *testing.T) {
	base := func(n int) Input { return random(rand.New(rand.NewPCG(5, uint64(n))), n, 3) }
	constant, copied, outcome, near := base(100), base(100), base(100), base(100)
	for i := range 100 {
		constant.Predictors[1].Values[i] = 5
		copied.Predictors[2].Values[i] = 3*copied.Predictors[0].Values[i] + 1
		outcome.Outcome[i] = 1
		near.Predictors[2].Values[i] = near.Predictors[0].Values[i] + near.Predictors[2].Values[i]/20
	}
	for _, tt := range []struct {
		name     string
		in       Input
		o        Options
		reason   string
		variable int
	}{
		{"29 rows for 3 predictors", base(29), Options{AllowCollinear: true}, TooFew, -1},
		{"4 rows, whatever is allowed", base(4), Options{AllowFew: true, AllowCollinear: true}, TooFew, -1},
		{"5 rows for 5 coefficients", random(rand.New(rand.NewPCG(5, 6)), 5, 4), Options{AllowFew: true, AllowCollinear: true}, Singular, -1},
		{"a predictor that never changes", constant, Options{AllowFew: true, AllowCollinear: true}, NoVariance, 1},
		{"an outcome that never changes", outcome, Options{}, NoVariance, -1},
		{"a predictor that others determine", copied, Options{AllowCollinear: true}, Singular, 2},
		{"a predictor that others nearly determine", near, Options{AllowFew: true}, Collinear, 0},
	} {
		t.Run(tt.name, func(t *testing.T) {
			tt.o.Draws = 10
			_, err := Analyze(t.Context(), tt.in, tt.o)
			if r, ok := errors.AsType[*Refusal](err); !ok || r.Reason != tt.reason || r.Variable != tt.variable {
				t.Errorf("%v, want %s of %d", err, tt.reason, tt.variable)
			}
		})
	}
	for reason, in := range map[string]Input{TooFew: base(29), Collinear: near} {
		a, err := Analyze(t.Context(), in, Options{Draws: 10, AllowFew: true, AllowCollinear: true})
		if err != nil || len(a.Overridden) != 1 || a.Overridden[0] != reason {
			t.Errorf("%s overridden: %v, %v", reason, a, err)
		}
	}
	if _, err := Analyze(t.Context(), base(30), Options{Draws: 10}); err != nil {
		t.Errorf("30 rows for 3 predictors: %v", err)
	}
}

func TestAnEndedCallStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := Analyze(ctx, random(rand.New(rand.NewPCG(1, 1)), 100, 3), Options{Draws: 10}); !errors.Is(err, context.Canceled) {
		t.Errorf("err = %v, want canceled", err)
	}
}

// The interval of R² covers what it is to cover. True R² is 1/2.
func TestTheIntervalCovers(t *testing.T) {
	r := rand.New(rand.NewPCG(11, 12))
	const rounds = 150
	hit := 0
	for range rounds {
		in := Input{Outcome: make([]float64, 120), Predictors: []Predictor{{Values: make([]float64, 120)}}}
		for i := range in.Outcome {
			x := r.NormFloat64()
			in.Predictors[0].Values[i], in.Outcome[i] = x, x+r.NormFloat64()
		}
		a, err := Analyze(t.Context(), in, Options{Draws: 400, Seed: r.Uint64()})
		if err != nil {
			t.Fatal(err)
		}
		if a.RSquared.Lower <= 0.5 && 0.5 <= a.RSquared.Upper {
			hit++
		}
	}
	if hit < rounds*88/100 {
		t.Errorf("%d of %d intervals cover, want 95 %%", hit, rounds)
	}
}

func BenchmarkAnalyze(b *testing.B) {
	for _, tt := range []struct {
		name string
		n, p int
	}{{"15 of 3,000", 3000, 15}, {"40 of 3,000", 3000, 40}, {"15 of 200,000", 200_000, 15}} {
		b.Run(tt.name, func(b *testing.B) {
			in := random(rand.New(rand.NewPCG(1, 1)), tt.n, tt.p)
			for b.Loop() {
				if _, err := Analyze(b.Context(), in, Options{Draws: 1000, AllowCollinear: true}); err != nil {
					b.Fatal(err)
				}
			}
			b.ReportMetric(b.Elapsed().Seconds()/float64(b.N), "s/analysis")
		})
	}
}
