// Package plan holds what a brand plans its customer journey with: touchpoint
// definitions and what customers expect of them, the maps that order them by stage,
// and the industry profiles they can be made from. It is pure.
package plan

import (
	"cmp"
	"slices"
	"time"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// DefaultMap is the id of the journey map that every brand has.
const DefaultMap = "default"

// The built-in definitions that the events of the ticket service become.
const (
	SupportInteraction = "support-interaction"
	SupportResolution  = "support-resolution"
)

// ContentRelevance is the criterion by which customers judge content: how well it fits the
// stage they are in.
const ContentRelevance = "content-relevance"

// A Definition is a kind of touchpoint. What is recorded under it keeps what it said
// then.
type Definition struct {
	ID          string // the last segment of its name
	DisplayName string
	Stage       typev1.Stage
	Phase       typev1.Phase
	Kind        typev1.TouchpointKind
	Component   typev1.Component
	Channel     typev1.Channel
	Owner       typev1.Function
	Control     typev1.ControlLevel
	Service     bool
	Weight      float64   // above 0, at most 16
	Criterion   string    // what customers judge by it; "" for nothing in particular
	Expected    *Expected // nil where nothing can be observed
	CreateTime  time.Time // zero for the built-in ones
}

// Expected is what customers expect to observe. It does not change once it is in
// use.
type Expected struct {
	Measure       string   `json:"measure,omitempty"` // what is observed, for people
	Target        float64  `json:"target"`
	Exceed        *float64 `json:"exceed,omitempty"` // better than Target; nil for never
	LowerIsBetter bool     `json:"lower_is_better,omitempty"`
}

// Outcome returns how what was observed compares with e. Nobody knows where e is nil.
func (e *Expected) Outcome(observed float64) typev1.Expectation {
	switch {
	case e == nil:
		return typev1.Expectation_EXPECTATION_UNSPECIFIED
	case e.Exceed != nil && e.reaches(observed, *e.Exceed):
		return typev1.Expectation_EXPECTATION_EXCEEDED
	case e.reaches(observed, e.Target):
		return typev1.Expectation_EXPECTATION_MET
	}
	return typev1.Expectation_EXPECTATION_UNMET
}

func (e *Expected) reaches(observed, level float64) bool {
	if e.LowerIsBetter {
		return observed <= level
	}
	return observed >= level
}

// A Stage is one stage of a map.
type Stage struct {
	Stage       typev1.Stage
	Phases      []typev1.Phase // in order
	Definitions []Definition   // by ID
}

// Map orders definitions into the five stages of a journey.
func Map(definitions []Definition) []Stage {
	stages := make([]Stage, 0, 5)
	for s := typev1.Stage_STAGE_AWARENESS; s <= typev1.Stage_STAGE_ADVOCACY; s++ {
		stage := Stage{Stage: s}
		for _, d := range definitions {
			if d.Stage == s {
				stage.Definitions = append(stage.Definitions, d)
				stage.Phases = append(stage.Phases, d.Phase)
			}
		}
		slices.Sort(stage.Phases)
		stage.Phases = slices.Compact(stage.Phases)
		slices.SortFunc(stage.Definitions, func(a, b Definition) int { return cmp.Compare(a.ID, b.ID) })
		stages = append(stages, stage)
	}
	return stages
}

// Only returns the definitions with one of the ids, or all if there are no ids: what a
// map says it holds.
func Only(definitions []Definition, ids []string) []Definition {
	if len(ids) == 0 {
		return definitions
	}
	on := make(map[string]bool, len(ids))
	for _, id := range ids {
		on[id] = true
	}
	return slices.DeleteFunc(slices.Clone(definitions), func(d Definition) bool { return !on[d.ID] })
}
