package api

import (
	"encoding/json"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/ticket/internal/rollup"
)

// A dimension is one way to group tickets.
type dimension struct {
	name       string // as in the contract
	of         rollup.Dim
	enum       protoreflect.EnumDescriptor // of one whose values are numbers
	collection string                      // of one whose values are ids
	attribute  string                      // the key, of one that is an attribute; it has nothing else
}

// dimensions are those that are no attributes. The name of a column of the store is
// that of its dimension.
var dimensions = []dimension{
	{name: "channel", of: rollup.Channel, enum: typev1.Channel(0).Descriptor()},
	{name: "handling", of: rollup.Handling, enum: typev1.Handling(0).Descriptor()},
	{name: "issue_kind", of: rollup.IssueKind, enum: ticketv1.Ticket_IssueKind(0).Descriptor()},
	{name: "stage", of: rollup.Stage, enum: typev1.Stage(0).Descriptor()},
	{name: "phase", of: rollup.Phase, enum: typev1.Phase(0).Descriptor()},
	{name: "priority", of: rollup.Priority, enum: ticketv1.Ticket_Priority(0).Descriptor()},
	{name: "partner", of: rollup.Partner, collection: "partners"},
	{name: "team", of: rollup.Team, collection: "teams"},
	{name: "agent", of: rollup.Agent, collection: "agents"},
	{name: "issue_type", of: rollup.IssueType, collection: "issueTypes"},
}

// newDimension returns the dimension called d, which the contract has checked.
func newDimension(d string) dimension {
	for _, known := range dimensions {
		if known.name == d {
			return known
		}
	}
	return dimension{name: d, attribute: strings.TrimPrefix(d, "attributes.")}
}

// value returns what the contract calls the value of a ticket's keys, empty for none.
func (d dimension) value(brand string, keys *rollup.Keys) string {
	if d.enum == nil {
		return ref(brand, d.collection, keys.Text(d.of))
	}
	n := keys.Number(d.of)
	v := d.enum.Values().ByNumber(protoreflect.EnumNumber(n))
	if n == 0 || v == nil {
		return ""
	}
	return string(v.Name())
}

// attributeOf returns one value of an encoded object.
func attributeOf(column, key string) (string, error) {
	var attributes map[string]string
	if column == "{}" {
		return "", nil
	}
	err := json.Unmarshal([]byte(column), &attributes)
	return attributes[key], err
}
