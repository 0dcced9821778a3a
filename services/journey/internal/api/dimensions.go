package api

import (
	"context"
	"encoding/json"
	"slices"
	"strings"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/journey/internal/insight"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// attributePrefix begins a dimension that is an attribute.
const attributePrefix = "attributes."

// segmentDimension is the one that a touchpoint may have several values of.
const segmentDimension = "segment"

// A dimension finds the value of a touchpoint, "" if it has none. attributes are
// those of t.
type dimension func(t *store.Seen, attributes map[string]string) string

// dimensions are what an answer is broken down by.
type dimensions struct {
	names      []string
	value      []dimension
	segment    int  // the place of segmentDimension; below 0 without
	attributes bool // whether any is an attribute
	people     bool // whether any is about the customer
}

// dimensions returns those of the given names, which the contract has checked.
func (s *Server) dimensions(ctx context.Context, brand string, names []string) (*dimensions, error) {
	d := &dimensions{names: names, segment: slices.Index(names, segmentDimension)}
	var definitions map[string]plan.Definition
	for _, n := range names {
		switch n {
		case "function_owner", "control_level", "component", "kind":
			var err error
			if definitions, err = s.definitionsByID(ctx, brand); err != nil {
				return nil, err
			}
		case segmentDimension, "persona":
			d.people = true
		}
		d.attributes = d.attributes || strings.HasPrefix(n, attributePrefix)
	}
	for _, n := range names {
		d.value = append(d.value, byName(n, brand, definitions))
	}
	return d, nil
}

// definitionsByID returns those of a brand.
func (s *Server) definitionsByID(ctx context.Context, brand string) (map[string]plan.Definition, error) {
	all, err := s.catalog.all(ctx, brand)
	byID := make(map[string]plan.Definition, len(all))
	for _, d := range all {
		byID[d.ID] = d
	}
	return byID, err
}

func byName(n, brand string, definitions map[string]plan.Definition) dimension {
	switch n {
	case "channel":
		return func(t *store.Seen, _ map[string]string) string { return known(t.Channel) }
	case "mode":
		return func(t *store.Seen, _ map[string]string) string { return known(insight.ModeOf(t.Channel)) }
	case "stage":
		return func(t *store.Seen, _ map[string]string) string { return known(t.Stage) }
	case "phase":
		return func(t *store.Seen, _ map[string]string) string { return known(t.Phase) }
	case "expectation":
		return func(t *store.Seen, _ map[string]string) string { return known(t.Expectation) }
	case "emotion":
		return func(t *store.Seen, _ map[string]string) string { return known(t.Emotion) }
	case "persona":
		return func(t *store.Seen, _ map[string]string) string { return t.Persona }
	case segmentDimension:
		return func(*store.Seen, map[string]string) string { return "" }
	case "touchpoint_definition":
		return func(t *store.Seen, _ map[string]string) string { return definitionName(brand, t.Definition) }
	case "function_owner":
		return func(t *store.Seen, _ map[string]string) string { return known(definitions[t.Definition].Owner) }
	case "control_level":
		return func(t *store.Seen, _ map[string]string) string { return known(definitions[t.Definition].Control) }
	case "component":
		return func(t *store.Seen, _ map[string]string) string { return known(definitions[t.Definition].Component) }
	case "kind":
		return func(t *store.Seen, _ map[string]string) string { return known(definitions[t.Definition].Kind) }
	}
	key := strings.TrimPrefix(n, attributePrefix)
	return func(_ *store.Seen, attributes map[string]string) string { return attributes[key] }
}

// known returns the name of an enum's value, or "" for the one that says nothing.
func known[E interface {
	~int32
	String() string
}](value E) string {
	if value == 0 {
		return ""
	}
	return value.String()
}

// keys calls f with the values of t; with segments, once for each of them.
func (d *dimensions) keys(t *store.Seen, f func([]*typev1.GroupKey) error) error {
	var attributes map[string]string
	if d.attributes && t.Attributes != "" {
		if err := json.Unmarshal([]byte(t.Attributes), &attributes); err != nil {
			return err
		}
	}
	segments := []string{""}
	if d.segment >= 0 && len(t.Segments) > 0 {
		segments = t.Segments
	}
	for _, segment := range segments {
		keys := make([]*typev1.GroupKey, len(d.names))
		for i, n := range d.names {
			keys[i] = &typev1.GroupKey{Dimension: n, Value: d.value[i](t, attributes)}
		}
		if d.segment >= 0 {
			keys[d.segment].Value = segment
		}
		if err := f(keys); err != nil {
			return err
		}
	}
	return nil
}

// people are the customers that an answer is about.
type people struct{ segments, personas []string }

// any reports whether p leaves anybody out.
func (p people) any() bool { return len(p.segments)+len(p.personas) > 0 }

// has reports whether the customer of t is one of p.
func (p people) has(t *store.Seen) bool {
	if len(p.personas) > 0 && !slices.Contains(p.personas, t.Persona) {
		return false
	}
	return len(p.segments) == 0 || slices.ContainsFunc(t.Segments, func(s string) bool { return slices.Contains(p.segments, s) })
}
