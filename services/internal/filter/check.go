package filter

import (
	"regexp"
	"strings"

	"go.einride.tech/aip/filtering"
	expr "google.golang.org/genproto/googleapis/api/expr/v1alpha1"
)

// Operators that are not in the language but in its meaning.
const (
	opPresent  = "*"
	opPrefix   = "starts"
	opSuffix   = "ends"
	opContains = "contains"
)

// A node is a condition: AND or OR of two others, NOT of one, or a comparison.
type node struct {
	op    string
	kids  []node
	field Field
	key   string // in a Map
	value any    // as the column keeps it; nil equals no row
}

// A checker makes nodes of expressions and refuses what does not fit the fields.
type checker struct {
	*source
	fields Fields
	brand  string
}

// mapKey keeps to what the contract allows as a key, which is why a key may
// stand in the text of a statement.
var mapKey = regexp.MustCompile(`^[a-z][a-z0-9_]{0,39}$`)

// condition makes a node of e.
func (c *checker) condition(e *expr.Expr) (node, error) {
	call := e.GetCallExpr()
	switch op, args := call.GetFunction(), call.GetArgs(); {
	case call == nil:
		return node{}, invalid("filter.syntax", "has no comparison at "+c.where(e))
	case op == filtering.FunctionFuzzyAnd && len(args) == 2:
		return node{}, invalid("filter.syntax", "lacks AND or OR before "+c.where(args[1]))
	case op == filtering.FunctionAnd, op == filtering.FunctionOr, op == filtering.FunctionNot:
		n := node{op: op}
		for _, arg := range args {
			kid, err := c.condition(arg)
			if err != nil {
				return node{}, err
			}
			n.kids = append(n.kids, kid)
		}
		return n, nil
	case filtering.TokenType(op).IsComparator():
		return c.comparison(op, args[0], args[1])
	default:
		return node{}, invalid("filter.syntax", "knows no function "+excerpt(op)+" at "+c.where(e))
	}
}

// comparison makes a node of a field, a comparator and a value.
func (c *checker) comparison(op string, left, right *expr.Expr) (node, error) {
	f, key, err := c.field(left)
	if err != nil {
		return node{}, err
	}
	text, err := c.literal(f, right)
	if err != nil {
		return node{}, err
	}
	n := node{op: op, field: f, key: key}
	switch {
	case op == filtering.FunctionHas && text == "*":
		n.op = opPresent
		return n, nil
	case f.Kind == Map && key == "":
		if op != filtering.FunctionHas || !mapKey.MatchString(text) {
			return node{}, c.refuse(right, f.Name+" takes only a key after :")
		}
		n.op, n.key = opPresent, text
		return n, nil
	case op == filtering.FunctionHas && f.Kind == Text:
		n.op, n.value = opContains, text
		return n, nil
	case op == filtering.FunctionHas:
		n.op = filtering.FunctionEquals
	}
	equality := n.op == filtering.FunctionEquals || n.op == filtering.FunctionNotEquals
	switch f.Kind {
	case Bool, Enum, Name, Map:
		if !equality {
			return node{}, c.refuse(left, f.Name+" takes only = and !=")
		}
	}
	if equality && (f.Kind == Text || f.Kind == Map) {
		return wildcards(n, text), nil
	}
	if n.value, err = c.value(f, text); err != nil {
		return node{}, c.refuse(right, err.Error())
	}
	return n, nil
}

// field returns the field that e names and, of a map, the key.
func (c *checker) field(e *expr.Expr) (f Field, key string, err error) {
	name, ok := e.GetIdentExpr(), false
	if sel := e.GetSelectExpr(); sel != nil {
		name, key = sel.GetOperand().GetIdentExpr(), sel.GetField()
	}
	if f, ok = c.fields.find(name.GetName()); ok {
		ok = key == "" && e.GetSelectExpr() == nil || f.Kind == Map && mapKey.MatchString(key)
	}
	if !ok {
		return Field{}, "", invalid("filter.field", "has no field at "+c.where(e)+" but may have "+c.fields.names(func(Field) bool { return true }))
	}
	return f, key, nil
}

// literal returns the text of a value: a string, or the function of the field's
// kind with a string.
func (c *checker) literal(f Field, e *expr.Expr) (string, error) {
	if call := e.GetCallExpr(); call != nil {
		switch fn := call.GetFunction(); {
		case fn != filtering.FunctionTimestamp && fn != filtering.FunctionDuration:
			return "", invalid("filter.syntax", "makes no sense at "+c.where(e))
		case fn == filtering.FunctionTimestamp && f.Kind != Time, fn == filtering.FunctionDuration && f.Kind != Duration, len(call.GetArgs()) != 1:
			return "", c.refuse(e, f.Name+" takes no such value")
		}
		e = call.GetArgs()[0]
	}
	s, ok := e.GetConstExpr().GetConstantKind().(*expr.Constant_StringValue)
	if !ok {
		return "", invalid("filter.syntax", "has no value at "+c.where(e))
	}
	if strings.ContainsRune(s.StringValue, 0) {
		return "", c.refuse(e, "a value takes no NUL")
	}
	return s.StringValue, nil
}

func (c *checker) refuse(e *expr.Expr, why string) error {
	return invalid("filter.value", "is wrong at "+c.where(e)+": "+why)
}

// wildcards completes the = or != of a text.
func wildcards(n node, text string) node {
	rest, suffix := strings.CutPrefix(text, "*")
	rest, prefix := strings.CutSuffix(rest, "*")
	if !prefix && !suffix {
		n.value = text
		return n
	}
	negated := n.op == filtering.FunctionNotEquals
	n.op, n.value = opPrefix, rest
	switch {
	case prefix && suffix:
		n.op = opContains
	case suffix:
		n.op = opSuffix
	}
	if negated {
		return node{op: filtering.FunctionNot, kids: []node{n}}
	}
	return n
}
