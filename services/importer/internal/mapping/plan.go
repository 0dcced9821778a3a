package mapping

import (
	"errors"
	"fmt"
	"strings"

	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// An Input is a row of the main file with the rows joined to it, by alias. Where the
// file is grouped it is the first row of a group.
type Input struct {
	Main   table.Row
	Rows   []table.Row // all rows of the group, in the order of the file
	Joined map[string][]table.Row
}

// list returns the rows that alias stands for.
func (in Input) list(alias string) []table.Row {
	if alias == rowsAlias {
		return in.Rows
	}
	return in.Joined[alias]
}

// A Plan is what is to be done for one row.
type Plan struct {
	Steps   []Step // in the order in which they must be done
	Skipped []Skip
}

// A Step makes one thing.
type Step struct {
	Kind    Kind
	Label   string
	Name    string        // of the resource; of the ticket for a resolution
	Request proto.Message // nil with Err
	At      table.Row     // the row it comes from
	Needs   []int         // the earlier steps without which it cannot be
	Err     error         // why no request could be made
	Odd     []string      // what the mapping finds odd about the rows it comes from
}

// A Skip is something that the mapping says not to make.
type Skip struct {
	Kind   Kind
	Reason string
}

// A scope is what the values of one item can see.
type scope struct {
	program *Program
	in      Input
	row     table.Row      // of the main file
	eachOf  string         // the alias of each; empty outside
	each    []table.Row    // its rows
	at      int            // which of them it is
	steps   []Step         // what was planned before
	made    map[string]int // the step of each label
	needs   []int          // the steps that the values used
	vars    map[string]any // made when an expression first needs them
	cells   cellCache      // of the whole plan
}

// of returns the scope of row i of those that alias stands for.
func (s *scope) of(alias string, i int) *scope {
	inner := *s
	inner.eachOf, inner.each, inner.at, inner.vars = alias, s.in.list(alias), i, nil
	if alias == rowsAlias {
		inner.row = inner.each[i]
	}
	return &inner
}

// neighbor returns the row by places after the current one of each; without one, a row
// of empty cells.
func (s *scope) neighbor(by int) table.Row {
	if i := s.at + by; i >= 0 && i < len(s.each) {
		return s.each[i]
	}
	return table.Row{Header: s.each[s.at].Header}
}

// Plan says what is to be done for one row.
func (p *Program) Plan(in Input) Plan {
	var plan Plan
	for _, f := range p.files[1:] {
		if rows := in.Joined[f.Alias]; !f.Many && len(rows) > 1 {
			err := fmt.Errorf("%s has %d rows for it (lines %d and %d), where the mapping expects one",
				f.Path, len(rows), rows[0].Line, rows[1].Line)
			return Plan{Steps: []Step{{Kind: Rows, At: in.Main, Err: err}}}
		}
	}
	all := &scope{program: p, in: in, row: in.Main, made: map[string]int{}, cells: cellCache{}}
	for _, it := range p.items {
		all.steps, all.needs = plan.Steps, nil
		if it.each == "" {
			it.plan(all, in.Main, &plan)
			continue
		}
		for i, row := range in.list(it.each) {
			it.plan(all.of(it.each, i), row, &plan)
		}
	}
	return plan
}

// plan adds what it makes of s, or why it makes nothing, to plan.
func (it *item) plan(s *scope, at table.Row, plan *Plan) {
	step := Step{Kind: it.kind.Kind, Label: it.label, At: at}
	if it.when != nil {
		met, err := it.when(s)
		if err == nil && !met {
			plan.Skipped = append(plan.Skipped, Skip{it.kind.Kind, it.reason})
			return
		}
		step.Err = prefix("when", err)
	}
	var skip string
	if step.Err == nil {
		skip, step.Err = it.make(s, &step)
	}
	if skip != "" {
		plan.Skipped = append(plan.Skipped, Skip{it.kind.Kind, skip})
		return
	}
	step.Needs = s.needs
	plan.Steps = append(plan.Steps, step)
	if it.each == "" {
		s.made[it.label] = len(plan.Steps) - 1
	}
}

// make fills step, or returns why there is nothing to make.
func (it *item) make(s *scope, step *Step) (skip string, err error) {
	m := made{parent: s.program.brand, source: s.program.name, body: it.kind.body()}
	if it.kind.of {
		i, ok := s.made[it.ticket]
		if !ok {
			return "there is no " + it.ticket, nil
		}
		m.parent = s.steps[i].Name
		s.needs = append(s.needs, i)
	}
	if it.kind.ofCustomer {
		if m.parent, err = it.customer(s); err != nil {
			return "", prefix("customer", err)
		}
		if m.parent == "" {
			return "", errors.New("customer: empty")
		}
	}
	step.Name = m.parent
	if it.kind.resource != "" {
		if m.id, err = it.identify(s); err != nil {
			return "", prefix("id", err)
		}
		step.Name = strings.Join([]string{m.parent, it.kind.resource, m.id}, "/")
	}
	if err := it.body.fill(s, m.body.ProtoReflect(), it.kind.field); err != nil {
		return "", err
	}
	if r, ok := m.body.(*surveyv1.Response); ok && len(r.GetAnswers()) == 0 {
		return "nothing was answered", nil
	}
	for _, o := range it.odd {
		met, err := o.when(s)
		if err != nil {
			return "", prefix("oddities", err)
		}
		if met {
			step.Odd = append(step.Odd, o.text)
		}
	}
	step.Request = it.kind.request(m)
	return "", nil
}

func (it *item) identify(s *scope) (string, error) {
	v, err := it.id(s)
	if err != nil {
		return "", err
	}
	if v == nil || strings.TrimSpace(plain(v)) == "" {
		return "", errors.New("empty")
	}
	return ID(plain(v)), nil
}

func prefix(at string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", at, err)
}
