// Package backtest says how well scores as of an instant told what customers did after
// it. It knows nothing of gRPC or SQL.
package backtest

import (
	"cmp"
	"math"
	"slices"

	"github.com/concentric-cx/concentric/services/internal/stats"
)

// z is the two-sided 95 % quantile of the normal distribution.
const z = 1.959963984540054

// fine is how many steps a point of a score has here. Scores of the same step count as
// equal.
const fine = 100

// ratings is how many steps a mean rating, 0 to 1, has here.
const ratings = 1000

// A Trial counts customers by score and what they did. It marshals to JSON, so that it
// can be put aside; its size is bounded by the steps of scores and ratings. The zero value
// is empty.
type Trial struct {
	Back map[int]int64         `json:"back"` // customers who came back, by score
	Gone map[int]int64         `json:"gone"` // customers who did not
	Rate map[int]map[int]int64 `json:"rate"` // customers who gave ratings, by score and mean rating
	Acts map[int]Acts          `json:"acts"` // what customers did besides, by score
}

// Acts counts what customers did. Of those whom the release before counted, it knows nothing.
type Acts struct {
	Customers int64 `json:"n"` // of whom it is known
	Bought    int64 `json:"b"` // of them, who bought something
	Contacted int64 `json:"w"` // of them, who contacted service
	Contacts  int64 `json:"c"` // how often they did
}

// plus returns the counts of a and b together.
func (a Acts) plus(b Acts) Acts {
	return Acts{a.Customers + b.Customers, a.Bought + b.Bought, a.Contacted + b.Contacted, a.Contacts + b.Contacts}
}

// A Sequel is what a customer did after a score.
type Sequel struct {
	Back     bool
	Bought   bool
	Contacts int     // with service
	Rating   float64 // the mean of those given, 0 to 1, if Rated
	Rated    bool
}

// Add counts a customer by the score, 0 to 100.
func (t *Trial) Add(score float64, then Sequel) {
	if t.Back == nil {
		t.Back, t.Gone, t.Rate = map[int]int64{}, map[int]int64{}, map[int]map[int]int64{}
	}
	if t.Acts == nil {
		t.Acts = map[int]Acts{}
	}
	at := int(math.Round(score * fine))
	if then.Back {
		t.Back[at]++
	} else {
		t.Gone[at]++
	}
	t.Acts[at] = t.Acts[at].plus(Acts{
		Customers: 1, Bought: one(then.Bought), Contacted: one(then.Contacts > 0), Contacts: int64(then.Contacts),
	})
	if !then.Rated {
		return
	}
	if t.Rate[at] == nil {
		t.Rate[at] = map[int]int64{}
	}
	t.Rate[at][int(math.Round(then.Rating*ratings))]++
}

// one returns 1 of true.
func one(b bool) int64 {
	if b {
		return 1
	}
	return 0
}

// Size returns how many counts t holds.
func (t *Trial) Size() int {
	n := len(t.Back) + len(t.Gone) + len(t.Acts)
	for _, rated := range t.Rate {
		n += len(rated)
	}
	return n
}

// Customers returns how many customers were counted, and how many of them came back.
func (t *Trial) Customers() (all, back int64) {
	back = total(t.Back)
	return back + total(t.Gone), back
}

// total returns how many are counted.
func total(counts map[int]int64) (n int64) {
	for _, count := range counts {
		n += count
	}
	return n
}

// AUC returns the probability that one who came back had a higher score than one who did
// not, as [above] has it.
func (t *Trial) AUC() stats.Estimate { return above(t.Back, t.Gone) }

// ContactAUC returns the probability that one who did not contact service had a higher score
// than one who did, as [above] has it.
func (t *Trial) ContactAUC() stats.Estimate {
	calm, contacted := make(map[int]int64, len(t.Acts)), make(map[int]int64, len(t.Acts))
	for at, a := range t.Acts {
		calm[at], contacted[at] = a.Customers-a.Contacted, a.Contacted
	}
	return above(calm, contacted)
}

// above returns the probability that one of some customers, counted by score, had a higher
// score than one of others, ties counting half (Mann and Whitney 1947), with the interval of
// Hanley and McNeil (1982). It is unknown unless there is one of each.
func above(some, others map[int]int64) stats.Estimate {
	positive, negative := total(some), total(others)
	e := stats.Estimate{N: positive + negative, EffectiveN: float64(positive + negative), Quality: stats.QualityNoData}
	if positive == 0 || negative == 0 {
		return e
	}
	below, wins := 0.0, 0.0
	for _, at := range scores(some, others) {
		n := float64(others[at])
		wins += float64(some[at]) * (below + n/2)
		below += n
	}
	p, n := float64(positive), float64(negative)
	a := wins / (p * n)
	q1, q2 := a/(2-a), 2*a*a/(1+a)
	variance := (a*(1-a) + (p-1)*(q1-a*a) + (n-1)*(q2-a*a)) / (p * n)
	half := z * math.Sqrt(max(variance, 0))
	return known(e, a, max(a-half, 0), min(a+half, 1))
}

// Correlation returns the rank correlation of scores with later ratings (Spearman 1904),
// ties at their mean rank, with Fisher's interval widened as Bonett and Wright (2000)
// do. It is unknown for fewer than five customers, and where all scores or all ratings are
// alike.
func (t *Trial) Correlation() stats.Estimate {
	byScore, byRating := map[int]int64{}, map[int]int64{}
	var n int64
	for at, rated := range t.Rate {
		for rating, count := range rated {
			byScore[at] += count
			byRating[rating] += count
			n += count
		}
	}
	e := stats.Estimate{N: n, EffectiveN: float64(n), Quality: stats.QualityNoData}
	if n == 0 {
		return e
	}
	if n < stats.MinShown {
		e.Quality = stats.QualitySuppressed
		return e
	}
	ofScore, ofRating := ranks(byScore), ranks(byRating)
	middle := float64(n+1) / 2
	var xy, xx, yy float64
	for _, at := range sorted(t.Rate) {
		x := ofScore[at] - middle
		for _, rating := range sorted(t.Rate[at]) {
			count, y := float64(t.Rate[at][rating]), ofRating[rating]-middle
			xy, xx, yy = xy+count*x*y, xx+count*x*x, yy+count*y*y
		}
	}
	if xx == 0 || yy == 0 {
		return e
	}
	r := xy / math.Sqrt(xx*yy)
	half := z * math.Sqrt((1+r*r/2)/float64(n-3))
	angle := math.Atanh(min(max(r, -1+1e-12), 1-1e-12))
	return known(e, r, math.Tanh(angle-half), math.Tanh(angle+half))
}

// known returns e with its value and interval.
func known(e stats.Estimate, value, lower, upper float64) stats.Estimate {
	e.Value, e.Lower, e.Upper = value, lower, upper
	e.Known, e.Interval, e.Method, e.Quality = true, true, stats.MethodDelta, stats.QualityOK
	if e.N < stats.MinSound {
		e.Quality = stats.QualitySmallSample
	}
	return e
}

// A Decile is a tenth of the customers, by their scores.
type Decile struct {
	Lowest, Highest float64
	N               int64
	Back            int64
	Acts            Acts
}

// Deciles returns the customers in tenths, from the lowest scores. Customers of the same
// score stay together, so that a tenth may be larger than another, and there may be
// fewer.
func (t *Trial) Deciles() []Decile {
	all, _ := t.Customers()
	var tenths []Decile
	var d Decile
	var before int64 // customers up to d
	for _, at := range scores(t.Back, t.Gone) {
		value := float64(at) / fine
		if d.N == 0 {
			d.Lowest = value
		}
		d.Highest = value
		d.N += t.Back[at] + t.Gone[at]
		d.Back += t.Back[at]
		d.Acts = d.Acts.plus(t.Acts[at])
		if (before+d.N)*10 >= all*int64(len(tenths)+1) {
			before += d.N
			tenths, d = append(tenths, d), Decile{}
		}
	}
	return tenths
}

// scores returns the scores that some or others have, in order.
func scores(some, others map[int]int64) []int {
	all := append(sorted(some), sorted(others)...)
	slices.Sort(all)
	return slices.Compact(all)
}

// ranks returns the mean rank of each value.
func ranks(counts map[int]int64) map[int]float64 {
	of := make(map[int]float64, len(counts))
	var below int64
	for _, v := range sorted(counts) {
		of[v] = float64(below) + float64(counts[v]+1)/2
		below += counts[v]
	}
	return of
}

// sorted returns the keys of m in order.
func sorted[K cmp.Ordered, V any](m map[K]V) []K {
	keys := make([]K, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
