package mapping

import (
	"time"

	"cel.dev/cel-go/cel"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// A Program turns rows into requests. It may be used concurrently.
type Program struct {
	Definitions []*journeyv1.CreateTouchpointDefinitionRequest
	Surveys     []*surveyv1.CreateSurveyRequest

	brand string
	name  string
	base  time.Time
	files []File
	items []*item
}

// An item is one entry of `rows`: something to make of every row.
type item struct {
	kind     kind
	label    string
	each     string // the alias of the rows of which each makes one; empty for one a main row
	absent   string // the path of the file in each, if it is not there
	when     func(*scope) (bool, error)
	reason   string // why a row is skipped that does not meet when
	id       value
	ticket   string // the label of the ticket it belongs to
	customer func(*scope) (string, error)
	body     message
	odd      []odd
}

// An odd is something that rows should not say and that is reported where they do.
type odd struct {
	text string
	when func(*scope) (bool, error)
}

// A compiler holds a mapping against the columns that are there.
type compiler struct {
	m        *Mapping
	d        *document
	brand    string
	headers  map[string]*table.Header // by alias, without the optional files that are absent
	labels   map[string]*item
	each     string // of the item being compiled
	constant bool   // whether there is no row to read from
	envs     map[string]*cel.Env
}

// Compile holds m against the headers of its files, by alias; optional files may be
// missing. The program makes things of the brand, `brands/{brand}`. The error names
// every place that is wrong, one a line.
func (m *Mapping) Compile(brand string, headers map[string]*table.Header) (*Program, error) {
	c := &compiler{m: m, d: m.doc, brand: brand, headers: headers, labels: map[string]*item{}, envs: map[string]*cel.Env{}}
	p := &Program{brand: brand, name: m.Name, base: m.base, files: m.Files}
	c.constant = true
	if m.definitions != nil {
		for _, x := range c.d.members(m.definitions) {
			d := &journeyv1.TouchpointDefinition{}
			c.constants(x, d)
			p.Definitions = append(p.Definitions, &journeyv1.CreateTouchpointDefinitionRequest{
				Parent: brand, TouchpointDefinition: d, TouchpointDefinitionId: x.key.Value,
			})
		}
	}
	if m.surveys != nil {
		for _, x := range c.d.members(m.surveys) {
			s := &surveyv1.Survey{}
			c.constants(x, s)
			p.Surveys = append(p.Surveys, &surveyv1.CreateSurveyRequest{Parent: brand, Survey: s, SurveyId: x.key.Value})
		}
	}
	c.constant = false
	for _, n := range c.d.items(m.rows) {
		if it := c.item(n); it != nil {
			p.items = append(p.items, it)
		}
	}
	if len(p.items) == 0 {
		c.d.errorf(m.rows, "rows makes nothing")
	}
	return p, c.d.err()
}

// Absent returns, for each kind of thing that is made of an optional file's rows only,
// the path of that file if it is not there.
func (p *Program) Absent() map[Kind]string {
	absent := map[Kind]string{}
	for _, it := range p.items {
		if it.absent != "" {
			absent[it.kind.Kind] = it.absent
		}
	}
	return absent
}
