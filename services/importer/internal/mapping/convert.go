package mapping

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// The messages that are filled from one value rather than from fields.
const (
	timestampName = protoreflect.FullName("google.protobuf.Timestamp")
	durationName  = protoreflect.FullName("google.protobuf.Duration")
)

// convert makes of v what field fd holds. v is not nil.
func (c *compiler) convert(fd protoreflect.FieldDescriptor, v any) (protoreflect.Value, error) {
	var none protoreflect.Value
	switch fd.Kind() {
	case protoreflect.StringKind:
		if _, ok := v.(time.Time); ok {
			return none, errors.New("a time cannot stand here")
		}
		text, err := c.reference(fd, plain(v))
		return protoreflect.ValueOfString(text), err
	case protoreflect.EnumKind:
		n, err := enumNumber(fd.Enum(), plain(v))
		return protoreflect.ValueOfEnum(n), err
	case protoreflect.Int32Kind:
		n, err := whole(v, math.MaxInt32)
		return protoreflect.ValueOfInt32(int32(n)), err
	case protoreflect.Int64Kind:
		n, err := whole(v, 1<<53)
		return protoreflect.ValueOfInt64(n), err
	case protoreflect.DoubleKind:
		f, err := strconv.ParseFloat(strings.TrimSpace(plain(v)), 64)
		if err != nil {
			return none, fmt.Errorf("%s is no number", quote(plain(v)))
		}
		return protoreflect.ValueOfFloat64(f), nil
	case protoreflect.BoolKind:
		switch plain(v) {
		case "true":
			return protoreflect.ValueOfBool(true), nil
		case "false":
			return protoreflect.ValueOfBool(false), nil
		}
		return none, fmt.Errorf("%s is not true or false", quote(plain(v)))
	case protoreflect.MessageKind:
		return c.convertMessage(fd.Message().FullName(), v)
	}
	return none, fmt.Errorf("a field of kind %s cannot be mapped", fd.Kind())
}

func (c *compiler) convertMessage(name protoreflect.FullName, v any) (protoreflect.Value, error) {
	switch name {
	case timestampName:
		t, ok := v.(time.Time)
		if !ok {
			var err error
			if t, err = c.m.clock.parse(plain(v)); err != nil {
				return protoreflect.Value{}, err
			}
		}
		return protoreflect.ValueOfMessage(timestamppb.New(t).ProtoReflect()), nil
	case durationName:
		d, err := time.ParseDuration(plain(v))
		if err != nil {
			return protoreflect.Value{}, fmt.Errorf("%s is no duration, such as 72h", quote(plain(v)))
		}
		return protoreflect.ValueOfMessage(durationpb.New(d).ProtoReflect()), nil
	}
	return protoreflect.Value{}, fmt.Errorf("a %s must be a mapping of its fields", name)
}

// whole reads a whole number of at most limit on either side of zero; 4.0 is one.
func whole(v any, limit float64) (int64, error) {
	f, err := strconv.ParseFloat(strings.TrimSpace(plain(v)), 64)
	if err != nil || f != math.Trunc(f) || math.Abs(f) > limit {
		return 0, fmt.Errorf("%s is no whole number", quote(plain(v)))
	}
	return int64(f), nil
}

// enumNumber finds a value by its name, with or without the enum's prefix.
func enumNumber(ed protoreflect.EnumDescriptor, text string) (protoreflect.EnumNumber, error) {
	values := ed.Values()
	prefix := strings.TrimSuffix(string(values.Get(0).Name()), "UNSPECIFIED")
	for _, name := range []string{text, prefix + text} {
		if v := values.ByName(protoreflect.Name(name)); v != nil && v.Number() != 0 {
			return v.Number(), nil
		}
	}
	names := make([]string, 0, values.Len())
	for i := 1; i < values.Len(); i++ {
		names = append(names, strings.TrimPrefix(string(values.Get(i).Name()), prefix))
	}
	return 0, fmt.Errorf("%s is none of %s", quote(text), strings.Join(names, ", "))
}

// reference makes a resource name of an external id where fd refers to a resource.
func (c *compiler) reference(fd protoreflect.FieldDescriptor, text string) (string, error) {
	r, _ := proto.GetExtension(fd.Options(), annotations.E_ResourceReference).(*annotations.ResourceReference)
	if r == nil || strings.HasPrefix(text, "brands/") {
		return text, nil
	}
	collection, err := collectionOf(r.GetType())
	if err != nil {
		return "", err
	}
	return c.brand + "/" + collection + "/" + ID(text), nil
}

// collectionOf names the collection of resources that live directly under a brand.
func collectionOf(resource string) (string, error) {
	switch kind := strings.TrimPrefix(resource, "concentric.dev/"); kind {
	case "Customer", "Survey", "Agent", "Team", "Partner", "Ticket", "TouchpointDefinition":
		return strings.ToLower(kind[:1]) + kind[1:] + "s", nil
	default:
		return "", fmt.Errorf("a %s can only be named by `ref`", strings.ToLower(kind))
	}
}

// behaves reports whether fd is marked with behavior b.
func behaves(fd protoreflect.FieldDescriptor, b annotations.FieldBehavior) bool {
	list, _ := proto.GetExtension(fd.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(list, b)
}
