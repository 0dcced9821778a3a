package api

import (
	"fmt"
	"math"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/stats"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
)

// strata are the parts of the population by which answers weigh. They are nil where
// all weigh alike.
type strata struct {
	by    []dimension
	at    map[groupKey]int
	sizes []float64
}

// newStrata reads p, or says what is wrong with it.
func newStrata(brand string, p *surveyv1.Strata) (*strata, error) {
	if p == nil {
		return nil, nil
	}
	s := &strata{at: map[groupKey]int{}}
	for _, d := range p.GetDimensions() {
		s.by = append(s.by, newDimension(d))
	}
	var wrong []fault.Field
	sum := 0.0
	for i, one := range p.GetStrata() {
		path := fmt.Sprintf("strata.strata[%d]", i)
		sum += one.GetSize()
		if len(one.GetValues()) != len(s.by) {
			wrong = append(wrong, fault.Field{Path: path + ".values", Reason: "WRONG_COUNT", Description: "must have a value for each dimension"})
			continue
		}
		var key groupKey
		for j, v := range one.GetValues() {
			var ok bool
			if key[j], ok = s.by[j].keyOf(brand, v); !ok {
				wrong = append(wrong, fault.Field{
					Path: fmt.Sprintf("%s.values[%d]", path, j), Reason: "UNKNOWN_VALUE", Description: "must be a value of " + s.by[j].name,
				})
			}
		}
		if _, twice := s.at[key]; twice {
			wrong = append(wrong, fault.Field{Path: path, Reason: "DUPLICATE", Description: "stands there twice"})
		}
		s.at[key] = len(s.sizes)
		s.sizes = append(s.sizes, one.GetSize())
	}
	if math.IsInf(sum, 0) {
		wrong = append(wrong, fault.Field{Path: "strata.strata", Reason: "TOO_LARGE", Description: "the sizes must have a finite sum"})
	}
	if len(wrong) > 0 {
		return nil, fault.Invalid(wrong...)
	}
	return s, nil
}

// dimensions returns what answers must be told by.
func (s *strata) dimensions() []dimension {
	if s == nil {
		return nil
	}
	return s.by
}

// place returns the stratum of a key, or why it does not count. Without weights the
// stratum is -1.
func (s *strata) place(key groupKey) (stratum int, weightless string) {
	if s == nil {
		return -1, ""
	}
	at, ok := s.at[key]
	switch {
	case !ok:
		return 0, "NO_STRATUM"
	case s.sizes[at] == 0:
		return 0, "EMPTY_STRATUM"
	}
	return at, ""
}

// of puts the ratings of each stratum together.
func (s *strata) of(counts map[weighted]int64) []scale.Stratum {
	at := map[int]*scale.Answers{}
	for w, n := range counts {
		if at[w.stratum] == nil {
			at[w.stratum] = &scale.Answers{}
		}
		kind, rating, _ := w.code.Rating()
		at[w.stratum].Add(scale.Kind(kind), rating, n)
	}
	var all []scale.Stratum
	for i, size := range s.sizes { // in their order, so that sums are always the same
		if at[i] != nil {
			all = append(all, scale.Stratum{Size: size, Answers: at[i]})
		}
	}
	return all
}

// share estimates a share of counts by stratum.
func (s *strata) share(counts map[int]stats.Moments) stats.Estimate {
	if s == nil {
		return stats.Wilson(counts[-1].Sum, counts[-1].N)
	}
	all := make([]stats.Stratum, len(s.sizes))
	n := make([]int64, len(s.sizes))
	for i := range s.sizes {
		all[i].Moments, n[i] = counts[i], counts[i].N
	}
	for i, reference := range stats.PostStratify(s.sizes, n) {
		all[i].Reference = reference
	}
	return stats.StandardizedShare(all).Estimate
}
