package front

import (
	"context"
	"regexp"
	"strings"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"

	"github.com/concentric-cx/concentric/services/internal/fault"
)

// misreading finds the field in what the readers of bodies and of parameters say of one:
// that it is unknown, there twice, or has a value that is none of its own.
var misreading = regexp.MustCompile(`(unknown field|unknown query parameter|duplicate field|invalid value for \S+ field|parsing (?:field|list)) "?([A-Za-z0-9_.@]+)"?`)

// misread is the refusal of a request that cannot be read. It names the field, as the
// client wrote it, where the reader does, and what can stand there if that is one of some
// names.
func misread(ctx context.Context, message string) *fault.Error {
	message = strings.ReplaceAll(strings.TrimLeft(strings.TrimPrefix(message, "proto:"), "\u00a0 "), "\u00a0", " ")
	refusal := &fault.Error{Code: codes.InvalidArgument, Reason: "BAD_FIELD", Message: message}
	found := misreading.FindStringSubmatch(message)
	if found == nil {
		return refusal
	}
	field := fault.Field{Path: found[2], Reason: "BAD_VALUE", Description: "cannot have this value"}
	switch what, _, _ := strings.Cut(found[1], " "); what {
	case "unknown":
		field.Reason, field.Description = "UNKNOWN_FIELD", "is no field of the request"
	case "duplicate":
		field.Reason, field.Description = "DUPLICATE_FIELD", "is there twice"
	default:
		if names := choices(ctx, found[2][strings.LastIndexByte(found[2], '.')+1:]); len(names) > 0 {
			field.Description = "takes one of " + strings.Join(names, ", ")
			refusal.Message += "; it " + field.Description
		}
	}
	refusal.Fields = []fault.Field{field}
	return refusal
}

// choices returns the names that a field of the request takes, if it takes one of some and
// no other field is called the same and takes others.
func choices(ctx context.Context, field string) []string {
	method, _ := runtime.RPCMethod(ctx)
	d, err := protoregistry.GlobalFiles.FindDescriptorByName(protoreflect.FullName(strings.ReplaceAll(strings.TrimPrefix(method, "/"), "/", ".")))
	if err != nil {
		return nil
	}
	md, ok := d.(protoreflect.MethodDescriptor)
	if !ok {
		return nil
	}
	known := map[protoreflect.FullName]bool{}
	enums := map[protoreflect.FullName]protoreflect.EnumDescriptor{}
	var look func(protoreflect.MessageDescriptor)
	look = func(m protoreflect.MessageDescriptor) {
		if known[m.FullName()] {
			return
		}
		known[m.FullName()] = true
		for i := range m.Fields().Len() {
			f := m.Fields().Get(i)
			if e := f.Enum(); e != nil && (f.JSONName() == field || string(f.Name()) == field) {
				enums[e.FullName()] = e
			}
			if f.Message() != nil {
				look(f.Message())
			}
		}
	}
	look(md.Input())
	if len(enums) != 1 {
		return nil
	}
	var names []string
	for _, e := range enums {
		for i := range e.Values().Len() {
			if v := e.Values().Get(i); v.Number() != 0 {
				names = append(names, string(v.Name()))
			}
		}
	}
	return names
}
