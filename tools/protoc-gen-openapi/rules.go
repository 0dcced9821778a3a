package main

import (
	"strings"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// constraints returns the rules for one value as far as JSON Schema has words for them.
// Lenient rules are not for the zero value.
func constraints(f protoreflect.FieldDescriptor, rules *validate.FieldRules, lenient bool) object {
	if rules == nil {
		return nil
	}
	switch {
	case rules.GetString() != nil:
		return texts(rules.GetString(), lenient)
	case rules.GetEnum() != nil:
		return choices(f, rules.GetEnum(), lenient)
	case rules.GetBytes() != nil, rules.GetTimestamp() != nil, rules.GetDuration() != nil, rules.GetBool() != nil:
		return described(rules)
	}
	return numbers(rules, lenient)
}

// texts are the rules for a text.
func texts(r *validate.StringRules, lenient bool) (c object) {
	if !lenient {
		c = count(c, "minLength", r.MinLen)
	}
	c = count(c, "maxLength", r.MaxLen)
	if r.Len != nil {
		c = count(count(c, "minLength", r.Len), "maxLength", r.Len)
	}
	c = count(c, "x-maxBytes", r.MaxBytes)
	if p := r.GetPattern(); p != "" {
		if lenient {
			p = "^$|" + p
		}
		c = c.with("pattern", p)
	}
	switch {
	case r.GetEmail():
		c = c.with("format", "email")
	case r.GetUri():
		c = c.with("format", "uri")
	case r.GetUuid():
		if lenient {
			return c.with("pattern", "^$|^[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}$")
		}
		c = c.with("format", "uuid")
	}
	if len(r.GetIn()) > 0 {
		in := r.GetIn()
		if lenient {
			in = append([]string{""}, in...)
		}
		c = c.with("enum", in)
	}
	return c
}

// choices are the rules for an enum.
func choices(f protoreflect.FieldDescriptor, r *validate.EnumRules, lenient bool) (c object) {
	names := func(numbers []int32) (names []string) {
		for _, n := range numbers {
			if v := f.Enum().Values().ByNumber(protoreflect.EnumNumber(n)); v != nil && (n != 0 || !lenient) {
				names = append(names, string(v.Name()))
			}
		}
		return names
	}
	if in := names(r.GetIn()); len(in) > 0 && !lenient {
		c = c.with("enum", in)
	}
	if not := names(r.GetNotIn()); len(not) > 0 {
		c = c.with("not", object{{"enum", not}})
	}
	return c
}

// numbers are the rules for a number, which all kinds of them name alike.
func numbers(rules *validate.FieldRules, lenient bool) (c object) {
	m := rules.ProtoReflect()
	kind := m.WhichOneof(m.Descriptor().Oneofs().ByName("type"))
	if kind == nil || kind.Message() == nil {
		return nil
	}
	r := m.Get(kind).Message()
	for name, key := range map[protoreflect.Name]string{"const": "const"} {
		if fd := r.Descriptor().Fields().ByName(name); fd != nil && r.Has(fd) {
			c = c.with(key, r.Get(fd).Interface())
		}
	}
	for _, bound := range []struct {
		name  protoreflect.Name
		key   string
		lower bool
	}{{"gt", "exclusiveMinimum", true}, {"gte", "minimum", true}, {"lt", "exclusiveMaximum", false}, {"lte", "maximum", false}} {
		fd := r.Descriptor().Fields().ByName(bound.name)
		if fd == nil || !r.Has(fd) || lenient && bound.lower {
			continue
		}
		c = c.with(bound.key, r.Get(fd).Interface())
	}
	return c
}

// described keeps rules that JSON Schema has no words for in words of their own.
func described(rules *validate.FieldRules) object {
	m := rules.ProtoReflect()
	kind := m.WhichOneof(m.Descriptor().Oneofs().ByName("type"))
	text, rule := "", m.Get(kind).Message()
	for i := range rule.Descriptor().Fields().Len() { // Range would have another order each time
		fd := rule.Descriptor().Fields().Get(i)
		switch fd.Name() {
		case "gt", "gte", "lt", "lte", "min_len", "max_len", "within", "gt_now", "lt_now":
			if rule.Has(fd) {
				text += ", " + string(fd.Name()) + " " + valueText(fd, rule.Get(fd))
			}
		}
	}
	return object{}.text("x-bounds", strings.TrimPrefix(text, ", "))
}

// valueText writes a bound: a duration in seconds, anything else as it is.
func valueText(fd protoreflect.FieldDescriptor, v protoreflect.Value) string {
	if fd.Message() == nil {
		return v.String()
	}
	fields := fd.Message().Fields()
	return v.Message().Get(fields.ByName("seconds")).String() + "s"
}

// expressions returns the messages of rules in CEL.
func expressions(rules []*validate.Rule) (texts []string) {
	for _, r := range rules {
		if text := r.GetMessage(); text != "" {
			texts = append(texts, text)
		} else {
			texts = append(texts, r.GetExpression())
		}
	}
	return texts
}

// count adds a limit that is set.
func count(c object, key string, limit *uint64) object {
	if limit == nil {
		return c
	}
	return c.with(key, *limit)
}
