package api

import (
	"encoding/json"
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// A dimension is one way to group tickets.
type dimension struct {
	name   string // as in the contract
	column string // of the store
	value  func(column string) (string, error)
}

// enums are the dimensions whose values are names of an enum.
var enums = map[string]protoreflect.EnumDescriptor{
	"channel":    typev1.Channel(0).Descriptor(),
	"handling":   typev1.Handling(0).Descriptor(),
	"issue_kind": ticketv1.Ticket_IssueKind(0).Descriptor(),
	"stage":      typev1.Stage(0).Descriptor(),
	"phase":      typev1.Phase(0).Descriptor(),
	"priority":   ticketv1.Ticket_Priority(0).Descriptor(),
}

// newDimension returns the dimension called d, which the contract has checked:
// the name of an enum or a reference is that of its column.
func newDimension(brand, d string) dimension {
	if key, ok := strings.CutPrefix(d, "attributes."); ok {
		return dimension{name: d, column: "attributes", value: func(column string) (string, error) {
			var attributes map[string]string
			if column == "{}" {
				return "", nil
			}
			err := json.Unmarshal([]byte(column), &attributes)
			return attributes[key], err
		}}
	}
	if enum, ok := enums[d]; ok {
		return dimension{name: d, column: d, value: func(column string) (string, error) {
			n, err := strconv.ParseInt(column, 10, 32)
			v := enum.Values().ByNumber(protoreflect.EnumNumber(n))
			if err != nil || n == 0 || v == nil {
				return "", err
			}
			return string(v.Name()), nil
		}}
	}
	return dimension{name: d, column: d, value: func(column string) (string, error) {
		return ref(brand, d+"s", column), nil
	}}
}
