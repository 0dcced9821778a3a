package front

import (
	"fmt"
	"net/url"
	"strings"
	"sync"

	"github.com/grpc-ecosystem/grpc-gateway/v2/runtime"
	"github.com/grpc-ecosystem/grpc-gateway/v2/utilities"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
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
	return (&runtime.DefaultQueryParser{}).Parse(m, values, filter)
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
