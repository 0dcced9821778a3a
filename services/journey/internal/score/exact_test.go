package score

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// draw returns a customer of at most 200 touchpoints around asOf.
func draw(t *rapid.T) []Touch {
	n := rapid.IntRange(0, 200).Draw(t, "n")
	return rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Touch {
		return Touch{
			Time:   asOf + rapid.Int64Range(-900*day, 90*day).Draw(t, "time"),
			Stage:  rapid.IntRange(0, Stages-1).Draw(t, "stage"),
			Value:  rapid.Float64Range(0, 1).Draw(t, "value"),
			Weight: rapid.Float64Range(1e-3, 16).Draw(t, "weight"),
		}
	}), n, n).Draw(t, "touches")
}

// pick returns one of the models.
func pick(t *rapid.T) *Model {
	return models()[rapid.SampledFrom([]string{"geometric", "arithmetic", "odd"}).Draw(t, "model")]
}

func TestOrderRepeatsAndSplitsDoNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := pick(t), draw(t)
		want := m.Replay(touches, asOf)

		// Each touchpoint comes once or more, in any order; its id stops the repeats.
		var sent []int
		for id := range touches {
			for range rapid.IntRange(1, 3).Draw(t, "times") {
				sent = append(sent, id)
			}
		}
		sent = rapid.Permutation(sent).Draw(t, "order")
		seen := map[int]bool{}
		var cells []Cell // one batch after the other, none merged
		var arrived, batch []Touch
		for _, id := range sent {
			if seen[id] {
				continue
			}
			seen[id] = true
			arrived = append(arrived, touches[id])
			batch = append(batch, touches[id])
			if rapid.Bool().Draw(t, "cut") {
				cells, batch = append(cells, m.Fold(batch)...), nil
			}
		}
		cells = append(cells, m.Fold(batch)...)

		if got := m.Replay(arrived, asOf); got != want {
			t.Errorf("in another order: %+v, want %+v", got, want)
		}
		if got := m.Score(cells, arrived, asOf); got != want {
			t.Errorf("in batches: %+v, want %+v", got, want)
		}
		if got, want := m.Fold(arrived), m.Fold(touches); !slices.Equal(got, want) {
			t.Errorf("cells in another order: %+v, want %+v", got, want)
		}
	})
}

func TestStateAndReplayAgreeAtAnyTime(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := pick(t), draw(t)
		cells := m.Fold(touches)
		length := m.HalfLife.Microseconds()
		edge := (m.Bucket(asOf) + rapid.Int64Range(-8, 3).Draw(t, "bucket")) * length
		times := []int64{edge - 1, edge, edge + 1, asOf + rapid.Int64Range(-900*day, 200*day).Draw(t, "as of")}
		if len(touches) > 0 {
			at := rapid.SampledFrom(touches).Draw(t, "touch").Time
			times = append(times, at-1, at, at+1)
		}
		for _, at := range times {
			want := m.Replay(touches, at)
			if got := m.Score(cells, touches, at); got != want {
				t.Errorf("as of %d: Score = %+v, Replay = %+v", at, got, want)
			}
			end := (m.Bucket(at)+1)*length - 1
			if got, want := m.Latest(cells, end), m.Replay(touches, end); got != want {
				t.Errorf("as of %d: Latest = %+v, Replay = %+v", end, got, want)
			}
		}
	})
}

func TestABucketBeginsAtItsFirstMicrosecond(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m := Default()
		length := rapid.Int64Range(1000, 40_000*day).Draw(t, "half-life")
		m.HalfLife = time.Duration(length) * time.Microsecond
		number := rapid.Int64Range(-100_000*day/length, 100_000*day/length).Draw(t, "bucket")
		first := number * length
		for _, tt := range []struct{ us, want int64 }{{first - 1, number - 1}, {first, number}, {first + length - 1, number}} {
			if got := m.Bucket(tt.us); got != tt.want {
				t.Errorf("half-life %d µs: Bucket(%d) = %d, want %d", length, tt.us, got, tt.want)
			}
		}
	})
}

func TestTakingATouchpointAwayLeavesNoTrace(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		m, touches := pick(t), draw(t)
		cells := m.Fold(touches)
		var gone Sums
		for _, touch := range touches {
			gone.Add(m.Add(touch))
			i := slices.IndexFunc(cells, func(c Cell) bool { return c.Stage == touch.Stage && c.Bucket == m.Bucket(touch.Time) })
			cells[i].Sub(m.Add(touch))
		}
		for _, touch := range touches {
			gone.Sub(m.Add(touch))
		}
		if gone != (Sums{}) {
			t.Errorf("added and taken away: %+v, want nothing", gone)
		}
		if got, want := m.Score(cells, nil, asOf), m.Score(nil, nil, asOf); got != want {
			t.Errorf("score of emptied cells = %+v, want %+v", got, want)
		}
	})
}

func TestAWeightIsRoundedOnceAndDoublesAcrossItsBucket(t *testing.T) {
	m := Default()
	start := m.Bucket(asOf) * m.HalfLife.Microseconds()
	first := m.Add(Touch{Time: start, Value: .75, Weight: 3})
	if want := (Sums{W: 3 * one, WX: 2.25 * one, WXX: 1.6875 * one, WW: 9 * one, N: 1}); first != want {
		t.Errorf("at the start: %+v, want %+v", first, want)
	}
	last := m.Add(Touch{Time: start + m.HalfLife.Microseconds() - 1, Value: 1, Weight: 3})
	if last.W != last.WX || last.W != last.WXX || last.W < 6*one-10 || last.W > 6*one {
		t.Errorf("at the end: %+v, want twice the weight", last)
	}
	if got := m.Add(Touch{Time: start, Weight: 1. / one / 2}).W; got != 1 {
		t.Errorf("half a unit = %d, want it rounded up", got)
	}
}

func TestTheExplanationAddsUpToTheScore(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	worst := 0.0
	for range 20_000 {
		touches := random(r, r.IntN(30))
		for name, m := range models() {
			at := asOf - r.Int64N(400*day)
			score, points := m.Explain(touches, at)
			if want := m.Replay(touches, at); score != want {
				t.Fatalf("%s: Explain = %+v, Replay = %+v", name, score, want)
			}
			off := math.Abs(total(points) - (score.Value - score.Baseline))
			worst = max(worst, off)
			if off > 1e-9 || math.IsNaN(off) {
				t.Fatalf("%s: points of %+v add up to %g, want %g", name, touches, total(points), score.Value-score.Baseline)
			}
			for i, p := range points {
				if touches[i].Time > at && p != 0 {
					t.Fatalf("%s: a touchpoint of the future has %g points", name, p)
				}
			}
		}
	}
	t.Logf("worst sum of 60,000: off by %.3g points", worst)
}

func TestATouchpointBelowThePriorCostsPoints(t *testing.T) {
	m := Default()
	_, points := m.Explain([]Touch{
		{Time: asOf, Value: m.Unmet, Weight: 1},
		{Time: asOf, Value: m.Met, Weight: 1},
		{Time: asOf, Value: m.Exceeded, Weight: 1},
	}, asOf)
	if points[0] >= 0 || points[2] <= 0 {
		t.Errorf("points of unmet, met and exceeded = %v, want below, at and above 0", points)
	}
	near(t, "points of met", points[1], 0, 1e-8) // a weight is rounded
}

// A golden is a customer whose score must never change.
type golden struct {
	Model   string
	AsOf    int64
	Touches []Touch
	Result  Result
}

// TestGoldenCustomersKeepTheirScores compares bit for bit with testdata, and
// testdata with the formulas in plain floats. CONCENTRIC_UPDATE=1 writes it anew.
func TestGoldenCustomersKeepTheirScores(t *testing.T) {
	file := filepath.Join("testdata", "customers.json")
	if os.Getenv("CONCENTRIC_UPDATE") != "" {
		writeGolden(t, file)
	}
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var customers []golden
	if err := json.Unmarshal(data, &customers); err != nil {
		t.Fatal(err)
	}
	if len(customers) != 50 {
		t.Fatalf("%d customers, want 50", len(customers))
	}
	for i, c := range customers {
		m := models()[c.Model]
		if got := m.Replay(c.Touches, c.AsOf); got != c.Result {
			t.Errorf("customer %d: got %+v, want %+v", i, got, c.Result)
		}
		value, lower, upper := plain(m, c.Touches, c.AsOf)
		near(t, "value", c.Result.Value, value, 1e-6)
		near(t, "lower", c.Result.Lower, lower, 1e-6)
		near(t, "upper", c.Result.Upper, upper, 1e-6)
	}
}

func writeGolden(t *testing.T, file string) {
	t.Helper()
	r := rand.New(rand.NewPCG(5, 6))
	var customers []golden
	for i := range 50 {
		name := []string{"geometric", "arithmetic", "odd"}[i%3]
		touches := random(r, i/2)
		at := asOf - r.Int64N(200*day)
		customers = append(customers, golden{name, at, touches, models()[name].Replay(touches, at)})
	}
	data, err := json.Marshal(customers)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, append(data, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// plain computes a score from each touchpoint's age, without buckets, integers
// or any function of the package.
func plain(m *Model, touches []Touch, at int64) (value, lower, upper float64) {
	total := 0.0
	for _, w := range m.StageWeights {
		total += w
	}
	log, linear, logVariance, variance := 0.0, 0.0, 0.0, 0.0
	for stage, share := range m.StageWeights {
		share /= total
		mu := m.Prior[stage]
		weights, values := []float64{m.Kappa}, []float64{mu}
		squares := m.Kappa
		for _, t := range touches {
			if t.Stage == stage && t.Time <= at {
				w := t.Weight * math.Pow(2, -float64(at-t.Time)/float64(m.HalfLife.Microseconds()))
				weights, values, squares = append(weights, w), append(values, t.Value), squares+w*w
			}
		}
		sum, mean, spread := 0.0, 0.0, m.Kappa*m.PriorVariance
		for i, w := range weights {
			sum += w
			mean += w * values[i]
		}
		mean /= sum
		for i, w := range weights {
			spread += w * (values[i] - mean) * (values[i] - mean)
		}
		effective := sum * sum / squares
		log += share * math.Log(mean)
		linear += share * mean
		logVariance += share * share * spread / sum / effective / mean / mean
		variance += share * share * spread / sum / effective
	}
	if m.Aggregation == Arithmetic {
		half := 1.959963984540054 * 100 * math.Sqrt(variance)
		return 100 * linear, max(0, 100*linear-half), min(100, 100*linear+half)
	}
	half := 1.959963984540054 * math.Sqrt(logVariance)
	return 100 * math.Exp(log), 100 * math.Exp(log-half), min(100, 100*math.Exp(log+half))
}
