package stats

import (
	"math/rand/v2"
	"testing"
)

// TestIntervalsHoldTheTruthNinetyTwoTimesOfAHundred draws samples of 5 to 500 answers
// from known populations and counts the 95 % intervals that hold what is known. Where
// counts are few the coverage of any interval goes up and down with the share, so a
// single population may fall to 90. Student's interval takes the mean to be normal,
// which that of very uneven answers is not before there are 100.
func TestIntervalsHoldTheTruthNinetyTwoTimesOfAHundred(t *testing.T) {
	const rounds, uneven = 1000, 100
	for _, n := range []int{5, 7, 10, 15, 20, 30, 50, 100, 200, 500} {
		total, counted := map[string]float64{}, map[string]float64{}
		for i, p := range populations {
			for name, held := range p.held(rand.New(rand.NewPCG(uint64(n), uint64(i))), n, rounds) {
				if name == "mean" && p.uneven && n < uneven {
					continue
				}
				total[name] += held
				counted[name]++
				if held < .90 {
					t.Errorf("%s of %s, n %d: %.3f of the intervals hold it", name, p.name, n, held)
				}
			}
		}
		for name, sum := range total {
			if got := sum / counted[name]; got < .92 {
				t.Errorf("%s, n %d: %.3f of the intervals hold it, want .92", name, n, got)
			}
		}
	}
}

// held returns the share of intervals, by figure, that hold what is true of p.
func (p population) held(random *rand.Rand, n, rounds int) map[string]float64 {
	held := map[string]float64{}
	for range rounds {
		s := p.sample(random, n)
		for name, e := range map[string]Estimate{"NPS": s.nps.NPS(), "share": Wilson(s.nps.Promoters, s.nps.N()), "mean": Mean(s.stars, stars)} {
			if truth := p.truth(name); e.Lower <= truth && truth <= e.Upper {
				held[name] += 1 / float64(rounds)
			}
		}
	}
	return held
}

var stars = Scale{Low: 1, High: 5}

// A population says how many give 1 to 5 stars. Those of 5 are promoters, those of 1
// and 2 detractors.
type population struct {
	name   string
	shares [5]float64
	uneven bool
}

var populations = []population{
	{"an even one", [5]float64{.2, .2, .2, .2, .2}, false},
	{"a divided one", [5]float64{.3, .1, .1, .2, .3}, false},
	{"a middling one", [5]float64{.1, .2, .4, .2, .1}, false},
	{"a content one", [5]float64{.05, .1, .2, .35, .3}, false},
	{"an enthusiastic one", [5]float64{.05, .02, .03, .1, .8}, true},
}

type sample struct {
	nps   Recommendations
	stars Moments
}

func (p population) sample(random *rand.Rand, n int) (s sample) {
	for range n {
		at, left := 0, random.Float64()
		for ; at < 4 && left >= p.shares[at]; at++ {
			left -= p.shares[at]
		}
		s.stars.Add(int64(at+1), 1)
		switch {
		case at == 4:
			s.nps.Promoters++
		case at < 2:
			s.nps.Detractors++
		default:
			s.nps.Passives++
		}
	}
	return s
}

func (p population) truth(of string) float64 {
	switch of {
	case "NPS":
		return 100 * (p.shares[4] - p.shares[0] - p.shares[1])
	case "share":
		return p.shares[4]
	}
	mean := 0.0
	for i, share := range p.shares {
		mean += float64(i+1) * share
	}
	return mean
}
