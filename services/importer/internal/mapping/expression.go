package mapping

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/ast"
	"cel.dev/cel-go/common/operators"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/ext"
	"go.yaml.in/yaml/v3"

	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// expression compiles CEL over `row`, the joined files by alias, and `base`.
func (c *compiler) expression(n *yaml.Node) value {
	p, _ := c.program(n)
	if p == nil {
		return none
	}
	return func(s *scope) (any, error) {
		v, _, err := p.Eval(s.variables())
		if err != nil {
			return nil, err
		}
		return native(v)
	}
}

// condition compiles CEL that is true or false.
func (c *compiler) condition(n *yaml.Node) func(*scope) (bool, error) {
	p, kind := c.program(n)
	if p == nil {
		return nil
	}
	if kind.Kind() != types.BoolKind {
		c.d.errorf(n, "the condition gives %s and must give true or false", kind)
	}
	return func(s *scope) (bool, error) {
		v, _, err := p.Eval(s.variables())
		if err != nil {
			return false, err
		}
		return v == types.True, nil
	}
}

func (c *compiler) program(n *yaml.Node) (cel.Program, *cel.Type) {
	env, err := c.environment()
	if err != nil {
		c.d.errorf(n, "%v", err)
		return nil, nil
	}
	checked, issues := env.Compile(c.d.text(n))
	if issues.Err() != nil {
		c.d.errorf(n, "%s", strings.Join(strings.Fields(issues.Err().Error()), " "))
		return nil, nil
	}
	c.checkColumns(n, checked)
	p, err := env.Program(checked)
	if err != nil {
		c.d.errorf(n, "%v", err)
		return nil, nil
	}
	return p, checked.OutputType()
}

// environment returns what expressions of the current item can see.
func (c *compiler) environment() (*cel.Env, error) {
	if env := c.envs[c.each]; env != nil {
		return env, nil
	}
	row := cel.MapType(cel.StringType, cel.StringType)
	opts := append(functions(c.m.clock), ext.Strings(), ext.Math(), cel.Variable("row", row), cel.Variable("line", cel.IntType))
	if !c.m.base.IsZero() {
		opts = append(opts, cel.Variable("base", cel.TimestampType))
	}
	if c.m.Files[0].Group != "" {
		opts = append(opts, cel.Variable(rowsAlias, cel.ListType(row)), cel.Variable("first", row), cel.Variable("last", row))
	}
	if c.each != "" {
		opts = append(opts, cel.Variable("prev", row), cel.Variable("next", row))
	}
	for _, f := range c.m.Files[1:] {
		if f.Many && f.Alias != c.each {
			opts = append(opts, cel.Variable(f.Alias, cel.ListType(row)))
			continue
		}
		opts = append(opts, cel.Variable(f.Alias, row))
	}
	env, err := cel.NewEnv(opts...)
	if err == nil {
		c.envs[c.each] = env
	}
	return env, err
}

// checkColumns refuses row.x and row["x"] for a column that is not there. has(row.x)
// may ask for anything.
func (c *compiler) checkColumns(n *yaml.Node, checked *cel.Ast) {
	ast.PreOrderVisit(checked.NativeRep().Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		switch e.Kind() {
		case ast.SelectKind:
			if s := e.AsSelect(); !s.IsTestOnly() {
				c.checkColumn(n, s.Operand(), s.FieldName())
			}
		case ast.CallKind:
			call := e.AsCall()
			if call.FunctionName() != operators.Index || len(call.Args()) != 2 || call.Args()[1].Kind() != ast.LiteralKind {
				return
			}
			if name, ok := call.Args()[1].AsLiteral().(types.String); ok {
				c.checkColumn(n, call.Args()[0], string(name))
			}
		}
	}))
}

func (c *compiler) checkColumn(n *yaml.Node, of ast.Expr, name string) {
	if of.Kind() != ast.IdentKind {
		return
	}
	if h := c.header(of.AsIdent()); h != nil {
		if _, err := h.Column(name); err != nil {
			c.d.errorf(n, "%v", err)
		}
	}
}

// header returns the columns of what alias stands for; nil if there are none.
func (c *compiler) header(alias string) *table.Header {
	switch {
	case (alias == "prev" || alias == "next") && c.each != rowsAlias:
		alias = c.each
	case slices.Contains(reserved, alias):
		alias = c.m.Files[0].Alias
	}
	return c.headers[alias]
}

// A cellCache holds rows as expressions see them, by alias.
type cellCache map[string][]ref.Val

// rows returns the rows that alias stands for.
func (s *scope) rows(alias string) []ref.Val {
	all, ok := s.cells[alias]
	if !ok {
		for _, r := range s.in.list(alias) {
			all = append(all, cells(r))
		}
		s.cells[alias] = all
	}
	return all
}

// variables returns what the expressions of the current row can see.
func (s *scope) variables() map[string]any {
	if s.vars != nil {
		return s.vars
	}
	s.vars = map[string]any{"base": s.program.base, "line": s.row.Line}
	if s.eachOf == rowsAlias {
		s.vars["row"] = s.rows(rowsAlias)[s.at]
	} else {
		s.vars["row"] = cells(s.row)
	}
	if group := s.rows(rowsAlias); len(group) > 0 {
		s.vars[rowsAlias], s.vars["first"], s.vars["last"] = types.NewRefValList(types.DefaultTypeAdapter, group), group[0], group[len(group)-1]
	}
	if s.eachOf != "" {
		s.vars["prev"], s.vars["next"] = cells(s.neighbor(-1)), cells(s.neighbor(1))
	}
	for _, f := range s.program.files[1:] {
		rows := s.rows(f.Alias)
		switch {
		case f.Alias == s.eachOf:
			s.vars[f.Alias] = rows[s.at]
		case f.Many:
			s.vars[f.Alias] = types.NewRefValList(types.DefaultTypeAdapter, rows)
		case len(rows) > 0:
			s.vars[f.Alias] = rows[0]
		default:
			s.vars[f.Alias] = cells(table.Row{})
		}
	}
	return s.vars
}

func cells(r table.Row) ref.Val { return types.DefaultTypeAdapter.NativeToValue(r.Map()) }

// native turns a result into what fields are filled from.
func native(v ref.Val) (any, error) {
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Int:
		return int64(v), nil
	case types.Double:
		return float64(v), nil
	case types.Bool:
		return bool(v), nil
	case types.Timestamp:
		return v.Time, nil
	case types.Null:
		return nil, nil
	}
	return nil, fmt.Errorf("the expression gives %s, of which no field can be made", v.Type().TypeName())
}

// functions returns what expressions can do beyond CEL itself.
func functions(c clock) []cel.EnvOption {
	return []cel.EnvOption{
		cel.Function("present", cel.Overload("present_string", []*cel.Type{cel.StringType}, cel.BoolType,
			cel.UnaryBinding(func(v ref.Val) ref.Val {
				return types.Bool(strings.TrimSpace(string(v.(types.String))) != "")
			}))),
		cel.Function("number", cel.Overload("number_string", []*cel.Type{cel.StringType}, cel.DoubleType,
			cel.UnaryBinding(func(v ref.Val) ref.Val { return number(string(v.(types.String))) }))),
		cel.Function("time",
			cel.Overload("time_string", []*cel.Type{cel.StringType}, cel.TimestampType,
				cel.UnaryBinding(func(v ref.Val) ref.Val { return instant(c, v) })),
			cel.Overload("time_string_string", []*cel.Type{cel.StringType, cel.StringType}, cel.TimestampType,
				cel.BinaryBinding(func(v, layout ref.Val) ref.Val {
					return instant(clock{layout: string(layout.(types.String)), zone: c.zone}, v)
				}))),
		cel.Function("addMonths", cel.Overload("add_months", []*cel.Type{cel.TimestampType, cel.IntType}, cel.TimestampType,
			cel.BinaryBinding(func(t, months ref.Val) ref.Val {
				n := int64(months.(types.Int))
				if n < -12000 || n > 12000 {
					return types.NewErr("%d months are too many", n)
				}
				return types.Timestamp{Time: addMonths(t.(types.Timestamp).Time, int(n))}
			}))),
	}
}

func number(text string) ref.Val {
	f, err := strconv.ParseFloat(strings.TrimSpace(text), 64)
	if err != nil || math.IsNaN(f) || math.IsInf(f, 0) {
		return types.NewErr("%s is no number", quote(text))
	}
	return types.Double(f)
}

func instant(c clock, v ref.Val) ref.Val {
	t, err := c.parse(string(v.(types.String)))
	if err != nil {
		return types.WrapErr(err)
	}
	return types.Timestamp{Time: t}
}

// addMonths moves t by whole months and stays within the month it arrives in: a
// month before March 31 is the last of February.
func addMonths(t time.Time, n int) time.Time {
	first := time.Date(t.Year(), t.Month()+time.Month(n), 1, t.Hour(), t.Minute(), t.Second(), t.Nanosecond(), t.Location())
	last := first.AddDate(0, 1, -1).Day()
	return first.AddDate(0, 0, min(t.Day(), last)-1)
}
