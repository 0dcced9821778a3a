package insight

import (
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/measure"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// A Word is what a customer tells others after a touchpoint. The zero Word is none.
type Word int8

// Of words said at the same instant the worst counts, so the order matters.
const (
	Silence Word = iota
	Good
	Neutral
	Poor
)

// Ratings from top on are good and up to bottom poor. On a scale of 0 to 10 that makes 9
// and 10 good and 0 to 6 poor, on one of 1 to 10 as well; of five stars 5, and 1 to 3.
const (
	top    = 8. / 9
	bottom = .6
)

// WordOf returns what a touchpoint makes people say: by the rating, 0 to 1, if there is
// one, else by what they expected.
func WordOf(e typev1.Expectation, rating float64, rated bool) Word {
	switch {
	case rated && rating >= top-1e-9:
		return Good
	case rated && rating > bottom+1e-9:
		return Neutral
	case rated:
		return Poor
	case e == typev1.Expectation_EXPECTATION_EXCEEDED:
		return Good
	case e == typev1.Expectation_EXPECTATION_MET:
		return Neutral
	case e == typev1.Expectation_EXPECTATION_UNMET:
		return Poor
	}
	return Silence
}

// says makes w what c says, unless that was said before what c says already.
func (c *customer) says(w Word, at int64) {
	if w != Silence && (c.word == Silence || at > c.said || at == c.said && w > c.word) {
		c.word, c.said = w, at
	}
}

// A Telling is how many people hear of a good and of a poor experience, and who found
// that out.
type Telling struct {
	Good, Poor float64 // above 0
	Source     string
}

// What was published: American Express Global Customer Service Barometer, United States.
func amex(good, poor float64, year string) Telling {
	return Telling{good, poor, "American Express Global Customer Service Barometer " + year + ", United States"}
}

// TellingOf returns what p stands for; what was found in 2011 without p.
func TellingOf(p *journeyv1.WordOfMouthParameters) Telling {
	switch {
	case p == nil, p.GetPreset() == journeyv1.WordOfMouthParameters_PRESET_AMEX_2011:
		return amex(9, 16, "2011")
	case p.GetPreset() == journeyv1.WordOfMouthParameters_PRESET_AMEX_2012:
		return amex(15, 24, "2012")
	}
	return Telling{p.GetGood(), p.GetPoor(), p.GetSource()}
}

// words counts what customers say.
func (g *Group) words() (r stats.Recommendations, silent int64) {
	for _, c := range g.customers {
		switch c.word {
		case Good:
			r.Promoters++
		case Neutral:
			r.Passives++
		case Poor:
			r.Detractors++
		default:
			silent++
		}
	}
	return r, silent
}

// mouth is the measure of what they tell others.
func (g *Group) mouth(tell Telling) *typev1.Measure {
	words, silent := g.words()
	return &typev1.Measure{
		Metric: typev1.Metric_METRIC_WORD_OF_MOUTH, Subject: typev1.Subject_SUBJECT_EXPERIENCE,
		Estimate: measure.Estimate(stats.Reach(words, tell.Good, tell.Poor), typev1.Unit_UNIT_COUNT),
		Excluded: measure.Exclusions(map[string]int64{NoOutcome: silent}),
	}
}

// WordOfMouth says what the customers of g tell others.
func (g *Group) WordOfMouth(tell Telling) *journeyv1.WordOfMouth {
	words, silent := g.words()
	net := stats.Reach(words, tell.Good, tell.Poor)
	w := &journeyv1.WordOfMouth{
		Good: tell.Good, Poor: tell.Poor, Source: tell.Source, BreakEven: tell.Poor / tell.Good,
		Net:      measure.Estimate(net, typev1.Unit_UNIT_COUNT),
		Excluded: measure.Exclusions(map[string]int64{NoOutcome: silent}),
	}
	if net.Known {
		good, poor := tell.Good*float64(words.Promoters), tell.Poor*float64(words.Detractors)
		w.GoodCustomers, w.NeutralCustomers, w.PoorCustomers = words.Promoters, words.Passives, words.Detractors
		w.ToldGood, w.ToldPoor = &good, &poor
	}
	return w
}
