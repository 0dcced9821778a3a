package plan

import (
	"fmt"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	maxWeight = 16 // of a definition
	maxDepth  = 5  // of groups within each other
	maxID     = 63 // of a definition
)

// A Profile is what customers of an industry judge a brand by.
type Profile struct {
	ID               string // the last segment of its name
	DisplayName      string
	Criteria         []Criterion
	Steps            *Steps        // nil where nobody knows
	ConversionWindow time.Duration // 0 for none
}

// A Criterion is something that customers judge by, or a group of such.
type Criterion struct {
	ID          string                `json:"id"`
	DisplayName string                `json:"display_name"`
	Group       string                `json:"group,omitempty"` // the id of the group it belongs to
	Service     bool                  `json:"service,omitempty"`
	Weight      float64               `json:"weight,omitempty"` // 0 if not given
	Stage       typev1.Stage          `json:"stage,omitempty"`
	Phase       typev1.Phase          `json:"phase,omitempty"`
	Kind        typev1.TouchpointKind `json:"kind,omitempty"`
	Component   typev1.Component      `json:"component,omitempty"`
	Channel     typev1.Channel        `json:"channel,omitempty"`
	Owner       typev1.Function       `json:"owner,omitempty"`
	Control     typev1.ControlLevel   `json:"control,omitempty"`
	Expected    *Expected             `json:"expected,omitempty"`
	Benchmark   *float64              `json:"benchmark,omitempty"` // what competitors reach
}

// Steps is a range of numbers of touchpoints before customers buy.
type Steps struct {
	Min int64 `json:"min"`
	Max int64 `json:"max"` // not below Min
}

// Outcome returns how n steps compare with s. Nobody knows where s is nil.
func (s *Steps) Outcome(n int64) typev1.Expectation {
	switch {
	case s == nil:
		return typev1.Expectation_EXPECTATION_UNSPECIFIED
	case n < s.Min:
		return typev1.Expectation_EXPECTATION_EXCEEDED
	case n <= s.Max:
		return typev1.Expectation_EXPECTATION_MET
	}
	return typev1.Expectation_EXPECTATION_UNMET
}

// A Problem is what keeps a criterion from being one of a profile.
type Problem struct {
	Criterion   int    // its position
	Field       string // of the contract
	Reason      string
	Description string
}

// Check returns what is wrong with the criteria of p: they must form a tree whose
// leaves are all different.
func (p *Profile) Check() (wrong []Problem) {
	at, parts := make(map[string]int, len(p.Criteria)), p.parts()
	for i, c := range p.Criteria {
		if _, twice := at[c.ID]; twice {
			wrong = append(wrong, Problem{i, "criterion_id", "DUPLICATE", "is there twice"})
		}
		at[c.ID] = i
	}
	names := map[string]bool{}
	for i, c := range p.Criteria {
		if reason, description := misplaced(p.Criteria, at, c); reason != "" {
			wrong = append(wrong, Problem{i, "group_id", reason, description})
		}
		if len(parts[c.ID]) > 0 {
			if c.Stage != 0 || c.Phase != 0 || c.Kind != 0 || c.Expected != nil || c.Benchmark != nil {
				wrong = append(wrong, Problem{i, "criterion_id", "GROUP", "is a group: its parts have stages, phases, kinds and expectations"})
			}
			continue
		}
		if id := p.definitionID(c); len(id) > maxID {
			wrong = append(wrong, Problem{i, "criterion_id", "LONG_ID", fmt.Sprintf("makes a definition called %s, of more than %d characters", id, maxID)})
		}
		if c.Stage == 0 || c.Phase == 0 || c.Kind == 0 {
			wrong = append(wrong, Problem{i, "stage", "LEAF", "must be set, and phase and kind too: it has no parts"})
		}
		name := strings.ToLower(norm.NFC.String(strings.TrimSpace(c.DisplayName)))
		if names[name] {
			wrong = append(wrong, Problem{i, "display_name", "DUPLICATE", "is that of another leaf, which would count twice"})
		}
		names[name] = true
	}
	return wrong
}

// misplaced says why c is not below the top, at most maxDepth groups deep.
func misplaced(criteria []Criterion, at map[string]int, c Criterion) (reason, description string) {
	for range maxDepth {
		if c.Group == "" {
			return "", ""
		}
		i, ok := at[c.Group]
		if !ok {
			return "UNKNOWN_GROUP", c.Group + " is no criterion of the profile"
		}
		c = criteria[i]
	}
	if c.Group == "" {
		return "", ""
	}
	return "DEPTH", fmt.Sprintf("is more than %d groups deep, or within itself", maxDepth)
}

// parts returns the positions of what each group is made of; "" is the top.
func (p *Profile) parts() map[string][]int {
	parts := map[string][]int{}
	for i, c := range p.Criteria {
		parts[c.Group] = append(parts[c.Group], i)
	}
	return parts
}

// Definitions returns the definition of each leaf, in the order of the criteria. Their
// weights are those of the tree, 1 on average, and at most 16. Profiles that
// [Profile.Check] finds fault with have none.
func (p *Profile) Definitions() []Definition {
	leaves := p.leaves()
	all := make([]Definition, 0, len(leaves))
	for i, c := range p.Criteria {
		leaf, ok := leaves[i]
		if !ok {
			continue
		}
		all = append(all, Definition{
			ID: p.definitionID(c), DisplayName: c.DisplayName, Stage: c.Stage, Phase: c.Phase, Kind: c.Kind,
			Component: c.Component, Channel: c.Channel, Owner: c.Owner, Control: c.Control,
			Service: leaf.service, Weight: min(leaf.weight, maxWeight), Criterion: c.ID, Expected: c.Expected,
		})
	}
	return all
}

// ServiceShare returns the share of the service leaves in the weight of all.
func (p *Profile) ServiceShare() float64 {
	var service, whole float64
	leaves := p.leaves()
	for i := range p.Criteria { // in order, so that the sum is the same each time
		leaf := leaves[i]
		whole += leaf.weight
		if leaf.service {
			service += leaf.weight
		}
	}
	if whole == 0 {
		return 0
	}
	return service / whole
}

func (p *Profile) definitionID(c Criterion) string { return p.ID + "-" + c.ID }

// A leaf is what a criterion without parts comes to within its tree.
type leaf struct {
	weight  float64
	service bool
}

// leaves returns the leaves by their positions. Their weights add up to their number.
func (p *Profile) leaves() map[int]leaf {
	parts, leaves := p.parts(), map[int]leaf{}
	if len(p.Check()) > 0 {
		return leaves
	}
	var count func(group string) float64
	count = func(group string) (n float64) {
		for _, i := range parts[group] {
			n += max(1, count(p.Criteria[i].ID))
		}
		return n
	}
	var part func(group string, weight float64, service bool)
	part = func(group string, weight float64, service bool) {
		own := make([]float64, len(parts[group]))
		var sum float64
		for n, i := range parts[group] {
			c := p.Criteria[i]
			if own[n] = c.Weight; c.Weight == 0 {
				own[n] = max(1, count(c.ID))
			}
			sum += own[n]
		}
		for n, i := range parts[group] {
			c := p.Criteria[i]
			share, serves := weight*own[n]/sum, service || c.Service
			if len(parts[c.ID]) == 0 {
				leaves[i] = leaf{share, serves}
			}
			part(c.ID, share, serves)
		}
	}
	part("", count(""), false)
	return leaves
}
