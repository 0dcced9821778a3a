package insight

import (
	"fmt"
	"math"
	"math/rand/v2"
	"testing"
	"time"

	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/journey/internal/score"
)

const (
	unmet    = typev1.Expectation_EXPECTATION_UNMET
	met      = typev1.Expectation_EXPECTATION_MET
	exceeded = typev1.Expectation_EXPECTATION_EXCEEDED
	unknown  = typev1.Expectation_EXPECTATION_UNSPECIFIED
)

func find(t *testing.T, measures []*typev1.Measure, metric typev1.Metric) *typev1.Estimate {
	t.Helper()
	for _, m := range measures {
		if m.GetMetric() == metric {
			return m.GetEstimate()
		}
	}
	t.Fatalf("no %v", metric)
	return nil
}

// The restaurant of which 40 % of the customers are old ones: 100 came today, 40 of them
// had been there before.
func TestFortyOfAHundredCustomersAreOldOnes(t *testing.T) {
	model := score.Default()
	g := New(&model)
	before := map[string]bool{"somebody else": true}
	for i := range 100 {
		id := fmt.Sprint(i)
		before[id] = i < 40
		g.Add(Observation{Customer: id, Touch: score.Touch{Time: 1}})
	}
	g.Returning(before)
	e := find(t, g.Measures(2, TellingOf(nil)), typev1.Metric_METRIC_RETURNING_CUSTOMER_RATE)
	want := stats.Wilson(40, 100)
	if e.GetValue() != 0.4 || e.GetLower() != want.Lower || e.GetUpper() != want.Upper || e.GetN() != 100 {
		t.Errorf("returning = %v, want 0.4 (%.4f to %.4f)", e, want.Lower, want.Upper)
	}
}

// Half of a hundred customers tell 9 people each something good, a fifth 16 something
// poor.
func TestWordOfMouthOfAHundredCustomers(t *testing.T) {
	model := score.Default()
	g := New(&model)
	for i := range 120 {
		word := Neutral
		switch {
		case i < 50:
			word = Good
		case i < 70:
			word = Poor
		case i >= 100:
			word = Silence
		}
		id := fmt.Sprint(i)
		g.Add(Observation{Customer: id, Touch: score.Touch{Time: 10}, Word: word})
	}
	w := g.WordOfMouth(TellingOf(nil))
	if w.GetNet().GetValue() != 130 || w.GetToldGood() != 450 || w.GetToldPoor() != 320 || w.GetGoodCustomers() != 50 ||
		w.GetPoorCustomers() != 20 || w.GetNeutralCustomers() != 30 || math.Abs(w.GetBreakEven()-1.778) > 1e-3 {
		t.Errorf("word of mouth = %v, want 450 - 320", w)
	}
	if len(w.GetExcluded()) != 1 || w.GetExcluded()[0].GetCount() != 20 || w.GetExcluded()[0].GetReason() != NoOutcome {
		t.Errorf("excluded = %v, want 20 customers", w.GetExcluded())
	}
	later := TellingOf(&journeyv1.WordOfMouthParameters{Preset: journeyv1.WordOfMouthParameters_PRESET_AMEX_2012})
	if net := g.WordOfMouth(later).GetNet().GetValue(); net != 50*15-20*24 {
		t.Errorf("with 15 and 24: %v", net)
	}
	own := g.WordOfMouth(TellingOf(&journeyv1.WordOfMouthParameters{Good: 2, Poor: 3, Source: "us"}))
	if own.GetNet().GetValue() != 40 || own.GetSource() != "us" {
		t.Errorf("with 2 and 3: %v", own)
	}
	if e := find(t, g.Measures(20, later), typev1.Metric_METRIC_WORD_OF_MOUTH); !proto.Equal(e, g.WordOfMouth(later).GetNet()) {
		t.Errorf("the measure is %v", e)
	}
}

func TestTheLastWordCountsAndTheWorstOfOneInstant(t *testing.T) {
	for _, tt := range []struct {
		name  string
		words []Word
		times []int64
		want  Word
	}{
		{"the last", []Word{Poor, Good}, []int64{1, 2}, Good},
		{"the last, told first", []Word{Good, Poor}, []int64{2, 1}, Good},
		{"the worst of one instant", []Word{Poor, Good, Neutral}, []int64{5, 5, 5}, Poor},
		{"silence is no word", []Word{Good, Silence}, []int64{1, 2}, Good},
	} {
		c := &customer{}
		for i, w := range tt.words {
			c.says(w, tt.times[i])
		}
		if c.word != tt.want {
			t.Errorf("%s: %v, want %v", tt.name, c.word, tt.want)
		}
	}
}

func TestWordsOfRatings(t *testing.T) {
	for _, tt := range []struct {
		value, low, high float64
		want             Word
	}{
		{9, 0, 10, Good},
		{8, 0, 10, Neutral},
		{7, 0, 10, Neutral},
		{6, 0, 10, Poor},
		{9, 1, 10, Good},
		{8, 1, 10, Neutral},
		{6, 1, 10, Poor},
		{5, 1, 5, Good},
		{4, 1, 5, Neutral},
		{3, 1, 5, Poor},
		{7, 1, 7, Good},
		{6, 1, 7, Neutral},
		{4, 1, 7, Poor},
	} {
		if got := WordOf(exceeded, (tt.value-tt.low)/(tt.high-tt.low), true); got != tt.want {
			t.Errorf("%v of %v to %v = %v, want %v", tt.value, tt.low, tt.high, got, tt.want)
		}
	}
	for e, want := range map[typev1.Expectation]Word{unknown: Silence, unmet: Poor, met: Neutral, exceeded: Good} {
		if got := WordOf(e, 0, false); got != want {
			t.Errorf("%v = %v, want %v", e, got, want)
		}
	}
}

func TestHealthFindsWhatIsBroken(t *testing.T) {
	h := NewHealth(Broken{Threshold: 0.2, Minimum: 30})
	add := func(id string, failed, fine int) {
		for range failed {
			h.Add(id, unmet)
		}
		for range fine {
			h.Add(id, met)
		}
	}
	add("fine", 40, 960)
	add("worse than others", 30, 120)
	add("bad", 30, 30)
	add("bad but few", 9, 3)
	add("hidden", 4, 0)
	h.Add("fine", unknown)
	ids, report := h.Report()
	for i, want := range []struct {
		id                  string
		n                   int64
		limit, over, broken bool
	}{
		{"bad", 60, true, true, true},
		{"worse than others", 150, true, false, true},
		{"bad but few", 12, true, true, false},
		{"fine", 1000, false, false, false},
		{"hidden", 4, false, false, false},
	} {
		p := report[i]
		if ids[i] != want.id || p.GetUnmet().GetN() != want.n || p.GetAboveControlLimit() != want.limit ||
			p.GetAboveThreshold() != want.over || p.GetBroken() != want.broken || (p.ControlLimit == nil) != (want.id == "hidden") {
			t.Errorf("%d is %s: %v, want %+v", i, ids[i], p, want)
		}
	}
}

func TestContactAfterUnmet(t *testing.T) {
	hour := time.Hour.Microseconds()
	c := NewContact(24 * time.Hour)
	for i := range 6 { // served an hour later each
		id := fmt.Sprint("served", i)
		c.Served(id, 200*hour+1)
		c.Failed(id, 10*hour)
		c.Served(id, int64(11+i)*hour)
	}
	for i := range 4 { // before, at the same instant, and too late
		id := fmt.Sprint("silent", i)
		c.Failed(id, 10*hour)
		c.Served(id, 9*hour)
		c.Served(id, 10*hour)
		c.Served(id, 34*hour+1)
	}
	c.Failed("served0", 90*hour) // once contacted, once silent: not a silent customer
	c.Failed("open", 100*hour)
	c.Failed("soon", 110*hour) // who came at once says nothing of those who may still come
	c.Served("soon", 111*hour)
	p := c.Report(123 * hour)
	if p.GetContacted().GetN() != 11 || math.Abs(p.GetContacted().GetValue()-6./11) > 1e-12 || math.Abs(p.GetSilent().GetValue()-5./11) > 1e-12 {
		t.Errorf("contacted = %v, want 6 of 11", p.GetContacted())
	}
	if p.GetSilentCustomers() != 4 || len(p.GetExcluded()) != 1 || p.GetExcluded()[0].GetCount() != 2 {
		t.Errorf("silent customers = %d, excluded = %v", p.GetSilentCustomers(), p.GetExcluded())
	}
	if p.GetLagP50().GetValue() != 3.5*3600 {
		t.Errorf("median lag = %v, want 3.5 hours", p.GetLagP50())
	}
	if p := c.Report(124 * hour); p.GetSilent().GetN() != 12 || p.GetExcluded()[0].GetCount() != 1 {
		t.Errorf("once the horizon is over: %v", p)
	}
}

func TestTheWeakestStage(t *testing.T) {
	model := score.Default()
	g := New(&model)
	add := func(stage, n int, value float64) {
		for i := range n {
			g.Live(Observation{Customer: fmt.Sprint(i), Scored: true, Touch: score.Touch{Stage: stage, Value: value, Weight: 1, Time: 1}})
		}
	}
	add(1, 50, 0.9)
	if s := g.Stages(2); s.GetWeakest() != nil || s.GetStages()[0].GetMean().Value != nil {
		t.Errorf("with one stage: %v, want no weakest and no mean of nothing", s)
	}
	add(3, 50, 0.2)
	add(0, 4, 0)
	s := g.Stages(2)
	if w := s.GetWeakest(); w.GetStage() != typev1.Stage_STAGE_RETENTION || !w.GetDistinguishable() || !proto.Equal(w.GetMean(), s.GetStages()[3].GetMean()) {
		t.Errorf("weakest = %v, want retention", w)
	}
	if len(s.GetStages()) != 5 || s.GetStages()[0].GetN() != 4 || s.GetStages()[0].GetMean().Value != nil {
		t.Errorf("of 4 touchpoints = %v, want the mean withheld", s.GetStages()[0])
	}
	add(2, 50, 0.2)
	if w := g.Stages(2).GetWeakest(); w.GetDistinguishable() || w.GetStage() != typev1.Stage_STAGE_DECISION {
		t.Errorf("of two alike the weakest = %v, want the first, undistinguished", w)
	}
}

func TestEmotionsAreShared(t *testing.T) {
	var e Emotions
	if len(e.Shares()) != 0 {
		t.Error("nothing was felt")
	}
	for emotion, n := range map[typev1.Emotion]int{
		typev1.Emotion_EMOTION_ANGER: 10, typev1.Emotion_EMOTION_JOY: 30, typev1.Emotion_EMOTION_UNKNOWN: 7, typev1.Emotion_EMOTION_UNSPECIFIED: 9,
	} {
		for range n {
			e.Add(emotion)
		}
	}
	s := e.Shares()
	if len(s) != 2 || s[0].GetEmotion() != typev1.Emotion_EMOTION_JOY || s[0].GetShare().GetValue() != 0.75 || s[1].GetShare().GetN() != 40 {
		t.Errorf("shares = %v", s)
	}
}

func TestAGroupDoesNotDependOnOrder(t *testing.T) {
	model := score.Default()
	r := rand.New(rand.NewPCG(1, 2))
	all := make([]Observation, 300)
	for i := range all {
		all[i] = Observation{
			Customer: fmt.Sprint(r.IntN(40)), Expectation: typev1.Expectation(r.IntN(4)), Service: r.IntN(3) == 0, Scored: true,
			Touch: score.Touch{Time: r.Int64N(3) * 1e9, Stage: r.IntN(5), Value: r.Float64(), Weight: 1}, Word: Word(r.IntN(4)),
		}
	}
	measure := func() []*typev1.Measure {
		g := New(&model)
		for _, o := range all {
			g.Add(o)
			g.Live(o)
		}
		return append(g.Measures(4e9, TellingOf(nil)), &typev1.Measure{Estimate: g.Split().GetUnmet()})
	}
	first := measure()
	r.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	for i, m := range measure() {
		if !proto.Equal(m, first[i]) {
			t.Errorf("%v, in another order %v", first[i], m)
		}
	}
}

func TestEveryChannelHasAMode(t *testing.T) {
	for number := range typev1.Channel_name {
		c := typev1.Channel(number)
		if (ModeOf(c) == typev1.Mode_MODE_UNSPECIFIED) != (c == typev1.Channel_CHANNEL_UNSPECIFIED) {
			t.Errorf("%v has mode %v", c, ModeOf(c))
		}
	}
}
