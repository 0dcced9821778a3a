package api

import (
	"context"
	"encoding/json"
	"strings"

	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// attributePrefix begins a dimension that is an attribute.
const attributePrefix = "attributes."

// A dimension finds the value of a touchpoint, "" if it has none. attributes are
// those of t.
type dimension func(t *store.Touchpoint, attributes map[string]string) string

// dimensions are what an answer is broken down by.
type dimensions struct {
	names      []string
	value      []dimension
	attributes bool // whether any is an attribute
}

// dimensions returns those of the given names, which the contract has checked.
func (s *Server) dimensions(ctx context.Context, brand string, names []string) (*dimensions, error) {
	d := &dimensions{names: names}
	var definitions map[string]plan.Definition
	for _, n := range names {
		if n == "function_owner" || n == "control_level" || n == "component" {
			all, err := s.catalog.all(ctx, brand)
			if err != nil {
				return nil, err
			}
			definitions = make(map[string]plan.Definition, len(all))
			for _, definition := range all {
				definitions[definition.ID] = definition
			}
		}
		d.attributes = d.attributes || strings.HasPrefix(n, attributePrefix)
	}
	for _, n := range names {
		d.value = append(d.value, byName(n, brand, definitions))
	}
	return d, nil
}

func byName(n, brand string, definitions map[string]plan.Definition) dimension {
	switch n {
	case "channel":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(t.Channel) }
	case "stage":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(t.Stage) }
	case "phase":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(t.Phase) }
	case "expectation":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(t.Expectation) }
	case "touchpoint_definition":
		return func(t *store.Touchpoint, _ map[string]string) string { return definitionName(brand, t.Definition) }
	case "function_owner":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(definitions[t.Definition].Owner) }
	case "control_level":
		return func(t *store.Touchpoint, _ map[string]string) string { return known(definitions[t.Definition].Control) }
	case "component":
		return func(t *store.Touchpoint, _ map[string]string) string {
			return known(definitions[t.Definition].Component)
		}
	}
	key := strings.TrimPrefix(n, attributePrefix)
	return func(_ *store.Touchpoint, attributes map[string]string) string { return attributes[key] }
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

// keys returns the values of t.
func (d *dimensions) keys(t *store.Touchpoint) ([]*typev1.GroupKey, error) {
	var attributes map[string]string
	if d.attributes && t.Attributes != "" {
		if err := json.Unmarshal([]byte(t.Attributes), &attributes); err != nil {
			return nil, err
		}
	}
	keys := make([]*typev1.GroupKey, len(d.names))
	for i, n := range d.names {
		keys[i] = &typev1.GroupKey{Dimension: n, Value: d.value[i](t, attributes)}
	}
	return keys, nil
}
