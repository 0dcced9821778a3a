package api

import (
	"strconv"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/rollup"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A dimension is one way to group answers or invitations.
type dimension struct {
	name string // as in the contract
	store.Dimension
	names      map[int32]string // of one whose values are numbers
	collection string           // of one whose values are ids
	ref        bool             // its values are references within the brand
}

// dimensions are those that are no attributes.
var dimensions = []dimension{
	{name: "channel", Dimension: store.Dimension{Of: rollup.Channel}, names: typev1.Channel_name},
	{name: "stage", Dimension: store.Dimension{Of: rollup.Stage}, names: typev1.Stage_name},
	{name: "phase", Dimension: store.Dimension{Of: rollup.Phase}, names: typev1.Phase_name},
	{name: "origin", Dimension: store.Dimension{Of: rollup.Origin}, names: surveyv1.Invitation_Origin_name},
	{name: "survey", Dimension: store.Dimension{Of: rollup.Survey}, collection: "surveys"},
	{name: "partner", Dimension: store.Dimension{Of: rollup.Partner}, ref: true},
	{name: "team", Dimension: store.Dimension{Of: rollup.Team}, ref: true},
	{name: "agent", Dimension: store.Dimension{Of: rollup.Agent}, ref: true},
	{name: "language", Dimension: store.Dimension{Of: rollup.Language}},
	{name: "trigger_rule", Dimension: store.Dimension{Of: rollup.Rule}, collection: "triggerRules"},
	{name: "question", Dimension: store.Dimension{Of: rollup.Question}},
	{name: "touchpoint_definition", Dimension: store.Dimension{Of: rollup.Definition}, ref: true},
	{name: "choice", Dimension: store.Dimension{Of: rollup.Choice}},
}

// newDimension returns the dimension called d, which the contract has checked.
func newDimension(d string) dimension {
	for _, known := range dimensions {
		if known.name == d {
			return known
		}
	}
	return dimension{name: d, Dimension: store.Dimension{Attribute: strings.TrimPrefix(d, "attributes.")}}
}

// value returns what the contract calls a key, empty for none.
func (d dimension) value(brand, key string) string {
	switch {
	case d.names != nil:
		return enum(d.names, key)
	case d.ref:
		return full(brand, key)
	case d.collection != "" && key != "":
		return name.Join("brands", brand, d.collection, key)
	}
	return key
}

// keyOf returns the key of one that is called v in the contract, and false if nothing
// is.
func (d dimension) keyOf(brand, v string) (string, bool) {
	switch {
	case d.names != nil:
		for n, known := range d.names {
			if n != 0 && known == v {
				return strconv.Itoa(int(n)), true
			}
		}
		return "0", v == ""
	case v == "":
		return "", true
	}
	id, ok := strings.CutPrefix(v, name.Join("brands", brand, "partners")+"/")
	return within(brand, v), ok && id != "" && !strings.Contains(id, "/")
}

// enum returns the name of the number in key, or "" for the unspecified one.
func enum(names map[int32]string, key string) string {
	n, err := strconv.ParseInt(key, 10, 32)
	if err != nil || n == 0 {
		return ""
	}
	return names[int32(n)]
}

// metricFields are what the answers measured can be filtered by. References are kept
// within the brand, such as `partners/p`.
var metricFields = filter.Fields{
	{Name: "channel", Column: "r.channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "stage", Column: "r.stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "phase", Column: "r.phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
	{Name: "partner", Column: "SUBSTR(r.partner, 10)", Kind: filter.Name, Collection: "partners"},
	{Name: "team", Column: "SUBSTR(r.team, 7)", Kind: filter.Name, Collection: "teams"},
	{Name: "agent", Column: "SUBSTR(r.agent, 8)", Kind: filter.Name, Collection: "agents"},
	{Name: "survey", Column: "r.survey", Kind: filter.Name, Collection: "surveys"},
	{Name: "survey_revision", Column: "r.survey_revision", Kind: filter.Number},
	{Name: "language", Column: "r.language", Kind: filter.Text},
	{Name: "attributes", Column: "r.attributes", Kind: filter.Map},
}
