// Package mapping reads mapping files: YAML that says how the rows of CSV files
// become touchpoints, tickets and responses.
//
// Reading happens in two steps. [Parse] checks the file by itself; [Mapping.Compile]
// checks it against the columns that are really there. What comes out turns rows into
// requests without ever talking to a service. docs/import.md describes the format.
package mapping

import (
	"regexp"
	"slices"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// A Mapping is a mapping file that was read but not yet held against any data.
type Mapping struct {
	Name        string // of the data set; also the source of its touchpoints
	DisplayName string // of the brand, should the import create it
	Files       []File // the main one first

	doc         *document
	clock       clock
	base        time.Time // what `base` is in expressions; zero if not given
	definitions *yaml.Node
	surveys     *yaml.Node
	rows        *yaml.Node
}

// A File is one CSV file that a mapping reads.
type File struct {
	Alias    string // what the mapping calls it
	Path     string // within the data folder
	Optional bool
	On       string // the column its rows are found by; empty for the main file
	To       string // the column of the main file that has the same value
	Many     bool   // whether one main row may have several
	Group    string // the column whose equal cells make one of several rows; of the main file only
	Format   table.Format
}

// rowsAlias is how a mapping calls the rows of a group, and reserved are the names
// that expressions know beside those of the files.
const rowsAlias = "rows"

var reserved = []string{"row", "line", "base", rowsAlias, "first", "last", "prev", "next"}

// Parse reads a mapping file, which messages call name. The error names every place
// that is wrong, one a line.
func Parse(name string, text []byte) (*Mapping, error) {
	d := &document{file: name}
	root, err := d.parse(text)
	if err != nil {
		return nil, err
	}
	m := &Mapping{doc: d, clock: clock{zone: time.UTC}}
	found := d.object(root, map[string]func(*yaml.Node){
		"version": func(n *yaml.Node) {
			if d.text(n) != "1" {
				d.errorf(n, "version must be 1")
			}
		},
		"name": func(n *yaml.Node) {
			if m.Name = d.text(n); !regexp.MustCompile(`^[a-z][a-z0-9_.-]{0,62}$`).MatchString(m.Name) {
				d.errorf(n, "name must be lower-case letters, digits, `_`, `.` and `-`, at most 63, the first a letter")
			}
		},
		"brand": func(n *yaml.Node) {
			d.object(n, map[string]func(*yaml.Node){
				"display_name": func(n *yaml.Node) { m.DisplayName = d.text(n) },
			})
		},
		"time":                   m.parseTime,
		"files":                  m.parseFiles,
		"touchpoint_definitions": func(n *yaml.Node) { m.definitions = n },
		"surveys":                func(n *yaml.Node) { m.surveys = n },
		"rows":                   func(n *yaml.Node) { m.rows = n },
	})
	for _, key := range []string{"version", "name", "files", "rows"} {
		if !found[key] {
			d.errorf(root, "%s is missing", key)
		}
	}
	return m, d.err()
}

func (m *Mapping) parseTime(n *yaml.Node) {
	d := m.doc
	d.object(n, map[string]func(*yaml.Node){
		"layout": func(n *yaml.Node) { m.clock.layout = d.text(n) },
		"zone":   func(n *yaml.Node) { m.clock.zone = d.zone(n) },
		"base": func(n *yaml.Node) {
			t, err := time.Parse(time.RFC3339, d.text(n))
			if err != nil {
				d.errorf(n, "base must be a time like 2020-01-31T12:00:00Z")
			}
			m.base = t
		},
	})
}

func (m *Mapping) parseFiles(n *yaml.Node) {
	d, mains := m.doc, 0
	for _, member := range d.members(n) {
		f := m.parseFile(member.key, member.value)
		if f.On != "" {
			m.Files = append(m.Files, f)
			continue
		}
		mains++
		m.Files = append([]File{f}, m.Files...)
		if f.Optional {
			d.errorf(member.value, "%s is the main file and cannot be optional", f.Alias)
		}
	}
	if mains != 1 {
		d.errorf(n, "exactly one file must be the main one, without `join`; there are %d", mains)
	}
}

func (m *Mapping) parseFile(key, n *yaml.Node) File {
	d, f := m.doc, File{Alias: key.Value, Format: table.Format{Comma: ','}}
	if !regexp.MustCompile(`^[a-z][a-z0-9_]{0,30}$`).MatchString(f.Alias) || slices.Contains(reserved, f.Alias) {
		d.errorf(key, "%q cannot name a file: lower-case letters, digits and `_`, and none of %s", f.Alias, strings.Join(reserved, ", "))
	}
	found := d.object(n, map[string]func(*yaml.Node){
		"path":     func(n *yaml.Node) { f.Path = d.text(n) },
		"optional": func(n *yaml.Node) { f.Optional = d.boolean(n) },
		"delimiter": func(n *yaml.Node) {
			c := []rune(d.text(n))
			if len(c) != 1 || c[0] == '"' || c[0] == '\r' || c[0] == '\n' {
				d.errorf(n, "delimiter must be one character and no quote")
				return
			}
			f.Format.Comma = c[0]
		},
		"absent": func(n *yaml.Node) { f.Format.Absent = d.texts(n) },
		"group":  func(n *yaml.Node) { f.Group = d.text(n) },
		"join": func(n *yaml.Node) {
			d.object(n, map[string]func(*yaml.Node){
				"on": func(n *yaml.Node) { f.On = d.text(n) },
				"to": func(n *yaml.Node) { f.To = d.text(n) },
				"rows": func(n *yaml.Node) {
					switch d.text(n) {
					case "many":
						f.Many = true
					case "one":
					default:
						d.errorf(n, "rows must be one or many")
					}
				},
			})
			if f.On == "" {
				d.errorf(n, "join needs `on`, the column the rows are found by")
			}
		},
	})
	if !found["path"] {
		d.errorf(n, "path is missing")
	}
	if f.On != "" && f.Group != "" {
		d.errorf(n, "%s is joined: only the main file is grouped", f.Alias)
	}
	if f.To == "" {
		f.To = f.On
	}
	return f
}
