package abuse

import (
	"slices"
	"strings"
	"testing"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/mask"
)

// everyRows spoil one field after another of a call of each method of the ticket, the
// survey and the journey service.
func everyRows() []row {
	with := func(field protoreflect.Name, value protoreflect.Value, want ask) func(*testing.T, *suite, surface, proto.Message) {
		return func(t *testing.T, s *suite, way surface, req proto.Message) {
			f := req.ProtoReflect().Descriptor().Fields().ByName(field)
			if f == nil {
				return
			}
			req.ProtoReflect().Set(f, value)
			want.req, want.key = req, others
			want.want(t, way, s.send(t, way, want))
		}
	}
	return []row{
		each("A02", "a request_id that is no UUID, on every method", onEvery(with("request_id", protoText("seven"), ask{code: invalid, field: "request_id"}))),
		each("A05", "the request_id of another method, on every method", onEvery(taken)),
		each("A27", "a NUL wherever there may be a text", onEvery(func(t *testing.T, s *suite, way surface, req proto.Message) {
			for _, p := range texts(req.ProtoReflect().Descriptor(), nil) {
				spoilt := proto.Clone(req)
				p.fill(spoilt, "a\x00b")
				if way == onGRPC || p.inBody() { // no path has a NUL, but for names: see G33
					t.Run(p.String(), func(t *testing.T) { s.denied(t, way, ask{req: spoilt, key: others, code: invalid}) })
				}
			}
		})),
		each("A33", "a name with more segments wherever there may be one", onEvery(func(t *testing.T, s *suite, way surface, req proto.Message) {
			for _, p := range spots(req.ProtoReflect().Descriptor(), nil) {
				spoilt := proto.Clone(req)
				p.fill(spoilt, "brands/other/a/b/c/d/e/f/g/h")
				if (way == onGRPC || p.inBody()) && !p.fixed() { // no path is that long
					t.Run(p.String(), func(t *testing.T) { s.denied(t, way, ask{req: spoilt, key: others, code: invalid}) })
				}
			}
		})),
		each("A34", "junk for a page token, on every list", onEvery(with("page_token", protoText("junk"), ask{code: invalid, field: "page_token"}))),
		each("A35", "a negative page size, on every list", onEvery(with("page_size", protoreflect.ValueOfInt32(-1), ask{code: invalid, field: "page_size"}))),
		each("T60", "a filter that is none, on every list", onEvery(with("filter", protoText("(("), ask{code: invalid, field: "filter"}))),
		each("T61", "an order that is none, on every list", onEvery(with("order_by", protoText("nonsense"), ask{code: invalid, field: "order_by"}))),
		each("T40", "an etag of another time, on every method", onEvery(with("etag", protoText("999"), ask{code: codes.Aborted, reason: "STALE"}))),
		each("T42", "an empty mask, on every update", onEvery(with("update_mask", masking(), ask{code: invalid, field: "update_mask"}))),
		each("T43", "a mask of an unknown field, on every update", onEvery(with("update_mask", masking("nonsense"), ask{code: invalid, field: "update_mask"}))),
		each("T44", "a mask of the name, on every update", onEvery(with("update_mask", masking("name"), ask{code: invalid, field: "update_mask"}))),
		each("A37", "a method without its scope, every one", onEvery(func(t *testing.T, s *suite, way surface, req proto.Message) {
			a := ask{req: req, key: lame, code: codes.PermissionDenied, reason: "SCOPE_MISSING"}
			a.want(t, way, s.send(t, way, a))
		})),
	}
}

func masking(paths ...string) protoreflect.Value {
	return protoreflect.ValueOfMessage((&fieldmaskpb.FieldMask{Paths: paths}).ProtoReflect())
}

// onEvery does something to a call of each method, which must change nothing.
func onEvery(do func(t *testing.T, s *suite, way surface, req proto.Message)) func(*testing.T, *suite, surface) {
	return func(t *testing.T, s *suite, way surface) {
		before := s.settled(t)
		for _, req := range calls("brands/other", s.made["brands/other"]) {
			m := methodOf(req)
			if way == onREST && !onWeb(m) {
				continue
			}
			t.Run(string(m.Name()), func(t *testing.T) { do(t, s, way, proto.Clone(req)) })
		}
		s.unchanged(t, before)
	}
}

// usedID is a request_id of the brand other, in each service.
const usedID = "1f0f6a2c-6a3e-4e0e-9a51-7f6f0d1c2b3a"

// taken sends req with a request_id that belongs to another method of the service.
func taken(t *testing.T, s *suite, way surface, req proto.Message) {
	f := req.ProtoReflect().Descriptor().Fields().ByName("request_id")
	_, of1 := req.(*ticketv1.CreatePartnerRequest)
	_, of2 := req.(*surveyv1.CreateSurveyRequest)
	_, of3 := req.(*journeyv1.CreateCustomerRequest)
	_, of4 := req.(*gatewayv1.CreateApiKeyRequest)
	if f == nil || of1 || of2 || of3 || of4 {
		return
	}
	req.ProtoReflect().Set(f, protoText(usedID))
	a := ask{req: req, key: others, code: exists, reason: "IDEMPOTENCY_MISMATCH"}
	a.want(t, way, s.send(t, way, a))
}

// fixed reports whether the spot is in a resource that changes, in a field of it that never
// does: what a caller sends there is left alone.
func (p spot) fixed() bool {
	behavior, _ := proto.GetExtension(p.fields[len(p.fields)-1].Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	_, _, _, update := mask.Request(p.fields[0].ContainingMessage())
	return update && slices.Contains(behavior, annotations.FieldBehavior_IMMUTABLE)
}

// inBody reports whether REST has the spot where names need not fit a path.
func (p spot) inBody() bool {
	first := p.fields[0]
	rule := proto.GetExtension(methodOf(newMessage(first.ContainingMessage())).Options(), annotations.E_Http).(*annotations.HttpRule)
	_, path := route(rule)
	for _, v := range variable.FindAllStringSubmatch(path, -1) {
		if v[1] == p.String() {
			return false
		}
	}
	return true
}

// texts finds the places in messages of a type where a caller puts texts, but for
// those in maps.
func texts(md protoreflect.MessageDescriptor, way []protoreflect.FieldDescriptor) (found []spot) {
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		fields := append(slices.Clone(way), f)
		behavior, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
		switch {
		case slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY), slices.Contains(behavior, annotations.FieldBehavior_IDENTIFIER), f.IsMap():
			// nobody reads it
		case f.Message() != nil && strings.HasPrefix(string(f.Message().FullName()), "concentric."):
			found = append(found, texts(f.Message(), fields)...)
		case f.Kind() == protoreflect.StringKind:
			found = append(found, spot{fields: fields})
		}
	}
	return found
}
