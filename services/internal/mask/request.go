package mask

import (
	"slices"
	"strings"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
)

// Request returns the parts of an update request (AIP-134): the resource, the name of
// the resource in it, and the mask; ok is false if md is none.
func Request(md protoreflect.MessageDescriptor) (resource, name, mask protoreflect.FieldDescriptor, ok bool) {
	mask = md.Fields().ByName("update_mask")
	if mask == nil || mask.Message() == nil || mask.Message().FullName() != "google.protobuf.FieldMask" {
		return nil, nil, nil, false
	}
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		if fd.Message() == nil || fd.IsList() || fd.IsMap() {
			continue
		}
		name = fd.Message().Fields().ByName("name")
		if name != nil && name.Kind() == protoreflect.StringKind && slices.Contains(behavior(name), annotations.FieldBehavior_IDENTIFIER) {
			return fd, name, mask, true
		}
	}
	return nil, nil, nil, false
}

// OfBody returns the mask of an update that names no fields but brings the given
// paths: its fields as a whole, without those that callers cannot change, since whoever
// has read a resource may send all of it back.
func OfBody(resource protoreflect.MessageDescriptor, paths []string) *fieldmaskpb.FieldMask {
	mask := &fieldmaskpb.FieldMask{}
	for _, path := range paths {
		field, _, _ := strings.Cut(path, ".")
		fd := resource.Fields().ByName(protoreflect.Name(field))
		if fd != nil && changeable(fd) && !slices.Contains(mask.Paths, field) {
			mask.Paths = append(mask.Paths, field)
		}
	}
	return mask
}
