package score

import (
	"math/rand/v2"
	"testing"

	"pgregory.net/rapid"
)

func TestMomentsAreTheFurthestAndTheLast(t *testing.T) {
	m := Default()
	for _, tt := range []struct {
		name      string
		touches   []Touch
		peak, end float64
	}{
		{"one", []Touch{{Time: asOf, Value: .4, Weight: 1}}, .4, .4},
		{"the furthest from the prior is the peak", []Touch{
			{Time: asOf - 2, Value: .2, Weight: 1}, {Time: asOf - 1, Value: 1, Weight: 1}, {Time: asOf, Value: .7, Weight: 1},
		}, .2, .7},
		{"a heavier one is further", []Touch{
			{Time: asOf - 2, Value: .5, Weight: 1}, {Time: asOf - 1, Value: 1, Weight: 2}, {Time: asOf, Value: .7, Weight: 1},
		}, 1, .7},
		{"an older one fades", []Touch{
			{Time: asOf - 180*day, Value: 0, Weight: 1}, {Time: asOf - 1, Value: 1, Weight: 1}, {Time: asOf, Value: .75, Weight: 1},
		}, 1, .75},
		{"of equal ones the later is the peak", []Touch{
			{Time: asOf - 90*day, Value: .5, Weight: 2}, {Time: asOf, Value: 1, Weight: 1},
		}, 1, 1},
		{"of the same instant the worst is the end", []Touch{
			{Time: asOf, Value: .9, Weight: 1}, {Time: asOf, Value: .6, Weight: 1}, {Time: asOf, Value: .8, Weight: 1},
		}, .6, .6},
		{"what is later does not count", []Touch{{Time: asOf, Value: .9, Weight: 1}, {Time: asOf + 1, Value: 0, Weight: 1}}, .9, .9},
	} {
		got := m.Moments(tt.touches, asOf)
		if !got.Known || got.Peak != tt.peak || got.End != tt.end {
			t.Errorf("%s: peak %g and end %g, want %g and %g", tt.name, got.Peak, got.End, tt.peak, tt.end)
		}
	}
	if m.Moments([]Touch{{Time: asOf + 1, Weight: 1}}, asOf).Known {
		t.Error("there are moments of what has not happened")
	}
}

func TestMomentsDoNotDependOnOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := models()["memory"], draw(t)
		want, score := m.Moments(touches, asOf), m.Replay(touches, asOf)
		shuffled := rapid.Permutation(touches).Draw(t, "order")
		got := m.Moments(shuffled, asOf)
		if got.Known != want.Known || got.Peak != want.Peak || got.End != want.End {
			t.Errorf("in another order: %+v, want %+v", got, want)
		}
		if got := m.Replay(shuffled, asOf); got != score {
			t.Errorf("in another order: %+v, want %+v", got, score)
		}
	})
}

// TestAMemoryIsTheShareOfItsMoments computes J' by hand.
func TestAMemoryIsTheShareOfItsMoments(t *testing.T) {
	touches := []Touch{{Time: asOf - day, Value: 0, Weight: 1}, {Time: asOf, Value: 1, Weight: 1}}
	plain, memory := Default(), Default()
	memory.PeakEnd = .4
	was, got := plain.Replay(touches, asOf), memory.Replay(touches, asOf)
	near(t, "value", got.Value, .6*was.Value+.4*100*(0+1)/2, 1e-9)
	near(t, "width", got.Upper-got.Lower, .6*(was.Upper-was.Lower), 1e-9)
	if got.Baseline != was.Baseline || memory.Replay(nil, asOf) != plain.Replay(nil, asOf) {
		t.Error("without touchpoints there is a memory")
	}
}

func TestServiceIsAPartOfTheSameTouchpoints(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := pick(t), draw(t)
		for i := range touches {
			touches[i].Service = rapid.Bool().Draw(t, "service")
		}
		cells := m.Fold(touches)
		var service, rest []Touch
		for _, touch := range touches {
			if touch.Service {
				service = append(service, touch)
			} else {
				rest = append(rest, touch)
			}
		}
		if got, want := m.Score(ServiceCells(cells), ServiceTouches(touches), asOf), m.Replay(service, asOf); got != want {
			t.Errorf("service score = %+v, want %+v", got, want)
		}
		all := append(m.Fold(rest), m.Fold(service)...)
		if got, want := m.Score(all, touches, asOf), m.Replay(touches, asOf); got != want {
			t.Errorf("score of both parts = %+v, want %+v", got, want)
		}
	})
}

func TestTakingLaterTouchpointsBackIsAReplay(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := pick(t), draw(t)
		at := asOf - rapid.Int64Range(0, 400*day).Draw(t, "back")
		cells := m.Fold(touches)
		var later []Touch
		for _, touch := range touches {
			if touch.Time > at {
				later = append(later, touch)
			}
		}
		want := m.Replay(touches, at)
		if got := m.Latest(m.Back(cells, later, at), at); got != want {
			t.Errorf("as of %d: %+v, want %+v", at, got, want)
		}
		if got := m.Past(cells, later, at); got != want {
			t.Errorf("without the cells, as of %d: %+v, want %+v", at, got, want)
		}
	})
}

func TestAChannelWeighsAsItIsReliable(t *testing.T) {
	m := Default()
	m.Reliability[3] = .5
	for channel, want := range map[int]float64{0: 4, 3: 2, Channels - 1: 4, Channels: 4, -1: 4} {
		if got := m.Weight(4, channel); got != want {
			t.Errorf("weight on channel %d = %g, want %g", channel, got, want)
		}
	}
	o := Default()
	if o.SameLayout(&m) || !o.SameLayout(&o) {
		t.Error("a layout does not depend on the reliabilities")
	}
	o.Kappa, o.PeakEnd, o.StageWeights, o.Prior = 9, .5, [Stages]float64{1}, [Stages]float64{}
	if d := Default(); !o.SameLayout(&d) {
		t.Error("a layout depends on what sums do not")
	}
}

func TestTheWeakestStageIsTheFirstOfTheLowest(t *testing.T) {
	m := Default()
	m.StageWeights = [Stages]float64{0, 1, 1, 1, 1}
	r := m.Replay([]Touch{{Time: asOf, Stage: 0, Value: 0, Weight: 9}, {Time: asOf, Stage: 3, Value: .5, Weight: 1}}, asOf)
	if got := r.Weakest(); got != 3 {
		t.Errorf("weakest = %d, want 3: 0 does not weigh", got)
	}
	if got := m.Replay(nil, asOf).Weakest(); got != 1 {
		t.Errorf("weakest of equal stages = %d, want 1", got)
	}
}

func TestMeansAreWithoutAPrior(t *testing.T) {
	m := Default()
	cells := m.Fold([]Touch{
		{Time: asOf, Stage: 1, Value: 1, Weight: 1}, {Time: asOf - 90*day, Stage: 1, Value: .25, Weight: 1}, {Time: asOf, Stage: 2, Value: .4, Weight: 3},
	})
	means, n := m.Means(cells, asOf)
	near(t, "mean", means[1], (1+.5*.25)/1.5, 1e-8)
	near(t, "mean", means[2], .4, 1e-8)
	if n != [Stages]int64{0, 2, 1} || means[0] != 0 {
		t.Errorf("means = %v of %v", means, n)
	}
}

// TestTheExplanationAddsUpFor200000 is the promise of the contract, for each model.
func TestTheExplanationAddsUpFor200000(t *testing.T) {
	r := rand.New(rand.NewPCG(7, 8))
	worst, kinds := 0.0, models()
	for i := range 200_000 {
		touches := random(r, r.IntN(24))
		for _, name := range []string{"geometric", "memory", "odd", "arithmetic"}[i%2*2:][:2] {
			score, points := kinds[name].Explain(touches, asOf)
			off := total(points) - (score.Value - score.Baseline)
			worst = max(worst, off, -off)
			if worst > 1e-9 || off != off {
				t.Fatalf("%s: points of %+v are off by %g", name, touches, off)
			}
		}
	}
	t.Logf("worst sum of 400,000: off by %.3g points", worst)
}
