package importer

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// calls is a mapping that makes everything an import can make.
const calls = `version: 1
name: calls
time: {layout: "2006-01-02 15:04"}
files:
  calls: {path: calls.csv}
  ratings: {path: ratings.csv, join: {on: call, to: id, rows: many}, optional: true}
  people: {path: people.csv, join: {on: person, rows: one}, optional: true}
touchpoint_definitions:
  call-queue: {display_name: Waiting in the queue, stage: RETENTION, phase: POST_PURCHASE, kind: INTERACTION, is_service: true, weight: 2}
surveys:
  easy:
    display_name: How easy was it?
    subject: SERVICE
    scope: INTERACTION
    quiet_period: 72h
    questions:
      - {question_id: easy, kind: CES_EASE, touchpoint_definition: call-queue}
      - {question_id: why, kind: OPEN}
rows:
  - touchpoint: queue
    id: {template: "{id}-queue"}
    customer: &who {column: [people.name, person]}
    definition: call-queue
    event_time: {column: at}
  - ticket: call
    when: {cel: row.kind != "test", else: a test call}
    id: {column: id}
    customer: *who
    subject: {column: kind}
    channel: PHONE
    open_time: {column: at}
  - interaction: talk
    of: call
    id: talk
    kind: CALL
    direction: OUTBOUND
    actor: AGENT
    start_time: {column: at}
  - touchpoint: transfer
    when: {cel: row.kind == "transfer", else: not transferred}
    id: {template: "{id}-transfer"}
    customer: *who
    definition: support-interaction
    event_time: {column: at}
    ticket: {ref: call}
  - resolution: end
    of: call
    outcome: SOLVED
    resolve_time: {column: at}
  - response: rating
    each: ratings
    id: {column: ratings.rating}
    survey: easy
    customer: *who
    submit_time: {column: at}
    attribution: {interaction: {ref: talk}, touchpoint: {ref: queue}, ticket: {ref: call}}
    answers:
      - {question_id: easy, rating: {column: ratings.easy}}
      - {question_id: why, text: {column: ratings.why}}
`

// folder writes a mapping and files and returns what to import.
func folder(t *testing.T, mapping string, files map[string]string) Options {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	path := filepath.Join(dir, "mapping.yaml")
	if err := os.WriteFile(path, []byte(mapping), 0o600); err != nil {
		t.Fatal(err)
	}
	return Options{Brand: "b", Mapping: path, Dir: dir, StateDir: filepath.Join(dir, "state")}
}

// dirty are calls of which some cannot be imported, each for another reason.
func dirty() map[string]string {
	return map[string]string{
		"calls.csv": "id,person,kind,at\n" + // line 1
			"1,ann,refund,2024-01-01 10:00\n" +
			"2,bob,test,2024-01-01 11:00\n" + // no ticket, so nothing that belongs to it
			"3,cid,refund,yesterday\n" + // no time
			"4,dan,,2024-01-01 12:00\n" + // a ticket needs a subject
			"5,eve,refund\n" + // a cell is missing
			"6,fay,transfer,2024-01-01 13:00\n" +
			"7,,refund,2024-01-01 14:00\n" + // nobody
			"8,gus,refund,2024-01-01 15:00\n" +
			"1,hal,refund,2024-01-01 16:00\n", // the id of the first, another content
		"ratings.csv": "rating,call,easy,why\n" +
			"r1,1,7,good\n" +
			"r2,1,8,\n" + // off the scale
			"r3,6,x,\n" + // no number
			"r4,6,,\n" + // nothing was answered
			"r5,9,5,\n" + // a call that is not there
			"r6,8,1,b\xe9d\n",
		"people.csv": "person,name\nann,Ann A.\n",
	}
}

// wantDirty is the report of an import of dirty.
func wantDirty(t *testing.T, r *Report) {
	t.Helper()
	want := []string{
		`calls.csv:4: touchpoint.event_time: "yesterday" is no time in the layout "2006-01-02 15:04"`,
		`calls.csv:4: ticket.open_time: "yesterday" is no time in the layout "2006-01-02 15:04"`,
		`calls.csv:5: ticket.subject: empty`,
		`calls.csv:6: 3 cells under a header of 4`,
		`calls.csv:8: customer: empty`,
		`calls.csv:8: ticket.customer: empty`,
		`calls.csv:10: calls.csv:2 has the same id and another content: brands/b/customers/hal/touchpoints/1-queue`,
		`calls.csv:10: calls.csv:2 has the same id and another content: brands/b/tickets/1`,
		`ratings.csv:3: response.answers[0].rating: must be 1 to 7`,
		`ratings.csv:4: response.answers[0].rating: "x" is no whole number`,
	}
	var got []string
	for _, f := range r.Refusals {
		got = append(got, f.String())
	}
	if !slices.EqualFunc(got, want, strings.HasPrefix) || r.Refused != len(want) {
		t.Errorf("refused:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	wantCounts(t, r, map[string][4]int{
		"rows": {0, 0, 1, 1}, "brands": {1}, "touchpoint definitions": {1}, "surveys": {1},
		"touchpoints": {6, 0, 3, 7}, "tickets": {3, 0, 4, 1}, "interactions": {3, 0, 0, 5},
		"resolutions": {3, 0, 0, 5}, "responses": {2, 0, 2, 3},
	})
	if want := "ratings.csv: 1 cells held bytes that are no UTF-8; U+FFFD stands for them"; !slices.Contains(r.Notes, want) {
		t.Errorf("notes = %q, want %q", r.Notes, want)
	}
}

func TestWhatIsRefusedIsSaidWithItsLine(t *testing.T) {
	t.Parallel()
	wantDirty(t, mustRun(t, start(t), folder(t, calls, dirty())))
}

func TestAnImportWorksOverTheWire(t *testing.T) {
	t.Parallel()
	conn := wire(t)
	opt := folder(t, calls, dirty())
	wantDirty(t, mustRun(t, conn, opt))
	again := mustRun(t, conn, opt)
	for _, c := range again.Counts {
		if c.Sent != 0 {
			t.Errorf("the second import sent %d %s", c.Sent, c.Resource)
		}
	}
}

func TestValidateOnlyFindsTheSameAndWritesNothing(t *testing.T) {
	t.Parallel()
	conn := start(t)
	opt := folder(t, calls, dirty())
	opt.ValidateOnly = true
	wantDirty(t, mustRun(t, conn, opt))
	if _, err := os.Stat(opt.StateDir); err == nil {
		t.Error("a run that only checks remembers something")
	}
	ctx := t.Context()
	for what, get := range map[string]func() error{
		"brand": func() error {
			_, err := gatewayv1.NewAdminServiceClient(conn).GetBrand(ctx, &gatewayv1.GetBrandRequest{Name: "brands/b"})
			return err
		},
		"survey": func() error {
			_, err := surveyv1.NewSurveyServiceClient(conn).GetSurvey(ctx, &surveyv1.GetSurveyRequest{Name: "brands/b/surveys/easy"})
			return err
		},
		"definition": func() error {
			_, err := journeyv1.NewJourneyMapServiceClient(conn).GetTouchpointDefinition(ctx, &journeyv1.GetTouchpointDefinitionRequest{
				Name: "brands/b/touchpointDefinitions/call-queue",
			})
			return err
		},
		"ticket": func() error {
			_, err := ticketv1.NewTicketServiceClient(conn).GetTicket(ctx, &ticketv1.GetTicketRequest{Name: "brands/b/tickets/1"})
			return err
		},
		"score": func() error {
			_, err := journeyv1.NewScoringServiceClient(conn).GetScore(ctx, &journeyv1.GetScoreRequest{Name: "brands/b/customers/gus/score"})
			return err
		},
	} {
		if err := get(); status.Code(err) != codes.NotFound {
			t.Errorf("%s: %v, want NOT_FOUND", what, err)
		}
	}
	opt.ValidateOnly = false
	wantDirty(t, mustRun(t, conn, opt))
	opt.ValidateOnly = true
	for _, c := range mustRun(t, conn, opt).Counts {
		if c.Sent != 0 {
			t.Errorf("%d %s count as new after they were imported", c.Sent, c.Resource)
		}
	}
}

func TestAnAbsentOptionalFileIsSaid(t *testing.T) {
	t.Parallel()
	files := dirty()
	delete(files, "ratings.csv")
	delete(files, "people.csv")
	r := mustRun(t, start(t), folder(t, calls, files))
	want := []string{
		"ratings.csv is not there: no responses were made of it",
		"people.csv is not there: the mapping does without it",
	}
	if !slices.Equal(r.Notes, want) {
		t.Errorf("notes = %q, want %q", r.Notes, want)
	}
	if c := r.of("responses"); *c != (Count{Resource: "responses"}) {
		t.Errorf("responses = %+v, want none", c)
	}
}

func TestAMappingThatNoLongerFitsStopsBeforeTheRows(t *testing.T) {
	t.Parallel()
	conn := start(t)
	opt := folder(t, calls, dirty())
	mustRun(t, conn, opt)
	for _, tt := range []struct{ name, old, new, want string }{
		{"another question", "kind: CES_EASE", "kind: CES_V2", "brands/b/surveys/easy exists with another questions"},
		{"another quiet period", "72h", "24h", "exists with another quiet_period"},
		{"another stage", "stage: RETENTION", "stage: ADVOCACY", "brands/b/touchpointDefinitions/call-queue exists with another stage"},
		{"a definition that is built in", "  call-queue:", "  support-interaction:", "support-interaction exists with another"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			again := folder(t, strings.Replace(calls, tt.old, tt.new, 1), dirty())
			if _, err := Run(t.Context(), conn, again); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}

func TestWhatCannotBeReadStopsTheImport(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name  string
		spoil func(*testing.T, *Options)
		want  string
	}{
		{"a brand that is no id", func(_ *testing.T, o *Options) { o.Brand = "Acme!" }, `brand "Acme!": it must be lower-case`},
		{"no mapping", func(_ *testing.T, o *Options) { o.Mapping += "x" }, "no such file"},
		{"no main file", func(t *testing.T, o *Options) { o.Dir = t.TempDir() }, "calls.csv is not in"},
		{"an empty main file", func(t *testing.T, o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, "calls.csv"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
		}, "calls.csv is empty: a header line is needed"},
		{"a joined file without its key", func(t *testing.T, o *Options) {
			if err := os.WriteFile(filepath.Join(o.Dir, "people.csv"), []byte("a,b\n"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, `people.csv has no column "person"`},
	} {
		t.Run(tt.name, func(t *testing.T) {
			opt := folder(t, calls, dirty())
			tt.spoil(t, &opt)
			if _, err := Run(t.Context(), nil, opt); err == nil || !strings.Contains(err.Error(), tt.want) {
				t.Errorf("error = %v, want one with %q", err, tt.want)
			}
		})
	}
}
