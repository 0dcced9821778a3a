package mapping

import (
	"fmt"
	"strconv"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/reflect/protoreflect"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// An entry is how one event or interaction of a history is made, or many that are alike.
type entry struct {
	each string                     // the alias of the rows of which each makes one; empty for a single one
	when func(*scope) (bool, error) // nil for always
	body message
}

// history compiles an item that makes a ticket with all that happened to it. own are the
// keys that every item has.
func (c *compiler) history(it *item, n *yaml.Node, own map[string]func(*yaml.Node)) {
	fields := (&ticketv1.ImportTicketsRequest{}).ProtoReflect().Descriptor().Fields()
	delete(own, "each")
	own["ticket"] = func(n *yaml.Node) {
		fd := fields.ByName("ticket")
		inner := c.message(n, fd.Message(), nil)
		it.body = append(it.body, func(s *scope, m protoreflect.Message, at string) error {
			return inner.fill(s, m.Mutable(fd).Message(), join(at, fd))
		})
	}
	for _, list := range []protoreflect.Name{"events", "interactions"} {
		own[string(list)] = func(n *yaml.Node) { it.body = append(it.body, c.entries(n, fields.ByName(list))) }
	}
	own["oddities"] = func(n *yaml.Node) {
		for _, x := range c.d.members(n) {
			it.odd = append(it.odd, odd{text: x.key.Value, when: c.bareCondition(x.value)})
		}
	}
	if !c.d.object(n, own)["ticket"] {
		c.d.errorf(n, "ticket is required")
	}
}

// bareCondition compiles a condition that needs no reason.
func (c *compiler) bareCondition(n *yaml.Node) (met func(*scope) (bool, error)) {
	if !c.d.object(n, map[string]func(*yaml.Node){"cel": func(n *yaml.Node) { met = c.condition(n) }})["cel"] {
		c.d.errorf(n, "`cel`, the condition, must stand here")
	}
	return met
}

// entries compiles the list fd of a history. Entries for each of the same rows that
// stand side by side take turns: all of the first row, then all of the second.
func (c *compiler) entries(n *yaml.Node, fd protoreflect.FieldDescriptor) setter {
	var turns [][]entry
	for _, x := range c.d.items(n) {
		e := c.entry(x, fd.Message())
		if last := len(turns) - 1; last >= 0 && turns[last][0].each == e.each {
			turns[last] = append(turns[last], e)
			continue
		}
		turns = append(turns, []entry{e})
	}
	return func(s *scope, m protoreflect.Message, at string) error {
		for _, turn := range turns {
			if err := c.turn(turn, s, m.Mutable(fd).List(), join(at, fd)); err != nil {
				return err
			}
		}
		return nil
	}
}

func (c *compiler) entry(n *yaml.Node, md protoreflect.MessageDescriptor) (e entry) {
	for _, x := range c.d.members(n) {
		if x.key.Value == "each" {
			e.each = c.several(x.value)
		}
	}
	c.each = e.each
	e.body = c.message(n, md, map[string]func(*yaml.Node){
		"each": func(*yaml.Node) {},
		"when": func(n *yaml.Node) { e.when = c.bareCondition(n) },
	})
	c.each = ""
	return e
}

// turn adds what entries of the same rows make.
func (c *compiler) turn(entries []entry, s *scope, to protoreflect.List, at string) error {
	if entries[0].each == "" {
		return add(entries, s, to, at)
	}
	for i, row := range s.in.list(entries[0].each) {
		inner := s.of(entries[0].each, i)
		if err := add(entries, inner, to, at); err != nil {
			return fmt.Errorf("%w (%s:%d)", err, row.Header.File, row.Line)
		}
		s.needs = inner.needs
	}
	return nil
}

func add(entries []entry, s *scope, to protoreflect.List, at string) error {
	for _, e := range entries {
		at := at + "[" + strconv.Itoa(to.Len()) + "]"
		if e.when != nil {
			met, err := e.when(s)
			if err != nil {
				return prefix(at+".when", err)
			}
			if !met {
				continue
			}
		}
		v := to.NewElement()
		if err := e.body.fill(s, v.Message(), at); err != nil {
			return err
		}
		to.Append(v)
	}
	return nil
}
