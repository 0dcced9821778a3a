package rpc

import (
	"context"
	"strings"

	"buf.build/go/protovalidate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
)

// A plan is what the server needs to know of a message type, found out once.
type plan struct {
	fields    []field                      // those with something to check
	name      protoreflect.FieldDescriptor // says what the request acts on; nil if nothing does
	resource  protoreflect.FieldDescriptor // the message that name is in; nil if it is at the top
	requestID protoreflect.FieldDescriptor // nil if there is none
	etag      protoreflect.FieldDescriptor // of the version that the request is about; nil if there is none
}

// A field is one field of a plan. For lists and maps it describes the elements.
type field struct {
	desc      protoreflect.FieldDescriptor
	value     protoreflect.FieldDescriptor // of the element; of a map, its value
	kind      kind
	keys      bool  // a map whose keys are text
	reference bool  // the text names another resource
	most      int   // elements allowed; 0 says nothing
	inside    *plan // of kind message
}

// A kind says what can be wrong with a value beside the rules of its contract.
type kind int

const (
	harmless kind = iota
	text
	float
	enum
	timestamp
	duration
	message
)

// planner builds plans; a message type may contain itself.
type planner map[protoreflect.FullName]*plan

func (b planner) plan(md protoreflect.MessageDescriptor) *plan {
	if p, ok := b[md.FullName()]; ok {
		return p
	}
	p := &plan{}
	b[md.FullName()] = p
	for i := range md.Fields().Len() {
		fd := md.Fields().Get(i)
		f := b.field(fd)
		if f.kind != harmless || f.keys || f.most > 0 {
			p.fields = append(p.fields, f)
		}
		p.note(fd, f)
	}
	if resource, id, _, ok := mask.Request(md); ok && p.name == nil {
		p.resource, p.name = resource, id
		if p.etag == nil {
			p.etag = resource.Message().Fields().ByName("etag")
		}
	}
	return p
}

func (b planner) field(fd protoreflect.FieldDescriptor) field {
	f := field{desc: fd, value: fd}
	if fd.IsMap() {
		f.value = fd.MapValue()
		f.keys = fd.MapKey().Kind() == protoreflect.StringKind
	}
	f.kind = kindOf(f.value)
	if ref, ok := proto.GetExtension(fd.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference); ok {
		f.reference = f.kind == text && ref != nil
	}
	if rules, err := protovalidate.ResolveFieldRules(fd); err == nil {
		f.most = int(rules.GetRepeated().GetMaxItems() + rules.GetMap().GetMaxPairs())
	}
	if f.kind == message && isBatch(fd) {
		f.kind = harmless
	}
	if f.kind == message {
		f.inside = b.plan(f.value.Message())
	}
	return f
}

// note records what is special about a field at the top of a request.
func (p *plan) note(fd protoreflect.FieldDescriptor, f field) {
	if fd.Kind() != protoreflect.StringKind || fd.IsList() || fd.IsMap() {
		return
	}
	switch fd.Name() {
	case "request_id":
		p.requestID = fd
	case "etag":
		p.etag = fd
	case "parent":
		p.name = fd
	case "name":
		if p.name == nil || p.name.Name() != "parent" {
			p.name = fd
		}
	default:
		if f.reference && p.name == nil {
			p.name = fd
		}
	}
}

// Batch reports whether a request of the type may be as large as that of a batch.
func Batch(request protoreflect.MessageDescriptor) bool {
	for i := range request.Fields().Len() {
		if isBatch(request.Fields().Get(i)) {
			return true
		}
	}
	return false
}

// isBatch reports whether fd holds the items of a batch, which the method checks one by
// one: requests (AIP-231), or the items that an app has collected.
func isBatch(fd protoreflect.FieldDescriptor) bool {
	return (fd.Name() == "requests" || fd.Name() == "items") && fd.IsList() && fd.Kind() == protoreflect.MessageKind
}

func kindOf(fd protoreflect.FieldDescriptor) kind {
	switch fd.Kind() {
	case protoreflect.StringKind:
		return text
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return float
	case protoreflect.EnumKind:
		return enum
	case protoreflect.MessageKind, protoreflect.GroupKind:
		switch fd.Message().FullName() {
		case "google.protobuf.Timestamp":
			return timestamp
		case "google.protobuf.Duration":
			return duration
		}
		return message
	}
	return harmless
}

// subject returns the name of what the request acts on, or "".
func (p *plan) subject(m protoreflect.Message) string {
	switch {
	case p.name == nil:
		return ""
	case p.resource != nil:
		return m.Get(p.resource).Message().Get(p.name).String()
	}
	return m.Get(p.name).String()
}

// normalize gives the request the id and the etag that REST clients send as headers, and
// brings the id into lower case, so that one id has one form.
func (p *plan) normalize(ctx context.Context, m protoreflect.Message) error {
	if p.etag != nil {
		if err := p.match(ctx, m); err != nil {
			return err
		}
	}
	if p.requestID == nil {
		return nil
	}
	sent := m.Get(p.requestID).String()
	id := strings.ToLower(sent)
	if keys := metadata.ValueFromIncomingContext(ctx, idempotencyKey); len(keys) > 0 {
		key := strings.ToLower(keys[0])
		if len(keys) > 1 || key == "" { // whoever sends one does not want the call made twice
			return fault.Invalid(fault.Field{
				Path: "request_id", Reason: "IDEMPOTENCY_KEY", Description: "needs one Idempotency-Key, which is not empty",
			})
		}
		if id != "" && id != key {
			return fault.Invalid(fault.Field{
				Path: "request_id", Reason: "IDEMPOTENCY_KEY", Description: "differs from the Idempotency-Key of the call",
			})
		}
		id = key
	}
	if id != sent {
		m.Set(p.requestID, protoreflect.ValueOfString(id))
	}
	return nil
}

// ifMatch is the header that names the version a request is about: one etag in quotes.
const ifMatch = "if-match"

// match gives the request the etag of the call's If-Match.
func (p *plan) match(ctx context.Context, m protoreflect.Message) error {
	tags := metadata.ValueFromIncomingContext(ctx, ifMatch)
	if len(tags) == 0 {
		return nil
	}
	if p.etag.ContainingMessage() != m.Descriptor() {
		m = m.Mutable(p.resource).Message()
	}
	description := ""
	tag, opened := strings.CutPrefix(tags[0], `"`)
	tag, closed := strings.CutSuffix(tag, `"`)
	switch sent := m.Get(p.etag).String(); {
	case len(tags) > 1 || !opened || !closed || tag == "" || strings.Contains(tag, `"`):
		description = `If-Match is not one etag in quotes, such as "3"`
	case sent != "" && sent != tag:
		description = "differs from the If-Match of the call"
	default:
		m.Set(p.etag, protoreflect.ValueOfString(tag))
		return nil
	}
	return fault.Invalid(fault.Field{Path: "etag", Reason: "IF_MATCH", Description: description})
}
