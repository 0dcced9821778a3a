// Package mask changes the fields of a stored resource that an update names
// (AIP-134), and no others.
package mask

import (
	"fmt"
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// maxFaults is how many paths an error names.
const maxFaults = 16

// Apply copies the fields that mask names from patch to stored, both of one message
// type. Fields that patch does not set are cleared. A nil mask stands for every
// field that patch sets, and the path * for all that can be changed. A path may lead
// into a message, or to one key of a map of text: attributes.tenure.
//
// An empty mask, an unknown path and one that leads to a field which callers cannot
// change, such as the name or the etag, are faults; stored then stays as it is. Whether
// the merged resource is valid is for the caller to check. Apply keeps nothing of patch.
func Apply(stored, patch proto.Message, mask *fieldmaskpb.FieldMask) error {
	to, from := stored.ProtoReflect(), patch.ProtoReflect()
	switch paths := mask.GetPaths(); {
	case mask == nil:
		from.Range(func(fd protoreflect.FieldDescriptor, _ protoreflect.Value) bool {
			if changeable(fd) {
				copyField(to, from, fd)
			}
			return true
		})
		return nil
	case len(paths) == 0:
		return refuse(fault.Field{Reason: "mask.empty", Description: "must name at least one field, or be absent"})
	case len(paths) == 1 && paths[0] == "*":
		for i := range from.Descriptor().Fields().Len() {
			if fd := from.Descriptor().Fields().Get(i); changeable(fd) {
				copyField(to, from, fd)
			}
		}
		return nil
	default:
		return applyPaths(to, from, paths)
	}
}

// applyPaths copies what paths name, or nothing if one of them is wrong.
func applyPaths(to, from protoreflect.Message, paths []string) error {
	places := make([]place, len(paths))
	var faults []fault.Field
	for i, path := range paths {
		var reason, description string
		if places[i], reason, description = find(from.Descriptor(), path); reason != "" {
			faults = append(faults, fault.Field{Reason: reason, Description: fmt.Sprintf("%.100q %s", path, description)})
		}
		if len(faults) == maxFaults {
			break
		}
	}
	if len(faults) > 0 {
		return refuse(faults...)
	}
	for _, p := range places {
		p.copy(to, from)
	}
	return nil
}

func refuse(faults ...fault.Field) error {
	for i := range faults {
		faults[i].Path = "update_mask"
	}
	return fault.Invalid(faults...)
}

// A place is what one path leads to.
type place struct {
	within []protoreflect.FieldDescriptor // the messages on the way
	field  protoreflect.FieldDescriptor
	key    protoreflect.MapKey // one key of the map in field, if valid
}

// find follows path from md, or returns what is wrong with it.
func find(md protoreflect.MessageDescriptor, path string) (p place, reason, description string) {
	for {
		segment, rest, more := strings.Cut(path, ".")
		fd := md.Fields().ByName(protoreflect.Name(segment))
		if fd == nil {
			return p, "mask.unknown", "names no field"
		}
		if !changeable(fd) {
			return p, "mask.output_only", "cannot be changed"
		}
		p.field = fd
		switch {
		case !more:
			return p, "", ""
		case fd.IsMap() && fd.MapKey().Kind() == protoreflect.StringKind:
			p.key = protoreflect.ValueOfString(rest).MapKey()
			return p, "", ""
		case fd.Message() == nil || fd.IsList() || fd.IsMap() || strings.HasPrefix(string(fd.Message().FullName()), "google.protobuf."):
			return p, "mask.unknown", "names no field"
		}
		p.within = append(p.within, fd)
		md, path = fd.Message(), rest
	}
}

// copy copies what is in the place. Messages on the way come into being only for
// something to be in them.
func (p place) copy(to, from protoreflect.Message) {
	for _, fd := range p.within {
		if !from.Has(fd) && !to.Has(fd) {
			return
		}
		to, from = to.Mutable(fd).Message(), from.Get(fd).Message()
	}
	if !p.key.IsValid() {
		copyField(to, from, p.field)
		return
	}
	if source := from.Get(p.field).Map(); !source.Has(p.key) {
		if to.Has(p.field) {
			to.Mutable(p.field).Map().Clear(p.key)
		}
	} else {
		to.Mutable(p.field).Map().Set(p.key, cloneValue(p.field.MapValue(), source.Get(p.key)))
	}
}

// copyField makes the field of to a copy of that of from.
func copyField(to, from protoreflect.Message, fd protoreflect.FieldDescriptor) {
	to.Clear(fd)
	if from.Has(fd) {
		alone := from.New()
		alone.Set(fd, from.Get(fd))
		proto.Merge(to.Interface(), alone.Interface()) // which copies
	}
}

func cloneValue(fd protoreflect.FieldDescriptor, v protoreflect.Value) protoreflect.Value {
	if fd.Message() == nil {
		return v
	}
	return protoreflect.ValueOfMessage(proto.Clone(v.Message().Interface()).ProtoReflect())
}

// changeable reports whether callers may change the field.
func changeable(fd protoreflect.FieldDescriptor) bool {
	return !slices.ContainsFunc(behavior(fd), func(b annotations.FieldBehavior) bool {
		return b == annotations.FieldBehavior_OUTPUT_ONLY || b == annotations.FieldBehavior_IDENTIFIER || b == annotations.FieldBehavior_IMMUTABLE
	})
}

func behavior(fd protoreflect.FieldDescriptor) []annotations.FieldBehavior {
	all, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return all
}
