package mapping

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// A value is what one field is filled from: nil for none, or a string, int64,
// float64, bool or time.Time.
type value func(s *scope) (any, error)

// A clock says how times are written.
type clock struct {
	layout string // as in Go; empty for RFC 3339
	zone   *time.Location
}

func (c clock) parse(text string) (time.Time, error) {
	layout := c.layout
	if layout == "" {
		layout = time.RFC3339
	}
	t, err := time.ParseInLocation(layout, strings.TrimSpace(text), c.zone)
	if err != nil {
		return t, fmt.Errorf("%s is no time in the layout %q", quote(text), layout)
	}
	return t, nil
}

// source is the mapping form of a value: where it comes from, and what is done to
// it on the way.
type source struct {
	read      value
	reads     int // how many of column, template, cel and ref were given
	absent    []string
	translate map[string]string
	otherwise *string // for a value that is empty or has no translation
	clock     *clock
}

// value compiles n: a scalar is a constant, a mapping says where to read.
func (c *compiler) value(n *yaml.Node) value {
	v := c.d.follow(n)
	if v == nil {
		return none
	}
	if v.Kind == yaml.ScalarNode {
		text := c.d.text(v)
		return func(*scope) (any, error) { return text, nil }
	}
	if c.constant {
		c.d.errorf(n, "a constant must stand here: there is no row to read from")
		return none
	}
	var src source
	zone := c.m.clock.zone
	c.d.object(n, map[string]func(*yaml.Node){
		"column":   func(n *yaml.Node) { src.from(c.column(n)) },
		"template": func(n *yaml.Node) { src.from(c.template(n)) },
		"cel":      func(n *yaml.Node) { src.from(c.expression(n)) },
		"ref":      func(n *yaml.Node) { src.from(c.ref(n)) },
		"absent":   func(n *yaml.Node) { src.absent = c.d.texts(n) },
		"map":      func(n *yaml.Node) { src.translate = c.translation(n) },
		"default":  func(n *yaml.Node) { text := c.d.text(n); src.otherwise = &text },
		"layout":   func(n *yaml.Node) { src.clock = &clock{layout: c.d.text(n)} },
		"zone":     func(n *yaml.Node) { zone = c.d.zone(n) },
	})
	if src.reads != 1 {
		c.d.errorf(n, "exactly one of column, template, cel and ref must stand here")
		return none
	}
	if src.clock == nil && zone != c.m.clock.zone {
		src.clock = &clock{layout: c.m.clock.layout}
	}
	if src.clock != nil {
		src.clock.zone = zone
	}
	return src.value
}

func none(*scope) (any, error) { return nil, nil }

func (src *source) from(v value) {
	src.read = v
	src.reads++
}

// value reads and translates.
func (src *source) value(s *scope) (any, error) {
	v, err := src.read(s)
	if err != nil {
		return nil, err
	}
	text, isText := v.(string)
	if isText && (strings.TrimSpace(text) == "" || slices.Contains(src.absent, text)) {
		v = nil
	}
	if v != nil && src.translate != nil {
		t, ok := src.translate[plain(v)]
		if !ok && src.otherwise == nil {
			return nil, fmt.Errorf("there is no translation for %s", quote(plain(v)))
		}
		v = nil
		if ok {
			v = t
		}
	}
	if v == nil && src.otherwise != nil {
		v = *src.otherwise
	}
	if text, ok := v.(string); ok && src.clock != nil {
		return src.clock.parse(text)
	}
	return v, nil
}

func (c *compiler) translation(n *yaml.Node) map[string]string {
	m := map[string]string{}
	for _, x := range c.d.members(n) {
		m[x.key.Value] = c.d.text(x.value)
	}
	return m
}

// column reads the first of the named columns that is there and not empty.
func (c *compiler) column(n *yaml.Node) value {
	var cells []func(*scope) string
	for _, x := range c.d.items(n) {
		cells = append(cells, c.cell(x, c.d.text(x)))
	}
	return func(s *scope) (any, error) {
		for _, cell := range cells {
			if text := cell(s); strings.TrimSpace(text) != "" {
				return text, nil
			}
		}
		return nil, nil
	}
}

// cell reads one column, ALIAS.COLUMN of a joined file or COLUMN of the main one.
func (c *compiler) cell(n *yaml.Node, name string) func(*scope) string {
	empty := func(*scope) string { return "" }
	f, rest := &c.m.Files[0], name
	if alias, column, ok := strings.Cut(name, "."); ok {
		if near := c.near(alias); near != nil {
			return c.columnOf(n, c.header(alias), column, near)
		}
		if i := slices.IndexFunc(c.m.Files, func(f File) bool { return f.Alias == alias }); i >= 0 {
			f, rest = &c.m.Files[i], column
		}
	}
	if f.Many && c.each != f.Alias {
		c.d.errorf(n, "%s has several rows here; use `each: %s`, or `cel` to make one of them", f.Alias, f.Alias)
		return empty
	}
	switch alias := f.Alias; {
	case f.On == "":
		return c.columnOf(n, c.headers[alias], rest, func(s *scope) table.Row { return s.row })
	case f.Many:
		return c.columnOf(n, c.headers[alias], rest, func(s *scope) table.Row { return s.each[s.at] })
	default:
		return c.columnOf(n, c.headers[alias], rest, func(s *scope) table.Row {
			if rows := s.in.Joined[alias]; len(rows) > 0 {
				return rows[0]
			}
			return table.Row{}
		})
	}
}

// columnOf reads a column of the row that of finds, which has header h; nil for an
// optional file that is absent.
func (c *compiler) columnOf(n *yaml.Node, h *table.Header, name string, of func(*scope) table.Row) func(*scope) string {
	empty := func(*scope) string { return "" }
	if h == nil {
		return empty
	}
	i, err := h.Column(name)
	if err != nil {
		c.d.errorf(n, "%v", err)
		return empty
	}
	return func(s *scope) string { return of(s).Cell(i) }
}

// near finds a row of the group, or one beside the current one, by the name that
// mappings have for it; nil if alias is no such name here.
func (c *compiler) near(alias string) func(*scope) table.Row {
	grouped, within := c.m.Files[0].Group != "", c.each != ""
	switch {
	case alias == "first" && grouped:
		return func(s *scope) table.Row { return s.in.Rows[0] }
	case alias == "last" && grouped:
		return func(s *scope) table.Row { return s.in.Rows[len(s.in.Rows)-1] }
	case alias == "prev" && within:
		return func(s *scope) table.Row { return s.neighbor(-1) }
	case alias == "next" && within:
		return func(s *scope) table.Row { return s.neighbor(1) }
	}
	return nil
}

// template fills {COLUMN} and {ALIAS.COLUMN}; it is empty where all of them are.
func (c *compiler) template(n *yaml.Node) value {
	var parts []func(*scope) (text string, cell bool)
	for rest := c.d.text(n); rest != ""; {
		before, after, open := strings.Cut(rest, "{")
		if before != "" {
			parts = append(parts, func(*scope) (string, bool) { return before, false })
		}
		if !open {
			break
		}
		name, after, closed := strings.Cut(after, "}")
		if !closed {
			c.d.errorf(n, "a { without its }")
			break
		}
		cell := c.cell(n, name)
		parts = append(parts, func(s *scope) (string, bool) { return cell(s), true })
		rest = after
	}
	return func(s *scope) (any, error) {
		var b strings.Builder
		filled, cells := false, false
		for _, p := range parts {
			text, cell := p(s)
			cells = cells || cell
			filled = filled || cell && strings.TrimSpace(text) != ""
			b.WriteString(text)
		}
		if cells && !filled {
			return nil, nil
		}
		return b.String(), nil
	}
}

// ref names what an earlier item made of the same row: the first of the labels that
// made something.
func (c *compiler) ref(n *yaml.Node) value {
	labels := c.d.texts(n)
	for _, l := range labels {
		c.labeled(n, l)
	}
	return func(s *scope) (any, error) {
		for _, l := range labels {
			if i, ok := s.made[l]; ok {
				s.needs = append(s.needs, i)
				return s.steps[i].Name, nil
			}
		}
		return nil, nil
	}
}

// labeled returns the item called label, which must stand before this one and make
// at most one thing a row.
func (c *compiler) labeled(n *yaml.Node, label string) *item {
	it := c.labels[label]
	switch {
	case it == nil:
		c.d.errorf(n, "no item above is called %s", label)
	case it.each != "":
		c.d.errorf(n, "%s is made for each of %s and cannot be referred to", label, it.each)
	case it.kind.resource == "":
		c.d.errorf(n, "%s makes nothing that could be referred to", label)
	}
	return it
}

// plain writes v as text.
func plain(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	default:
		return fmt.Sprint(v)
	}
}

// quote writes a cell into a message, cut to a readable length.
func quote(text string) string {
	if r := []rune(text); len(r) > 60 {
		text = string(r[:60]) + "…"
	}
	return strconv.Quote(text)
}
