package main

import (
	"encoding/csv"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// effort is a survey as people write one.
const effort = `
displayName: Effort
subject: SUBJECT_SERVICE
scope: SCOPE_INTERACTION
questions:
  - {questionId: ease, kind: KIND_CES_EASE, required: true}
  - {questionId: why, kind: KIND_OPEN, text: "Why?"}
  - {questionId: color, kind: KIND_CHOICE, text: "Which?", choices: [{choiceId: red, text: Red}, {choiceId: blue, text: Blue}]}
  - {questionId: was, kind: KIND_EXPECTATION}
`

// polled runs the suite for one test, with the survey s1 in the brand acme, and
// returns what runs a verb of the survey command.
func polled(t *testing.T) func(t *testing.T, args ...string) (string, error) {
	t.Helper()
	addr := serving(t)
	file := filepath.Join(t.TempDir(), "effort.yaml")
	if err := os.WriteFile(file, []byte(effort), 0o600); err != nil {
		t.Fatal(err)
	}
	verb := func(t *testing.T, args ...string) (string, error) {
		t.Helper()
		return prints(t, append([]string{"survey", args[0], "--addr", "http://" + addr + "/", "--brand", "acme"}, args[1:]...)...)
	}
	got, err := verb(t, "create", file, "--id", "s1", "--draft")
	if err != nil || !strings.HasPrefix(spaced(got), "s1 draft service interaction r1 Effort") {
		t.Fatalf("survey create = %q, %v", got, err)
	}
	return verb
}

func TestTheVerbsOfASurveyFollowEachOther(t *testing.T) {
	verb := polled(t)
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"publish|s1", []string{"s1 active"}},
		{"pause|s1", []string{"s1 paused"}},
		{"resume|s1", []string{"s1 active"}},
		{"list|--filter|state = ACTIVE", []string{"s1 active service interaction r1 Effort"}},
		{"show|s1", []string{"ease ces-ease", "(1 to 7)", "color choice Which? (red, blue)"}},
		{"ask|s1|--customer|ann|--channel|sms", []string{"sent http://127.0.0.1:", "/s/acme/", "until "}},
		{"ask|s1|--customer|bob|--interaction|t1/i1|-o|json", []string{`"decision": "DECISION_SENT"`}},
		{"answer|s1|ease=1|why=It took\n hours.|color=red|was=unmet|--customer|ann|--ticket|t1", []string{
			"complete", "s1 ann ease=1 why=It took hours. color=red was=unmet",
		}},
		{"answers|--survey|s1", []string{"ease=1", "color=red"}},
		{"answers|--limit|1|-o|json", []string{`"rating": 1`}},
		{"metrics|--surveys|s1|--by|question", []string{"service ces ", "question ease", "n 1 withheld"}},
		{"funnel|--surveys|s1", []string{"eligible 2", "invited 2", "completed 0"}},
		{"metrics|--from|2020-01-01|--to|2020-01-02", []string{"Nobody answered in this window."}},
		{"funnel|--from|2020-01-01|--to|2020-01-02", []string{"There was no occasion to ask in this window."}},
		{"size|csat|--margin|0.1", []string{"answers", "at worst"}},
		{"size|nps|--margin|5|--subject|experience", []string{"1,534 answers at worst"}},
		{"compare|ces|--a|s1|--b|s1", []string{"insufficient"}},
		{"compare|response-rate|--subject|service", []string{"a response rate", "n 2 withheld", "insufficient"}},
		{"feedback|--filter|label = NEGATIVE", nil},
		{"archive|s1", []string{"s1 archived"}},
	} {
		got, err := verb(t, strings.Split(tt.args, "|")...)
		if err != nil {
			t.Errorf("survey %s: %v", tt.args, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(spaced(got), spaced(want)) {
				t.Errorf("survey %s = %s, want %q in it", tt.args, got, want)
			}
		}
	}
}

func TestWhatIsWrongWithAnAnswerIsExplained(t *testing.T) {
	verb := polled(t)
	if _, err := verb(t, "publish", "s1"); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ args, want string }{
		{"answer|s1|ease", "want QUESTION=VALUE"},
		{"answer|s1|whence=1", "of a question that `survey show` lists"},
		{"answer|s1|ease=easy", "want a whole number"},
		{"answer|s1|ease=8", "response.answers[0].rating: must be 1 to 7"},
		{"answer|s1|ease=4294967297", "want a whole number"},
		{"answer|s1|was=better", `was "better": want one of`},
		{"answer|s1|why=because", "question ease must be answered"},
		{"ask|s1|--customer|ann|--interaction|i1", "want TICKET/INTERACTION"},
		{"size|csat|--margin|0.1|--subject|both", "want one of experience, product, service"},
		{"compare|ces|--a|s1|--b|s1|--subject|experience", "both sides must be about one subject"},
		{"show|s2", "NotFound"},
		{"exclude|none|--reason|a test", "NotFound"},
	} {
		if got, err := verb(t, strings.Split(tt.args, "|")...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("survey %s = %s, %v, want an error with %q", tt.args, got, err, tt.want)
		}
	}
}

// TestAnExportIsNoSpreadsheetProgram writes what would be formulas, in words and in
// attributes, and reads the CSV back: cells begin with a quote, and numbers stay
// numbers.
func TestAnExportIsNoSpreadsheetProgram(t *testing.T) {
	verb := polled(t)
	if _, err := verb(t, "publish", "s1"); err != nil {
		t.Fatal(err)
	}
	bad := []string{"=1+1", "+cmd", "-2+3", "@SUM(A1)", "\tx", "\rx", "=\"a,b\"\n"}
	good := []string{"-1.5", "+3", "a=b", "fine", "1,\"2\"\n3"}
	for _, text := range append(slices.Clone(bad), good...) {
		if _, err := verb(t, "answer", "s1", "ease=1", "why="+text); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
	}
	got, err := verb(t, "export", "--survey", "s1")
	if err != nil {
		t.Fatal(err)
	}
	rows, err := csv.NewReader(strings.NewReader(got)).ReadAll()
	if err != nil || len(rows) != 1+2*(len(bad)+len(good)) {
		t.Fatalf("%d rows, %v, want the header and one for each answer\n%s", len(rows), err, got)
	}
	question, answer := slices.Index(rows[0], "question"), slices.Index(rows[0], "answer")
	seen := map[string]bool{}
	for _, row := range rows[1:] {
		if row[question] == "ease" && row[answer] != "1" {
			t.Errorf("the lowest answer is exported as %q", row[answer])
		}
		seen[row[answer]] = true
	}
	for _, text := range bad {
		if want := "'" + text; !seen[want] {
			t.Errorf("%q is not exported as %q", text, want)
		}
	}
	for _, text := range good {
		if !seen[text] {
			t.Errorf("%q is not exported as it is", text)
		}
	}
	for _, cell := range exportRow(&surveyv1.Response{Attributes: map[string]string{"plan": "x"}, Language: "=x"}, &surveyv1.Answer{}) {
		if strings.HasPrefix(cell, "=") {
			t.Errorf("the cell %q is a formula", cell)
		}
	}
}

func TestAResponseIsTakenOutAndPutBack(t *testing.T) {
	addr := serving(t)
	conn, err := rpc.Dial(addr, rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if _, err := surveyv1.NewSurveyServiceClient(conn).CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{
		Parent: "brands/acme", SurveyId: "nps", Survey: &surveyv1.Survey{
			DisplayName: "NPS", Subject: 2, Scope: surveyv1.Survey_SCOPE_RELATIONSHIP,
			Questions: []*surveyv1.Question{{QuestionId: "how", Kind: surveyv1.Question_KIND_NPS}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	if _, err := surveyv1.NewResponseServiceClient(conn).SubmitResponse(t.Context(), &surveyv1.SubmitResponseRequest{
		Parent: "brands/acme", ResponseId: "r1", Response: &surveyv1.Response{
			Survey: "brands/acme/surveys/nps", Answers: []*surveyv1.Answer{{QuestionId: "how", Value: &surveyv1.Answer_Rating{Rating: 0}}},
		},
	}); err != nil {
		t.Fatal(err)
	}
	for _, tt := range []struct{ verb, want string }{{"exclude", "r1 excluded"}, {"include", "r1 complete"}} {
		got, err := prints(t, "survey", tt.verb, "r1", "--reason", "a test", "--addr", addr, "--brand", "acme")
		if err != nil || !strings.HasPrefix(spaced(got), tt.want) || !strings.Contains(got, "how=0") {
			t.Errorf("survey %s = %q, %v, want %s", tt.verb, got, err, tt.want)
		}
	}
}
