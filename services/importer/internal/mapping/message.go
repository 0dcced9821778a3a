package mapping

import (
	"errors"
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
)

// A setter fills one field of a message, or leaves it alone where there is nothing to
// fill it with. at is the path of the message, for errors.
type setter func(s *scope, m protoreflect.Message, at string) error

// A message is how a message is filled.
type message []setter

func (m message) fill(s *scope, to protoreflect.Message, at string) error {
	for _, set := range m {
		if err := set(s, to, at); err != nil {
			return err
		}
	}
	return nil
}

// message compiles the fields of n for messages of type md. Keys in own are the
// caller's and no fields.
func (c *compiler) message(n *yaml.Node, md protoreflect.MessageDescriptor, own map[string]func(*yaml.Node)) message {
	var m message
	given := map[protoreflect.Name]bool{}
	for _, x := range c.d.members(n) {
		if h := own[x.key.Value]; h != nil {
			h(x.value)
			continue
		}
		fd := md.Fields().ByName(protoreflect.Name(x.key.Value))
		if fd == nil || !settable(fd) {
			c.d.errorf(x.key, "%s is not a field of a %s that can be set; those are %s", x.key.Value, md.Name(), fields(md))
			continue
		}
		if o := fd.ContainingOneof(); o != nil && !o.IsSynthetic() {
			if given[o.Name()] {
				c.d.errorf(x.key, "only one of %s can be given", fields(md))
			}
			given[o.Name()] = true
		}
		given[fd.Name()] = true
		if set := c.field(x, fd); set != nil {
			m = append(m, set)
		}
	}
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); settable(fd) && behaves(fd, annotations.FieldBehavior_REQUIRED) && !given[fd.Name()] {
			c.d.errorf(n, "%s is required", fd.Name())
		}
	}
	return m
}

// settable reports whether a mapping may fill fd.
func settable(fd protoreflect.FieldDescriptor) bool {
	switch fd.Name() {
	case "name", "request_id", "validate_only", "etag", "parent":
		return false
	}
	return !behaves(fd, annotations.FieldBehavior_OUTPUT_ONLY)
}

// fields lists what can be set in a message.
func fields(md protoreflect.MessageDescriptor) string {
	names := map[string]bool{}
	for i := range md.Fields().Len() {
		if fd := md.Fields().Get(i); settable(fd) {
			names[string(fd.Name())] = true
		}
	}
	return list(names)
}

func (c *compiler) field(x member, fd protoreflect.FieldDescriptor) setter {
	switch {
	case fd.IsMap():
		return c.mapField(x.value, fd)
	case fd.IsList():
		return c.listField(x.value, fd)
	case nested(fd):
		inner := c.message(x.value, fd.Message(), nil)
		return func(s *scope, m protoreflect.Message, at string) error {
			v := m.NewField(fd)
			if err := inner.fill(s, v.Message(), join(at, fd)); err != nil {
				return err
			}
			if proto.Size(v.Message().Interface()) > 0 {
				m.Set(fd, v)
			}
			return nil
		}
	default:
		v, required := c.single(x.value, fd), behaves(fd, annotations.FieldBehavior_REQUIRED)
		return func(s *scope, m protoreflect.Message, at string) error {
			got, err := v(s)
			if err == nil && required && !got.IsValid() {
				err = errors.New("empty")
			}
			if err != nil {
				return fmt.Errorf("%s: %w", join(at, fd), err)
			}
			if got.IsValid() {
				m.Set(fd, got)
			}
			return nil
		}
	}
}

// nested reports whether fd holds a message that has fields to fill.
func nested(fd protoreflect.FieldDescriptor) bool {
	return fd.Kind() == protoreflect.MessageKind && fd.Message().FullName() != timestampName && fd.Message().FullName() != durationName
}

// single compiles a value for one field. Constants and translations are converted
// here, so that a wrong one is a fault of the mapping and not of every row.
func (c *compiler) single(n *yaml.Node, fd protoreflect.FieldDescriptor) func(*scope) (protoreflect.Value, error) {
	read := c.value(n)
	at := n
	if n.Kind == yaml.AliasNode {
		at = n.Alias
	}
	if at.Kind == yaml.ScalarNode {
		text, _ := read(nil)
		v, err := c.convert(fd, plain(text))
		if err != nil {
			c.d.errorf(n, "%s: %v", fd.Name(), err)
		}
		return func(*scope) (protoreflect.Value, error) { return v, nil }
	}
	for _, x := range c.d.members(at) {
		switch x.key.Value {
		case "default":
			c.check(x.value, fd)
		case "map":
			for _, y := range c.d.members(x.value) {
				c.check(y.value, fd)
			}
		}
	}
	return func(s *scope) (protoreflect.Value, error) {
		v, err := read(s)
		if err != nil || v == nil {
			return protoreflect.Value{}, err
		}
		return c.convert(fd, v)
	}
}

// check says at once if the text of n could never be a value of fd. Times are left to
// the rows: their layout may be the value's own.
func (c *compiler) check(n *yaml.Node, fd protoreflect.FieldDescriptor) {
	text := c.d.text(n)
	if text == "" || fd.Kind() == protoreflect.MessageKind {
		return
	}
	if _, err := c.convert(fd, text); err != nil {
		c.d.errorf(n, "%s: %v", fd.Name(), err)
	}
}

func (c *compiler) mapField(n *yaml.Node, fd protoreflect.FieldDescriptor) setter {
	type pair struct {
		key  string
		read func(*scope) (protoreflect.Value, error)
	}
	var pairs []pair
	for _, x := range c.d.members(n) {
		pairs = append(pairs, pair{x.key.Value, c.single(x.value, fd.MapValue())})
	}
	return func(s *scope, m protoreflect.Message, at string) error {
		for _, p := range pairs {
			v, err := p.read(s)
			if err != nil {
				return fmt.Errorf("%s[%s]: %w", join(at, fd), p.key, err)
			}
			if v.IsValid() {
				m.Mutable(fd).Map().Set(protoreflect.ValueOfString(p.key).MapKey(), v)
			}
		}
		return nil
	}
}

// listField compiles a list. An element whose oneof nothing fills is left out: an
// answer that was not given is no answer.
func (c *compiler) listField(n *yaml.Node, fd protoreflect.FieldDescriptor) setter {
	var elements []setter
	for _, x := range c.d.items(n) {
		if !nested(fd) {
			read := c.single(x, fd)
			elements = append(elements, func(s *scope, m protoreflect.Message, at string) error {
				v, err := read(s)
				if err == nil && v.IsValid() {
					m.Mutable(fd).List().Append(v)
				}
				return err
			})
			continue
		}
		inner := c.message(x, fd.Message(), nil)
		elements = append(elements, func(s *scope, m protoreflect.Message, at string) error {
			l := m.Mutable(fd).List()
			v := l.NewElement()
			needs := len(s.needs)
			if err := inner.fill(s, v.Message(), join(at, fd)+"["+strconv.Itoa(l.Len())+"]"); err != nil {
				return err
			}
			if !chosen(v.Message()) {
				s.needs = s.needs[:needs]
				return nil
			}
			l.Append(v)
			return nil
		})
	}
	return func(s *scope, m protoreflect.Message, at string) error {
		return message(elements).fill(s, m, at)
	}
}

// chosen reports whether each oneof of m is filled.
func chosen(m protoreflect.Message) bool {
	oneofs := m.Descriptor().Oneofs()
	for i := range oneofs.Len() {
		if o := oneofs.Get(i); !o.IsSynthetic() && m.WhichOneof(o) == nil {
			return false
		}
	}
	return true
}

func join(at string, fd protoreflect.FieldDescriptor) string {
	if at == "" {
		return string(fd.Name())
	}
	return at + "." + string(fd.Name())
}
