package mapping

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"
)

// The largest mapping anybody should write, counted after aliases are followed.
const (
	maxNodes = 100_000
	maxErrs  = 20
)

// A document is one YAML file on its way to becoming something else. It gathers what
// is wrong with it, so that one reading says everything.
type document struct {
	file  string
	errs  []error
	nodes int
}

// A member is one key of a YAML mapping.
type member struct{ key, value *yaml.Node }

func (d *document) parse(text []byte) (*yaml.Node, error) {
	var n yaml.Node
	if err := yaml.Unmarshal(text, &n); err != nil {
		return nil, fmt.Errorf("%s: %w", d.file, err)
	}
	if n.Kind != yaml.DocumentNode {
		return nil, fmt.Errorf("%s is empty", d.file)
	}
	return n.Content[0], nil
}

func (d *document) errorf(n *yaml.Node, format string, args ...any) {
	text := fmt.Sprintf("%s:%d: %s", d.file, n.Line, fmt.Sprintf(format, args...))
	known := func(err error) bool { return err.Error() == text }
	if len(d.errs) < maxErrs && !slices.ContainsFunc(d.errs, known) {
		d.errs = append(d.errs, errors.New(text))
	}
}

// err returns what was found wrong, in the order of the file.
func (d *document) err() error {
	slices.SortStableFunc(d.errs, func(a, b error) int { return strings.Compare(order(a), order(b)) })
	return errors.Join(d.errs...)
}

// order makes messages sort by line.
func order(err error) string {
	var line int
	_, rest, _ := strings.Cut(err.Error(), ":")
	_, _ = fmt.Sscanf(rest, "%d", &line) // no number sorts first
	return fmt.Sprintf("%08d", line)
}

// follow returns the node an alias stands for, and nil once the file has grown
// beyond reason: an alias may contain itself.
func (d *document) follow(n *yaml.Node) *yaml.Node {
	if d.nodes++; d.nodes > maxNodes {
		if d.nodes == maxNodes+1 {
			d.errorf(n, "more than %d nodes after following aliases", maxNodes)
		}
		return nil
	}
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

// members returns the keys of a mapping in order, with those merged in by `<<`
// before its own, which win.
func (d *document) members(n *yaml.Node) []member {
	m := d.follow(n)
	if m == nil {
		return nil
	}
	if m.Kind != yaml.MappingNode {
		d.errorf(n, "a mapping of keys to values must stand here")
		return nil
	}
	var merged, own []member
	for i := 0; i+1 < len(m.Content); i += 2 {
		k, v := m.Content[i], m.Content[i+1]
		switch {
		case k.Tag == "!!merge":
			for _, x := range d.members(v) {
				merged = put(merged, x)
			}
		case slices.ContainsFunc(own, func(x member) bool { return x.key.Value == k.Value }):
			d.errorf(k, "%s stands here twice", k.Value)
		default:
			own = append(own, member{k, v})
		}
	}
	for _, x := range own {
		merged = put(merged, x)
	}
	return merged
}

// put adds x to list, in place of a member of the same key.
func put(list []member, x member) []member {
	i := slices.IndexFunc(list, func(y member) bool { return y.key.Value == x.key.Value })
	if i < 0 {
		return append(list, x)
	}
	list[i] = x
	return list
}

// object hands the value of each key to its handler, refuses other keys and returns
// the keys that were there.
func (d *document) object(n *yaml.Node, handlers map[string]func(*yaml.Node)) map[string]bool {
	found := map[string]bool{}
	for _, m := range d.members(n) {
		h, ok := handlers[m.key.Value]
		if !ok {
			d.errorf(m.key, "%s is not known here; it may be %s", m.key.Value, list(handlers))
			continue
		}
		found[m.key.Value] = true
		h(m.value)
	}
	return found
}

// items returns the elements of a sequence; a lone scalar is a sequence of one.
func (d *document) items(n *yaml.Node) []*yaml.Node {
	s := d.follow(n)
	switch {
	case s == nil:
		return nil
	case s.Kind == yaml.ScalarNode:
		return []*yaml.Node{s}
	case s.Kind != yaml.SequenceNode:
		d.errorf(n, "a list must stand here")
		return nil
	}
	return s.Content
}

func (d *document) text(n *yaml.Node) string {
	s := d.follow(n)
	if s == nil {
		return ""
	}
	if s.Kind != yaml.ScalarNode || s.Tag == "!!null" {
		d.errorf(n, "a single value must stand here")
		return ""
	}
	return s.Value
}

func (d *document) texts(n *yaml.Node) []string {
	var list []string
	for _, x := range d.items(n) {
		list = append(list, d.text(x))
	}
	return list
}

func (d *document) boolean(n *yaml.Node) bool {
	switch d.text(n) {
	case "true":
		return true
	case "false":
	default:
		d.errorf(n, "true or false must stand here")
	}
	return false
}

func (d *document) zone(n *yaml.Node) *time.Location {
	z, err := time.LoadLocation(d.text(n))
	if err != nil {
		d.errorf(n, "%q is no time zone, such as UTC or Europe/Berlin", n.Value)
		return time.UTC
	}
	return z
}

// list returns the keys of m as people write a choice.
func list[V any](m map[string]V) string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return strings.Join(keys, ", ")
}
