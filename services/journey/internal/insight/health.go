package insight

import (
	"cmp"
	"slices"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/stats"
)

// Health counts how often touchpoints of each definition failed. Make one with
// [NewHealth].
type Health struct {
	all  failures
	byID map[string]*failures
	rule Broken
}

// Broken says when a definition is.
type Broken struct {
	Threshold float64 // the UNMET share that is too much
	Minimum   int64   // how many touchpoints it takes to tell
}

type failures struct{ unmet, n int64 }

// maxHealth is how many definitions are told of.
const maxHealth = 1000

// NewHealth returns an empty one.
func NewHealth(rule Broken) *Health {
	return &Health{byID: map[string]*failures{}, rule: rule}
}

// Add takes a touchpoint of a definition.
func (h *Health) Add(definition string, e typev1.Expectation) {
	if e == typev1.Expectation_EXPECTATION_UNSPECIFIED {
		return
	}
	f := h.byID[definition]
	if f == nil {
		f = &failures{}
		h.byID[definition] = f
	}
	for _, f := range []*failures{f, &h.all} {
		f.n++
		if e == typev1.Expectation_EXPECTATION_UNMET {
			f.unmet++
		}
	}
}

// Report returns the definitions by id, the broken ones first, then by the lower end
// of the interval, the worst first, then by id. Their names and owners are left to the
// caller.
func (h *Health) Report() (ids []string, report []*journeyv1.TouchpointHealth) {
	byID := make(map[string]*journeyv1.TouchpointHealth, len(h.byID))
	for id, f := range h.byID {
		byID[id] = h.of(f)
		ids = append(ids, id)
	}
	slices.SortFunc(ids, func(a, b string) int {
		x, y := byID[a], byID[b]
		if x.GetBroken() != y.GetBroken() {
			if x.GetBroken() {
				return -1
			}
			return 1
		}
		return cmp.Or(cmp.Compare(y.GetUnmet().GetLower(), x.GetUnmet().GetLower()), cmp.Compare(a, b))
	})
	ids = ids[:min(len(ids), maxHealth)]
	for _, id := range ids {
		report = append(report, byID[id])
	}
	return ids, report
}

func (h *Health) of(f *failures) *journeyv1.TouchpointHealth {
	e := stats.Wilson(f.unmet, f.n)
	p := &journeyv1.TouchpointHealth{Unmet: ratio(e)}
	if !e.Known {
		return p
	}
	limit := stats.FunnelOf(float64(h.all.unmet)/float64(h.all.n), f.n).Alarm.Upper
	p.ControlLimit = &limit
	p.AboveControlLimit, p.AboveThreshold = e.Value > limit, e.Lower > h.rule.Threshold
	p.Broken = f.n >= h.rule.Minimum && (p.GetAboveControlLimit() || p.GetAboveThreshold())
	return p
}
