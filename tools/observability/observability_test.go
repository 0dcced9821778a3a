package observability

import (
	"encoding/json"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/promql/parser"
	"go.yaml.in/yaml/v3"
)

// folder is what is checked.
const folder = "../../deploy/observability/"

// A metric is a line of the catalog, which a test of the suite holds against /metrics.
type metric struct {
	kind   string
	labels []string
}

// added are labels that every series has once it is scraped.
var added = []string{"instance", "job", "namespace", "pod"}

// catalog reads the metrics that there are, by the names that queries have for them.
func catalog(t *testing.T) map[string]metric {
	t.Helper()
	all := map[string]metric{}
	for line := range strings.Lines(read(t, folder+"metrics.txt")) {
		words := strings.Fields(line)
		if len(words) < 2 {
			t.Fatalf("metrics.txt has the line %q, want NAME KIND LABEL...", line)
		}
		m := metric{words[1], append(slices.Clone(added), words[2:]...)}
		if m.kind != "histogram" {
			all[words[0]] = m
			continue
		}
		for _, end := range []string{"_bucket", "_sum", "_count"} {
			all[words[0]+end] = metric{m.kind, append(slices.Clone(m.labels), "le")}
		}
	}
	return all
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A rule is one of rules.yaml.
type rule struct {
	Record      string
	Alert       string
	Expr        string
	For         string
	Labels      map[string]string
	Annotations map[string]string
}

// rules reads them all.
func rules(t *testing.T) []rule {
	t.Helper()
	var file struct {
		Groups []struct {
			Name     string
			Interval string
			Rules    []rule
		}
	}
	d := yaml.NewDecoder(strings.NewReader(read(t, folder+"rules.yaml")))
	d.KnownFields(true)
	if err := d.Decode(&file); err != nil {
		t.Fatal(err)
	}
	var all []rule
	for _, g := range file.Groups {
		all = append(all, g.Rules...)
	}
	return all
}

// A panel is one of a dashboard.
type panel struct {
	ID          int
	Type        string
	Title       string
	Description string
	Datasource  *struct{ UID string }
	GridPos     struct{ H, W, X, Y int }
	FieldConfig struct{ Defaults struct{ Unit string } }
	Targets     []struct{ Expr, LegendFormat string }
}

// A dashboard is what Grafana is given.
type dashboard struct {
	UID           string
	Title         string
	SchemaVersion int
	Templating    struct{ List []struct{ Name, Type string } }
	Panels        []panel
}

// dashboards reads them all, by file.
func dashboards(t *testing.T) map[string]dashboard {
	t.Helper()
	files, err := filepath.Glob(folder + "dashboards/*.json")
	if err != nil || len(files) == 0 {
		t.Fatalf("there are no dashboards: %v", err)
	}
	all := map[string]dashboard{}
	for _, file := range files {
		var d dashboard
		if err := json.Unmarshal([]byte(read(t, file)), &d); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		all[filepath.Base(file)] = d
	}
	return all
}

// check fails if the query cannot be read, or names a metric or a label that there is not.
// Functions that need a counter must get one.
func check(t *testing.T, where, query string, all map[string]metric) {
	t.Helper()
	query = strings.NewReplacer("$__rate_interval", "5m").Replace(query)
	expr, err := parser.NewParser(parser.Options{}).ParseExpr(query)
	if err != nil {
		t.Errorf("%s: %v", where, err)
		return
	}
	parser.Inspect(expr, func(node parser.Node, path []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			m, ok := all[n.Name]
			if !ok {
				t.Errorf("%s asks for %s, which there is not", where, n.Name)
				return nil
			}
			for _, match := range n.LabelMatchers {
				if match.Name != labels.MetricName && !slices.Contains(m.labels, match.Name) {
					t.Errorf("%s asks %s for the label %s, which it has not", where, n.Name, match.Name)
				}
			}
		case *parser.AggregateExpr:
			for _, label := range n.Grouping {
				if !anywhere(n.Expr, label, all) {
					t.Errorf("%s groups by %s, which nothing in it has", where, label)
				}
			}
		case *parser.Call:
			counted(t, where, n, all)
		}
		return nil
	})
}

// anywhere reports whether something in an expression has the label.
func anywhere(expr parser.Expr, label string, all map[string]metric) bool {
	found := false
	parser.Inspect(expr, func(node parser.Node, _ []parser.Node) error {
		switch n := node.(type) {
		case *parser.VectorSelector:
			found = found || slices.Contains(all[n.Name].labels, label)
		case *parser.Call:
			found = found || n.Func.Name == "label_replace" && n.Args[1].(*parser.StringLiteral).Val == label
		}
		return nil
	})
	return found
}

// counted fails if a rate is taken of what is no counter.
func counted(t *testing.T, where string, call *parser.Call, all map[string]metric) {
	t.Helper()
	if !slices.Contains([]string{"rate", "increase", "irate"}, call.Func.Name) {
		return
	}
	if m, ok := call.Args[0].(*parser.MatrixSelector); ok {
		if name := m.VectorSelector.(*parser.VectorSelector).Name; all[name].kind == "gauge" {
			t.Errorf("%s takes the %s of %s, which is a gauge", where, call.Func.Name, name)
		}
	}
}

// withRecorded returns the catalog and what rules add to it.
func withRecorded(t *testing.T) map[string]metric {
	t.Helper()
	all := catalog(t)
	for _, r := range rules(t) {
		if r.Record != "" {
			all[r.Record] = metric{"gauge", append(slices.Clone(added), "service")}
		}
	}
	return all
}

func TestDashboardsAskForWhatThereIs(t *testing.T) {
	all, uids := withRecorded(t), map[string]bool{}
	for file, d := range dashboards(t) {
		if d.SchemaVersion < 36 || d.Title == "" || uids[d.UID] || d.UID != "concentric-"+strings.TrimSuffix(file, ".json") {
			t.Errorf("%s has the version %d, the title %q and the uid %q", file, d.SchemaVersion, d.Title, d.UID)
		}
		uids[d.UID] = true
		if len(d.Templating.List) != 1 || d.Templating.List[0].Type != "datasource" || d.Templating.List[0].Name != "datasource" {
			t.Errorf("%s does not let its reader choose the datasource", file)
		}
		ids, covered := map[int]bool{}, map[[2]int]bool{}
		for _, p := range d.Panels {
			where := file + ": " + p.Title
			if ids[p.ID] || p.Title == "" {
				t.Errorf("%s has the id %d, which another has, or no title", where, p.ID)
			}
			ids[p.ID] = true
			for x := range p.GridPos.W {
				for y := range p.GridPos.H {
					at := [2]int{p.GridPos.X + x, p.GridPos.Y + y}
					if covered[at] || at[0] >= 24 {
						t.Fatalf("%s lies upon another", where)
					}
					covered[at] = true
				}
			}
			if p.Type == "row" {
				continue
			}
			if p.FieldConfig.Defaults.Unit == "" || p.Description == "" || p.Datasource == nil || p.Datasource.UID != "${datasource}" || len(p.Targets) == 0 {
				t.Errorf("%s lacks a unit, a description, the datasource or a query", where)
			}
			for _, target := range p.Targets {
				check(t, where, target.Expr, all)
			}
		}
	}
}

// heading is an alert's in the runbook, and quoted what it has one type.
var (
	heading = regexp.MustCompile(`(?m)^## (Concentric\w+)$`)
	quoted  = regexp.MustCompile("`(concentric [a-z-]+(?: [a-z-]+)?)")
)

func TestEachAlertHasItsHeading(t *testing.T) {
	all, runbook := withRecorded(t), read(t, "../../docs/runbook.md")
	var headings, alerts []string
	for _, m := range heading.FindAllStringSubmatch(runbook, -1) {
		headings = append(headings, m[1])
	}
	for _, r := range rules(t) {
		where := "rules.yaml: " + r.Record + r.Alert
		check(t, where, r.Expr, all)
		if r.Alert == "" {
			continue
		}
		alerts = append(alerts, r.Alert)
		if r.For != "" {
			if _, err := time.ParseDuration(r.For); err != nil {
				t.Errorf("%s waits for %q", where, r.For)
			}
		}
		if !slices.Contains([]string{"page", "ticket", "info"}, r.Labels["severity"]) || r.Annotations["summary"] == "" || r.Annotations["description"] == "" {
			t.Errorf("%s lacks a severity, a summary or a description", where)
		}
		if want := "/docs/runbook.md#" + strings.ToLower(r.Alert); !strings.HasSuffix(r.Annotations["runbook_url"], want) {
			t.Errorf("%s leads to %q, want …%s", where, r.Annotations["runbook_url"], want)
		}
	}
	slices.Sort(headings)
	slices.Sort(alerts)
	if !slices.Equal(headings, alerts) {
		t.Errorf("the runbook has headings for %v\nrules alert of %v", headings, alerts)
	}
}

// Each part of the runbook says what its alert means, what to look at and what to do.
func TestTheRunbookSaysWhatToDo(t *testing.T) {
	parts := strings.Split(read(t, "../../docs/runbook.md"), "\n## ")
	for _, part := range parts[1:] {
		title, _, _ := strings.Cut(part, "\n")
		for _, word := range []string{"**Means.**", "**Look.**", "**Do.**"} {
			if strings.HasPrefix(title, "Concentric") && !strings.Contains(part, word) {
				t.Errorf("%s lacks %s", title, word)
			}
		}
	}
	files, err := filepath.Glob("../../services/cmd/concentric/*.go")
	if err != nil {
		t.Fatal(err)
	}
	var commands strings.Builder
	for _, file := range files {
		commands.WriteString(read(t, file))
	}
	for _, m := range quoted.FindAllStringSubmatch(strings.Join(parts, "\n## "), -1) {
		for _, word := range strings.Fields(m[1])[1:] {
			field := regexp.MustCompile("(?mi)^\t" + strings.ReplaceAll(word, "-", "") + "\\s+\\w+ +`cmd:\"\"")
			if !field.MatchString(commands.String()) {
				t.Errorf("the runbook has one type %q, which is no command", m[1])
			}
		}
	}
}
