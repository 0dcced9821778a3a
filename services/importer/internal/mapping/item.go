package mapping

import (
	"slices"

	"go.yaml.in/yaml/v3"
	"google.golang.org/protobuf/proto"
)

// constants fills m, the thing that x declares once for the whole import.
func (c *compiler) constants(x member, m proto.Message) {
	if !fits(x.key.Value) {
		c.d.errorf(x.key, "%q cannot be an id: lower-case letters, digits, `-` and `_`, at most 63", x.key.Value)
	}
	fill := c.message(x.value, m.ProtoReflect().Descriptor(), nil)
	if c.d.err() != nil {
		return
	}
	if err := fill.fill(&scope{}, m.ProtoReflect(), x.key.Value); err != nil {
		c.d.errorf(x.key, "%v", err)
	}
}

// item compiles one entry of `rows`. Its first key says what it makes.
func (c *compiler) item(n *yaml.Node) *item {
	members := c.d.members(n)
	i := slices.IndexFunc(members, func(x member) bool { _, ok := kindOf(x.key.Value); return ok })
	if i < 0 {
		c.d.errorf(n, "an item makes a touchpoint, ticket, history, interaction, resolution, response or feedback: one of these keys must stand here")
		return nil
	}
	key := members[i]
	k, _ := kindOf(key.key.Value)
	it := &item{kind: k, label: c.d.text(key.value)}
	if c.labels[it.label] != nil {
		c.d.errorf(key.value, "%s is the label of an item above", it.label)
	}
	c.each = ""
	if j := slices.IndexFunc(members, func(x member) bool { return x.key.Value == "each" }); j >= 0 {
		c.setEach(it, members[j].value)
	}
	given := map[string]bool{}
	own := map[string]func(*yaml.Node){
		key.key.Value: func(*yaml.Node) {},
		"each":        func(*yaml.Node) {},
		"when":        func(n *yaml.Node) { c.when(it, n) },
	}
	if k.resource != "" {
		own["id"] = func(n *yaml.Node) { it.id, given["id"] = c.value(n), true }
	}
	if k.of {
		own["of"] = func(n *yaml.Node) { c.of(it, n); given["of"] = true }
	}
	if k.ofCustomer {
		own["customer"] = func(n *yaml.Node) { it.customer, given["customer"] = c.owner(n), true }
	}
	if k.Kind == Histories {
		c.history(it, n, own)
	} else {
		it.body = c.message(n, k.body().ProtoReflect().Descriptor(), own)
	}
	for _, need := range []string{"id", "of", "customer"} {
		if own[need] != nil && !given[need] {
			c.d.errorf(n, "%s is required", need)
		}
	}
	c.labels[it.label] = it
	return it
}

func (c *compiler) setEach(it *item, n *yaml.Node) {
	it.each = c.several(n)
	if c.each = it.each; it.each != "" && c.header(it.each) == nil {
		it.absent = c.m.Files[slices.IndexFunc(c.m.Files, func(f File) bool { return f.Alias == it.each })].Path
	}
}

// several returns the alias at n, which stands for several rows, or nothing if it does
// not.
func (c *compiler) several(n *yaml.Node) string {
	alias := c.d.text(n)
	if alias == rowsAlias && c.m.Files[0].Group != "" {
		return alias
	}
	if !slices.ContainsFunc(c.m.Files, func(f File) bool { return f.Alias == alias && f.Many }) {
		c.d.errorf(n, "%s is no joined file with `rows: many`, nor the `rows` of a grouped one", alias)
		return ""
	}
	return alias
}

func (c *compiler) when(it *item, n *yaml.Node) {
	found := c.d.object(n, map[string]func(*yaml.Node){
		"cel":  func(n *yaml.Node) { it.when = c.condition(n) },
		"else": func(n *yaml.Node) { it.reason = c.d.text(n) },
	})
	if !found["cel"] || !found["else"] {
		c.d.errorf(n, "when needs `cel`, the condition, and `else`, why a row that does not meet it is skipped")
	}
}

func (c *compiler) of(it *item, n *yaml.Node) {
	it.ticket = c.d.text(n)
	if of := c.labeled(n, it.ticket); of != nil && of.kind.Kind != Tickets {
		c.d.errorf(n, "%s makes no ticket", it.ticket)
	}
}

// owner compiles the customer a touchpoint belongs to, as a resource name.
func (c *compiler) owner(n *yaml.Node) func(*scope) (string, error) {
	read := c.value(n)
	return func(s *scope) (string, error) {
		v, err := read(s)
		if err != nil || v == nil {
			return "", err
		}
		return c.brand + "/customers/" + ID(plain(v)), nil
	}
}
