package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	spb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
)

// traveled runs the suite for one test, where ann of the brand acme has visited the
// website twice and bought, and returns what runs a verb of the journey command.
func traveled(t *testing.T) func(t *testing.T, args ...string) (string, error) {
	t.Helper()
	addr := serving(t)
	verb := func(t *testing.T, args ...string) (string, error) {
		t.Helper()
		return prints(t, append([]string{"journey", args[0], "--addr", "http://" + addr + "/", "--brand", "acme"}, args[1:]...)...)
	}
	for _, what := range []string{"website-visit|--expectation|met|--at|2026-01-02", "website-visit|--expectation|unmet|--at|2026-01-03", "checkout|--expectation|exceeded|--at|2026-01-04"} {
		got, err := verb(t, append([]string{"record", "ann"}, strings.Split(what, "|")...)...)
		if definition, _, _ := strings.Cut(what, "|"); err != nil || !strings.Contains(got, definition) {
			t.Fatalf("journey record ann %s = %q, %v", what, got, err)
		}
	}
	return verb
}

func TestTheVerbsOfAJourneyFollowEachOther(t *testing.T) {
	verb := traveled(t)
	model, rule := filepath.Join(t.TempDir(), "model.yaml"), filepath.Join(t.TempDir(), "rule.yaml")
	for path, text := range map[string]string{
		model: "displayName: Short memory\naggregation: AGGREGATION_ARITHMETIC\n",
		rule:  "displayName: Broken\nbrokenTouchpoint: {threshold: 0.2}\n",
	} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, tt := range []struct {
		args string
		want []string
	}{
		{"show|ann", []string{"ann is in decision: 3 touchpoints, 0 of them service", "consideration 2 touchpoints unmet 1, met 1, exceeded 0", "checkout"}},
		{"score|ann", []string{"experience 74.74", "n 3 small", "baseline 75.00", "the weakest"}},
		{"score|ann|-o|json", []string{`"name": "brands/acme/customers/ann/score"`, `"quality": "QUALITY_SMALL_SAMPLE"`}},
		{"explain|ann", []string{"75.00 the baseline", "website-visit", "checkout", "the score"}},
		{"difference|ann|--from|2026-01-02|--to|2026-01-05", []string{"checkout"}},
		{"record|device|website-visit", []string{"website-visit"}},
		{"merge|ann|device", []string{"ann"}},
		{"split|device", []string{"device"}},
		{"map", []string{"consideration", "website-visit marketing full Visit to the website"}},
		{"coverage", []string{"planned and observed", "checkout", "planned and never observed"}},
		{"profile|restaurant", []string{"of the weight is service"}},
		{"profile|restaurant|--apply", []string{" new"}},
		{"metrics|--by|stage", []string{"experience unmet share", "stage STAGE_DECISION"}},
		{"model|short|--file|" + model, []string{"short draft revision 1 Short memory"}},
		{"backtest|short|--cut|2026-01-03T12:00:00Z", []string{"1 customers until 2026-01-03 12:00:00, of whom 1 came back", "came back"}},
		{"model", []string{"short"}},
		{"recompute", []string{"customers scored anew by default@1, 0 of whom had another score before"}},
		{"recompute|-o|json", []string{`"done": true`, `"scoringModelRevision": "brands/acme/scoringModels/default@1"`}},
		{"scores", []string{"ann"}}, // stored by the recompute, as is where ann is; after a touchpoint that takes up to seconds
		{"customers", []string{"ann decision", "3 touchpoints"}},
		{"recovery|--within|72h", []string{"met", "solved", "unsolved", "silent", "Association, not cause"}},
		{"rule|--test|" + rule + "|--from|2026-01-01|--to|2026-01-05", nil},
		{"rule|--id|broken|" + rule, []string{"broken"}},
		{"signals", nil},
	} {
		got, err := verb(t, strings.Split(tt.args, "|")...)
		if err != nil {
			t.Errorf("journey %s: %v", tt.args, err)
		}
		for _, want := range tt.want {
			if !strings.Contains(spaced(got), spaced(want)) {
				t.Errorf("journey %s = %s, want %q in it", tt.args, got, want)
			}
		}
	}
}

func TestWhatIsWrongWithAJourneyIsExplained(t *testing.T) {
	verb := traveled(t)
	for _, tt := range []struct{ args, want string }{
		{"show|nobody", "NotFound: brands/acme/customers/nobody/journey does not exist"},
		{"record|ann|flight", "brands/acme/touchpointDefinitions/flight"},
		{"record|ann|website-visit|--expectation|better", "want one of"},
		{"difference|ann|--from|yesterday", "want YYYY-MM-DD"},
		{"metrics|--by|weather", "group_by[0]"},
		{"resolve|ann@example.org", "no customer has any of the identities"},
		{"backtest|default", "is built in"},
		{"activate|none", "NotFound"},
		{"watch|nothing", `must be one of "signals","scores"`},
		{"drivers|checkout|website-visit", "predictors"},
		{"close|none", "NotFound"},
	} {
		if got, err := verb(t, strings.Split(tt.args, "|")...); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("journey %s = %s, %v, want an error with %q", tt.args, got, err, tt.want)
		}
	}
}

func TestAnOperationThatFailedIsAnError(t *testing.T) {
	o := &longrunningpb.Operation{Name: "brands/acme/scoringOperations/o1", Done: true, Result: &longrunningpb.Operation_Error{
		Error: &spb.Status{Code: int32(codes.FailedPrecondition), Message: "the model is gone"},
	}}
	if _, err := awaited(t.Context(), nil, o, &journeyv1.Backtest{}); status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "the model is gone") {
		t.Errorf("an operation that failed is %v, want its error", err)
	}
}
