package rpc

import (
	"errors"
	"strings"
	"testing"

	"buf.build/go/protovalidate"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/dynamicpb"

	_ "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	_ "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	_ "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	_ "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	_ "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// A server compiles the rules of a request when the first one comes: doing it for
// all at the start costs a quarter of a second and 12 MB.
func TestTheRulesOfEveryContractCompile(t *testing.T) {
	requests := 0
	protoregistry.GlobalFiles.RangeFiles(func(file protoreflect.FileDescriptor) bool {
		if !strings.HasPrefix(string(file.Package()), "concentric.") {
			return true
		}
		for i := range file.Services().Len() {
			methods := file.Services().Get(i).Methods()
			for j := range methods.Len() {
				requests++
				err := protovalidate.Validate(dynamicpb.NewMessage(methods.Get(j).Input()))
				if e, ok := errors.AsType[*protovalidate.CompilationError](err); ok {
					t.Errorf("%s: %v", methods.Get(j).FullName(), e)
				}
			}
		}
		return true
	})
	if requests < 90 {
		t.Errorf("%d requests were looked at, want all", requests)
	}
}
