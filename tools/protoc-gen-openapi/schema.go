package main

import (
	"cmp"
	"slices"
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// schemas are those of the messages and enums that the document speaks of.
type schemas struct {
	byName map[string]object
	order  []string
}

// ref returns a reference to the schema of a message or an enum, which it adds.
func (s *schemas) ref(d protoreflect.Descriptor) object {
	name := schemaName(d)
	if _, ok := s.byName[name]; !ok {
		s.byName[name] = nil // a message may contain itself
		s.order = append(s.order, name)
		switch d := d.(type) {
		case protoreflect.EnumDescriptor:
			s.byName[name] = enumSchema(d)
		case protoreflect.MessageDescriptor:
			s.byName[name] = s.message(d, nil)
		}
	}
	return object{{"$ref", "#/components/schemas/" + name}}
}

// partial returns a reference to the schema of a message of which any field may be
// missing.
func (s *schemas) partial(md protoreflect.MessageDescriptor) object {
	name := schemaName(md) + ".Changes"
	if _, ok := s.byName[name]; !ok {
		s.order = append(s.order, name)
		s.byName[name] = slices.DeleteFunc(s.message(md, nil), func(m member) bool { return m.key == "required" || m.key == "allOf" || m.key == "x-rules" })
	}
	return object{{"$ref", "#/components/schemas/" + name}}
}

// schemaName is the full name of d without what all have in common.
func schemaName(d protoreflect.Descriptor) string {
	return strings.TrimPrefix(string(d.FullName()), "concentric.")
}

// message returns the schema of a message without the fields that are elsewhere in a call.
func (s *schemas) message(md protoreflect.MessageDescriptor, without []string) object {
	properties, required, all := object{}, []string{}, []any{}
	for i := range md.Fields().Len() {
		f := md.Fields().Get(i)
		if slices.Contains(without, string(f.Name())) {
			continue
		}
		properties = properties.with(f.JSONName(), s.field(f))
		if behaves(f, annotations.FieldBehavior_REQUIRED) {
			required = append(required, f.JSONName())
		}
	}
	for i := range md.Oneofs().Len() {
		if o := md.Oneofs().Get(i); !o.IsSynthetic() {
			all = append(all, oneof(o))
		}
	}
	schema := object{{"type", "object"}}.text("description", comment(md)).with("properties", properties)
	if len(required) > 0 {
		schema = schema.with("required", required)
	}
	if len(all) > 0 {
		schema = schema.with("allOf", all)
	}
	rules, _ := proto.GetExtension(md.Options(), validate.E_Message).(*validate.MessageRules)
	if texts := expressions(rules.GetCel()); len(texts) > 0 {
		schema = schema.with("x-rules", texts)
	}
	return schema.with("additionalProperties", false)
}

// oneof says that of several fields at most one may be there, or exactly one.
func oneof(o protoreflect.OneofDescriptor) object {
	var choices, any []any
	for i := range o.Fields().Len() {
		choice := object{{"required", []string{o.Fields().Get(i).JSONName()}}}
		choices, any = append(choices, choice), append(any, choice)
	}
	if rules, _ := proto.GetExtension(o.Options(), validate.E_Oneof).(*validate.OneofRules); !rules.GetRequired() {
		choices = append(choices, object{{"not", object{{"anyOf", any}}}})
	}
	return object{{"oneOf", choices}}
}

// field returns the schema of a field.
func (s *schemas) field(f protoreflect.FieldDescriptor) object {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	lenient := rules.GetIgnore() == validate.Ignore_IGNORE_IF_ZERO_VALUE
	var schema object
	switch {
	case f.IsMap():
		r := cmp.Or(rules.GetMap(), &validate.MapRules{})
		schema = object{{"type", "object"}}
		if keys := constraints(f.MapKey(), r.GetKeys(), false); len(keys) > 0 {
			schema = schema.with("propertyNames", keys)
		}
		schema = schema.with("additionalProperties", s.value(f.MapValue(), r.GetValues(), false))
		schema = count(schema, "minProperties", r.MinPairs)
		schema = count(schema, "maxProperties", r.MaxPairs)
	case f.IsList():
		r := cmp.Or(rules.GetRepeated(), &validate.RepeatedRules{})
		schema = object{{"type", "array"}, {"items", s.value(f, r.GetItems(), false)}}
		if !lenient {
			schema = count(schema, "minItems", r.MinItems)
		}
		schema = count(schema, "maxItems", r.MaxItems)
		if r.GetUnique() {
			schema = schema.with("uniqueItems", true)
		}
	default:
		schema = s.value(f, rules, lenient)
	}
	return annotate(schema, f, rules)
}

// annotate adds what is said about a field beside its type.
func annotate(schema object, f protoreflect.FieldDescriptor, rules *validate.FieldRules) object {
	schema = schema.text("description", comment(f))
	switch {
	case behaves(f, annotations.FieldBehavior_OUTPUT_ONLY):
		schema = schema.with("readOnly", true)
	case behaves(f, annotations.FieldBehavior_INPUT_ONLY):
		schema = schema.with("writeOnly", true)
	}
	if texts := expressions(rules.GetCel()); len(texts) > 0 {
		schema = schema.with("x-rules", texts)
	}
	return schema.text("x-pii", pii(f))
}

// value returns the schema of one value of a field.
func (s *schemas) value(f protoreflect.FieldDescriptor, rules *validate.FieldRules, lenient bool) object {
	if md := f.Message(); md != nil {
		if known := wellKnown(md); known != nil {
			return append(known, constraints(f, rules, lenient)...)
		}
		return s.ref(md)
	}
	if f.Enum() != nil {
		return append(s.ref(f.Enum()), constraints(f, rules, lenient)...)
	}
	return append(scalar(f.Kind()), constraints(f, rules, lenient)...)
}

// scalar returns the JSON form of a kind.
func scalar(kind protoreflect.Kind) object {
	switch kind {
	case protoreflect.BoolKind:
		return object{{"type", "boolean"}}
	case protoreflect.StringKind:
		return object{{"type", "string"}}
	case protoreflect.BytesKind:
		return object{{"type", "string"}, {"contentEncoding", "base64"}}
	case protoreflect.FloatKind, protoreflect.DoubleKind:
		return object{{"type", "number"}, {"format", "double"}}
	case protoreflect.Int64Kind, protoreflect.Sint64Kind, protoreflect.Sfixed64Kind,
		protoreflect.Uint64Kind, protoreflect.Fixed64Kind: // answers have texts, so that no digit is lost
		return object{{"type", []string{"string", "integer"}}, {"format", "int64"}}
	}
	return object{{"type", "integer"}, {"format", "int32"}}
}

// wellKnown returns the JSON form of messages that have one of their own, or nil.
func wellKnown(md protoreflect.MessageDescriptor) object {
	switch md.FullName() {
	case "google.protobuf.Timestamp":
		return object{{"type", "string"}, {"format", "date-time"}}
	case "google.protobuf.Duration":
		return object{{"type", "string"}, {"pattern", `^-?[0-9]+(\.[0-9]{1,9})?s$`}}
	case "google.protobuf.FieldMask":
		return object{{"type", "string"}}
	case "google.protobuf.Empty", "google.protobuf.Struct":
		return object{{"type", "object"}}
	case "google.protobuf.Any":
		return object{{"type", "object"}, {"properties", object{{"@type", object{{"type", "string"}}}}}}
	case "google.protobuf.Value":
		return object{}.with("x-any", true)
	}
	return nil
}

// enumSchema lists the values of an enum and what they mean.
func enumSchema(ed protoreflect.EnumDescriptor) object {
	var names []string
	var meanings strings.Builder
	meanings.WriteString(comment(ed))
	for i := range ed.Values().Len() {
		v := ed.Values().Get(i)
		names = append(names, string(v.Name()))
		if text := comment(v); text != "" {
			meanings.WriteString("\n* `" + string(v.Name()) + "`: " + strings.ReplaceAll(text, "\n", " "))
		}
	}
	return object{{"type", "string"}, {"enum", names}}.text("description", strings.TrimSpace(meanings.String()))
}

// behaves reports whether the field has the behavior.
func behaves(f protoreflect.FieldDescriptor, b annotations.FieldBehavior) bool {
	all, _ := proto.GetExtension(f.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(all, b)
}

// pii returns how a field relates to a person, or "".
func pii(f protoreflect.FieldDescriptor) (name string) {
	f.Options().ProtoReflect().Range(func(option protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if option.FullName() == "concentric.type.v1.pii" {
			name = string(option.Enum().Values().ByNumber(v.Enum()).Name())
		}
		return name == ""
	})
	return strings.TrimPrefix(name, "PII_")
}

// comment returns what the contract says above d, as one paragraph a paragraph.
func comment(d protoreflect.Descriptor) string {
	text := d.ParentFile().SourceLocations().ByDescriptor(d).LeadingComments
	var paragraphs []string
	for paragraph := range strings.SplitSeq(text, "\n\n") {
		lines := strings.Fields(paragraph)
		if len(lines) > 0 {
			paragraphs = append(paragraphs, strings.Join(lines, " "))
		}
	}
	return strings.Join(paragraphs, "\n\n")
}
