package mapping

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/table"
)

// head is the part that every mapping of these tests begins with; rows follow.
const head = `version: 1
name: shop
time: {layout: "2006-01-02 15:04", zone: Europe/Berlin, base: 2020-03-31T12:00:00Z}
files:
  orders: {path: orders.csv}
  reviews: {path: reviews.csv, join: {on: order, to: id, rows: many}, optional: true}
  people: {path: people.csv, join: {on: person, rows: one}, optional: true}
surveys:
  stars:
    display_name: Stars
    subject: EXPERIENCE
    scope: SCOPE_STAGE
    questions:
      - {question_id: stars, kind: STAR5}
      - {question_id: words, kind: OPEN}
rows:
`

const purchase = `
  - touchpoint: purchase
    id: {template: "{id}-purchase"}
    customer: {column: [people.email, person]}
    definition: order
    event_time: {column: bought}
`

// compile holds a mapping against files that have one line each of the given text.
func compile(t *testing.T, mapping string, files map[string]string) (*Program, Input, error) {
	t.Helper()
	m, err := Parse("m.yaml", []byte(mapping))
	if err != nil {
		return nil, Input{}, err
	}
	headers, in := map[string]*table.Header{}, Input{Joined: map[string][]table.Row{}}
	for _, f := range m.Files {
		text, ok := files[f.Alias]
		if !ok {
			continue
		}
		path := filepath.Join(t.TempDir(), f.Path)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		r, err := table.Open(path, f.Path, f.Format)
		if err != nil {
			t.Fatal(err)
		}
		headers[f.Alias] = r.Header()
		for row, err := r.Next(); err == nil; row, err = r.Next() {
			switch {
			case f.On == "" && f.Group != "":
				in.Rows = append(in.Rows, row)
				in.Main = in.Rows[0]
			case f.On == "":
				in.Main = row
			default:
				in.Joined[f.Alias] = append(in.Joined[f.Alias], row)
			}
		}
		if err := r.Close(); err != nil {
			t.Fatal(err)
		}
	}
	p, err := m.Compile("brands/b", headers)
	return p, in, err
}

func shop() map[string]string {
	return map[string]string{
		"orders":  "id,person,bought,status,price,a.b\nA 1,p1,2020-01-31 10:00,SENT,\"12.5\",x\n",
		"reviews": "review,order,score,text\nr1,A 1,5,\nr2,A 1,,\"  \"\nr3,A 1,0,meh\n",
		"people":  "person,email\np1,ann@example.org\n",
	}
}

func TestAMappingSaysWhereItIsWrong(t *testing.T) {
	for _, tt := range []struct{ name, rows, want string }{
		{"an unknown key", "  - touchpoint: x\n    colour: red", "m.yaml:18: colour is not a field of a Touchpoint that can be set"},
		{"no kind", "  - id: 1", "m.yaml:17: an item makes a touchpoint, ticket,"},
		{"a missing required field", "  - touchpoint: x\n    id: {column: id}\n    customer: {column: id}", "m.yaml:17: definition is required"},
		{"an output field", purchase + "    is_service: true", "is_service is not a field"},
		{"an unknown column", strings.Replace(purchase, "bought", "sold", 1), `m.yaml:22: orders.csv has no column "sold"`},
		{"an unknown column in CEL", purchase + "    when: {cel: 'row.statsu == \"\"', else: no}", `m.yaml:23: orders.csv has no column "statsu"`},
		{"an unknown column by index", purchase + "    when: {cel: 'row[\"x y\"] == \"\"', else: no}", `orders.csv has no column "x y"`},
		{"CEL that does not compile", purchase + "    when: {cel: 'row.status +', else: no}", "m.yaml:23: ERROR"},
		{"a condition that is no condition", purchase + "    when: {cel: 'row.status', else: no}", "must give true or false"},
		{"a condition without a reason", purchase + "    when: {cel: 'true'}", "when needs `cel`, the condition, and `else`"},
		{"a wrong enum constant", purchase + "    channel: FAX", `m.yaml:23: channel: "FAX" is none of PHONE,`},
		{"a wrong enum in a translation", purchase + "    channel: {column: status, map: {SENT: FAX}}", `m.yaml:23: channel: "FAX" is none of`},
		{"a wrong default", purchase + "    channel: {column: status, default: FAX}", `channel: "FAX" is none of`},
		{"two sources", purchase + "    channel: {column: status, cel: row.status}", "exactly one of column, template, cel and ref"},
		{"several rows without each", purchase + "    channel: {column: reviews.score}", "reviews has several rows here"},
		{"a label used twice", purchase + purchase, "purchase is the label of an item above"},
		{"a ref to nothing", purchase + "    ticket: {ref: call}", "no item above is called call"},
		{"a wrong time constant", strings.Replace(purchase, "{column: bought}", "yesterday", 1), `"yesterday" is no time in the layout`},
		{"both values of a oneof", "  - response: r\n    id: {column: id}\n    survey: stars\n    answers: [{question_id: stars, rating: 1, text: x}]", "only one of"},
		{"each of a file that is not many", "  - touchpoint: x\n    each: people\n    id: {column: id}", "people is no joined file with `rows: many`, nor the"},
		{"an unclosed template", strings.Replace(purchase, "{id}", "{id", 1), "m.yaml:19: a { without its }"},
		{"a column that begins with a dot", strings.Replace(purchase, "bought", ".x", 1), "cannot begin with a dot"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, _, err := compile(t, head+tt.rows, shop())
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestAMappingFileIsStrict(t *testing.T) {
	for _, tt := range []struct{ name, text, want string }{
		{"empty", "", "m.yaml is empty"},
		{"no YAML", "a: b: c", "m.yaml: yaml: mapping values are not allowed"},
		{"another version", "version: 2", "m.yaml:1: version must be 1"},
		{"nothing in it", "version: 1", "m.yaml:1: files is missing"},
		{"an unknown key", "version: 1\nname: x\ncolour: red", "m.yaml:3: colour is not known here"},
		{"a key twice", "version: 1\nversion: 1", "m.yaml:2: version stands here twice"},
		{"no main file", "files: {a: {path: a.csv, join: {on: x}}}", "exactly one file must be the main one"},
		{"two main files", "files: {a: {path: a.csv}, b: {path: b.csv}}", "there are 2"},
		{"an optional main file", "files: {a: {path: a.csv, optional: true}}", "cannot be optional"},
		{"a bad alias", "files: {row: {path: a.csv}}", `"row" cannot name a file`},
		{"a bad zone", "time: {zone: Mars}", `"Mars" is no time zone`},
		{"an alias of itself", "files: &a {x: *a}\nrows: *a", "m.yaml"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			_, err := Parse("m.yaml", []byte(tt.text))
			if err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

// everyKind maps one row to something of every kind.
const everyKind = head + purchase + `    attributes: {price: {cel: 'number(row.price) > 10.0 ? "high" : "low"'}, dotted: {column: a.b}, none: {column: status, absent: [SENT]}}
    channel: {column: status, map: {SENT: WEB}}
  - touchpoint: delivery
    when: {cel: row.status == "DONE", else: not delivered}
    id: {column: id}
    customer: {column: person}
    definition: delivery
    event_time: {cel: 'addMonths(base, -1)'}
  - ticket: call
    id: {column: id}
    customer: {column: person}
    subject: {template: "{status} {people.email}"}
    channel: PHONE
    open_time: {column: bought, zone: Asia/Kolkata}
  - interaction: answer
    of: call
    id: first
    kind: CALL
    direction: OUTBOUND
    actor: AGENT
    agent: A7
  - resolution: done
    of: call
    outcome: SOLVED
    resolve_time: {cel: '"31.01.2020"', layout: "02.01.2006"}
  - response: review
    each: reviews
    id: {template: "{reviews.review}/{id}"}
    survey: stars
    customer: {column: [people.email, person]}
    submit_time: {cel: time(row.bought)}
    attribution: {touchpoint: {ref: [delivery, purchase]}, ticket: {ref: call}}
    answers:
      - {question_id: stars, rating: {column: reviews.score, absent: ["0"]}}
      - {question_id: words, text: {column: reviews.text}}
`

func TestARowBecomesRequests(t *testing.T) {
	p, in, err := compile(t, everyKind, shop())
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	id := ID("A 1")
	want := []string{
		"brands/b/customers/" + ID("ann@example.org") + "/touchpoints/" + ID("A 1-purchase") + " needs []",
		"brands/b/tickets/" + id + " needs []",
		"brands/b/tickets/" + id + "/interactions/first needs [1]",
		"brands/b/tickets/" + id + " needs [1]",
		"brands/b/responses/" + ID("r1/A 1") + " needs [0 1]",
		"brands/b/responses/" + ID("r3/A 1") + " needs [0 1]",
	}
	if len(plan.Steps) != len(want) {
		t.Fatalf("%d steps, want %d: %+v", len(plan.Steps), len(want), plan.Steps)
	}
	for i, s := range plan.Steps {
		if got := s.Name + " needs " + plain(s.Needs); s.Err != nil || got != want[i] {
			t.Errorf("step %d = %s (%v), want %s", i, got, s.Err, want[i])
		}
	}
	if len(plan.Skipped) != 2 || plan.Skipped[0] != (Skip{Touchpoints, "not delivered"}) || plan.Skipped[1] != (Skip{Responses, "nothing was answered"}) {
		t.Errorf("skipped = %v", plan.Skipped)
	}
	if at := plan.Steps[5].At; at.Line != 4 || at.Header.File != "reviews.csv" {
		t.Errorf("the second response comes from %s:%d", at.Header.File, at.Line)
	}
	if len(p.Surveys) != 1 || p.Surveys[0].GetSurvey().GetQuestions()[1].GetKind() != surveyv1.Question_KIND_OPEN {
		t.Errorf("surveys = %v", p.Surveys)
	}
}

func TestARequestHoldsWhatTheRowSays(t *testing.T) {
	p, in, err := compile(t, everyKind, shop())
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	for i, want := range map[int]struct {
		empty proto.Message
		text  string
	}{
		0: {&journeyv1.RecordTouchpointRequest{}, `{"parent": "brands/b/customers/<ann>", "touchpointId": "<purchase>", "touchpoint": {
			"definition": "brands/b/touchpointDefinitions/order", "eventTime": "2020-01-31T09:00:00Z", "source": "shop", "channel": "CHANNEL_WEB",
			"attributes": {"price": "high", "dotted": "x"}}}`},
		1: {&ticketv1.CreateTicketRequest{}, `{"parent": "brands/b", "ticketId": "<a1>", "ticket": {"customer": "brands/b/customers/p1",
			"subject": "SENT ann@example.org", "channel": "CHANNEL_PHONE", "openTime": "2020-01-31T04:30:00Z"}}`},
		2: {&ticketv1.CreateInteractionRequest{}, `{"parent": "brands/b/tickets/<a1>", "interactionId": "first", "interaction": {
			"kind": "KIND_CALL", "direction": "DIRECTION_OUTBOUND", "actor": "ACTOR_AGENT", "agent": "brands/b/agents/a7"}}`},
		3: {&ticketv1.ResolveTicketRequest{}, `{"name": "brands/b/tickets/<a1>", "outcome": "OUTCOME_SOLVED", "resolveTime": "2020-01-30T23:00:00Z"}`},
		5: {&surveyv1.SubmitResponseRequest{}, `{"parent": "brands/b", "responseId": "<r3>", "response": {
			"survey": "brands/b/surveys/stars", "customer": "brands/b/customers/<ann>", "submitTime": "2020-01-31T09:00:00Z",
			"answers": [{"questionId": "words", "text": "meh"}],
			"attribution": {"touchpoint": "brands/b/customers/<ann>/touchpoints/<purchase>", "ticket": "brands/b/tickets/<a1>"}}}`},
	} {
		text := strings.NewReplacer("<ann>", ID("ann@example.org"), "<purchase>", ID("A 1-purchase"), "<a1>", ID("A 1"), "<r3>", ID("r3/A 1")).Replace(want.text)
		if err := protojson.Unmarshal([]byte(text), want.empty); err != nil {
			t.Fatal(err)
		}
		if got := plan.Steps[i].Request; !proto.Equal(got, want.empty) {
			t.Errorf("step %d = %v, want %v", i, got, want.empty)
		}
	}
}

func TestAnAbsentFileLeavesItsValuesEmpty(t *testing.T) {
	files := shop()
	delete(files, "people")
	delete(files, "reviews")
	p, in, err := compile(t, head+purchase+`    when: {cel: '!has(people.email) && reviews.size() == 0', else: known}
  - touchpoint: reviewed
    each: reviews
    id: {column: reviews.review}
    customer: {column: id}
    definition: reviewed
    event_time: {column: bought}
`, files)
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	if len(plan.Steps) != 1 || !strings.HasPrefix(plan.Steps[0].Name, "brands/b/customers/p1/") {
		t.Errorf("steps = %+v", plan.Steps)
	}
	if got := p.Absent(); got[Touchpoints] != "reviews.csv" {
		t.Errorf("Absent() = %v", got)
	}
}

func TestACellThatDoesNotFitRefusesItsThing(t *testing.T) {
	for _, tt := range []struct{ name, cell, rest, want string }{
		{"a time", "soon", "", `touchpoint.event_time: "soon" is no time in the layout "2006-01-02 15:04"`},
		{"a required cell", "", "", "touchpoint.event_time: empty"},
		{"a translation", "2020-01-31 10:00", "    channel: {column: bought, map: {x: WEB}}", `touchpoint.channel: there is no translation for "2020-01-31 10:00"`},
		{"an enum", "2020-01-31 10:00", "    channel: {column: bought}", `touchpoint.channel: "2020-01-31 10:00" is none of`},
		{"an expression", "2020-01-31 10:00", "    channel: {cel: 'number(row.bought) > 1.0 ? \"WEB\" : \"EMAIL\"'}", `"2020-01-31 10:00" is no number`},
		{"a condition", "2020-01-31 10:00", "    when: {cel: 'number(row.bought) > 1.0', else: x}", `when: "2020-01-31 10:00" is no number`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			files := shop()
			files["orders"] = "id,person,bought\n1,p1," + tt.cell + "\n"
			p, in, err := compile(t, head+purchase+tt.rest, files)
			if err != nil {
				t.Fatal(err)
			}
			plan := p.Plan(in)
			if len(plan.Steps) != 1 || plan.Steps[0].Err == nil || !strings.Contains(plan.Steps[0].Err.Error(), tt.want) {
				t.Errorf("steps = %+v, want one refused with %q", plan.Steps, tt.want)
			}
		})
	}
}

func TestAnAnswerThatWasNotGivenNeedsNothing(t *testing.T) {
	p, in, err := compile(t, head+purchase+`
  - response: r
    id: {column: id}
    survey: stars
    answers:
      - {question_id: stars, rating: {column: price, absent: "12.5"}, touchpoint: {ref: purchase}}
      - {question_id: words, text: {column: status}}
`, shop())
	if err != nil {
		t.Fatal(err)
	}
	if plan := p.Plan(in); len(plan.Steps) != 2 || len(plan.Steps[1].Needs) != 0 {
		t.Errorf("steps = %+v, want a response that needs nothing", plan.Steps)
	}
}

func TestMergedKeysAreTheItemsOwn(t *testing.T) {
	p, in, err := compile(t, head+`
  - &first
    touchpoint: purchase
    id: {template: "{id}-purchase"}
    customer: {column: person}
    definition: order
    event_time: {column: bought}
  - {<<: *first, touchpoint: second, id: {template: "{id}-second"}}
`, shop())
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	if len(plan.Steps) != 2 || plan.Steps[1].Label != "second" || !strings.HasSuffix(plan.Steps[1].Name, ID("A 1-second")) {
		t.Errorf("steps = %+v", plan.Steps)
	}
}

func TestTwoRowsWhereOneIsExpectedRefuseTheRow(t *testing.T) {
	files := shop()
	files["people"] += "p1,bob@example.org\n"
	p, in, err := compile(t, head+purchase, files)
	if err != nil {
		t.Fatal(err)
	}
	plan := p.Plan(in)
	if len(plan.Steps) != 1 || plan.Steps[0].Kind != Rows || !strings.Contains(plan.Steps[0].Err.Error(), "people.csv has 2 rows for it (lines 2 and 3)") {
		t.Errorf("steps = %+v", plan.Steps)
	}
}

func TestAnIDFitsAndStaysTheSame(t *testing.T) {
	for _, tt := range []struct{ in, want string }{
		{"A0641", "a0641"},
		{" c8814e98-8e3a-4b9a-a67f-f4c573f1e58e ", "c8814e98-8e3a-4b9a-a67f-f4c573f1e58e"},
		{"", ""},
	} {
		if got := ID(tt.in); got != tt.want {
			t.Errorf("ID(%q) = %q, want %q", tt.in, got, tt.want)
		}
	}
	for _, in := range []string{"-x", "a/b", strings.Repeat("x", 64), "é", "a b", "<90"} {
		if got := ID(in); !fits(got) || len(got) != 33 {
			t.Errorf("ID(%q) = %q does not fit", in, got)
		}
	}
	if ID("é") != ID("e\u0301") {
		t.Error("two Unicode forms of one id differ")
	}
}

func TestMonthsStayInTheMonthTheyArriveIn(t *testing.T) {
	base := time.Date(2020, 3, 31, 12, 0, 0, 0, time.UTC)
	for n, want := range map[int]string{0: "2020-03-31", -1: "2020-02-29", -4: "2019-11-30", 2: "2020-05-31", -13: "2019-02-28"} {
		if got := addMonths(base, n).Format(time.DateOnly); got != want {
			t.Errorf("addMonths(%d) = %s, want %s", n, got, want)
		}
	}
}
