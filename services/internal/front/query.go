package front

import (
	"fmt"
	"net/url"
	"slices"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	"github.com/concentric-cx/concentric/services/internal/mask"
)

// A strict parser refuses query parameters that the request has no field for, which
// the gateway's own ignores: a misspelled filter must not answer for everyone.
type strict struct{}

// beStrict makes strict the parser of the process: the gateway has one for all, and
// setting it while calls are served would be a race.
var beStrict = sync.OnceFunc(func() { runtime.NewServeMux(runtime.SetQueryParameterParser(strict{})) })

// Parse implements runtime.QueryParameterParser.
func (strict) Parse(m proto.Message, values url.Values, filter *utilities.DoubleArray) error {
	for key := range values {
		if !hasField(m.ProtoReflect().Descriptor(), key) {
			return fmt.Errorf("unknown query parameter %.100q", key)
		}
	}
	if err := (&runtime.DefaultQueryParser{}).Parse(m, values, filter); err != nil {
		return err
	}
	settleMask(m.ProtoReflect(), values)
	return nil
}

// settleMask gives an update the mask that its caller means. One in the query is in
// the spelling of JSON, as in a body. Without one the gateway has put there whatever
// the body has, as deep as it goes.
func settleMask(m protoreflect.Message, values url.Values) {
	resource, _, fd, ok := mask.Request(m.Descriptor())
	if !ok {
		return
	}
	update, ok := m.Get(fd).Message().Interface().(*fieldmaskpb.FieldMask)
	if !ok {
		return
	}
	if !values.Has(string(fd.Name())) && !values.Has(fd.JSONName()) {
		m.Set(fd, protoreflect.ValueOfMessage(mask.OfBody(resource.Message(), update.GetPaths()).ProtoReflect()))
		return
	}
	update.Paths = slices.DeleteFunc(update.GetPaths(), func(path string) bool { return path == "" })
	for i, path := range update.GetPaths() {
		update.Paths[i] = fieldNames(resource.Message(), path)
	}
}

// fieldNames returns path with the names of fields as the contract spells them. What
// is no field stays as it is.
func fieldNames(md protoreflect.MessageDescriptor, path string) string {
	segments := strings.Split(path, ".")
	for i, segment := range segments {
		fd := md.Fields().ByName(protoreflect.Name(segment))
		if fd == nil {
			fd = md.Fields().ByJSONName(segment)
		}
		if fd == nil {
			break
		}
		segments[i] = string(fd.Name())
		if md = fd.Message(); md == nil || fd.IsMap() {
			break
		}
	}
	return strings.Join(segments, ".")
}

// hasField reports whether path leads to a field, by either spelling of the names.
func hasField(md protoreflect.MessageDescriptor, path string) bool {
	path, _, _ = strings.Cut(path, "[") // the key of a map
	for segment := range strings.SplitSeq(path, ".") {
		if md == nil {
			return false
		}
		fd := md.Fields().ByTextName(segment)
		if fd == nil {
			fd = md.Fields().ByJSONName(segment)
		}
		if fd == nil {
			return false
		}
		md = fd.Message() // nil for anything else
	}
	return true
}
