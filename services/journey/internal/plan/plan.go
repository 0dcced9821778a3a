// Package plan holds what a brand plans its customer journey with: touchpoint
// definitions, and the map that orders them by stage. It is pure.
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

// A Definition is a kind of touchpoint. It does not change once it exists.
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
	CreateTime  time.Time // zero for the built-in ones
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
