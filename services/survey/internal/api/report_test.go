package api

import (
	"testing"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
)

func TestKindsAreNumberedAsInTheContract(t *testing.T) {
	for kind, want := range map[scale.Kind]surveyv1.Question_Kind{
		scale.NPS: surveyv1.Question_KIND_NPS, scale.CSAT5: surveyv1.Question_KIND_CSAT5, scale.Star5: surveyv1.Question_KIND_STAR5,
		scale.CESV2: surveyv1.Question_KIND_CES_V2, scale.CESV1: surveyv1.Question_KIND_CES_V1,
		scale.CESEase: surveyv1.Question_KIND_CES_EASE, scale.Open: surveyv1.Question_KIND_OPEN,
		scale.Choice: surveyv1.Question_KIND_CHOICE, scale.Multi: surveyv1.Question_KIND_MULTI,
		scale.Expectation: surveyv1.Question_KIND_EXPECTATION,
	} {
		if surveyv1.Question_Kind(kind) != want {
			t.Errorf("kind %d is %v, want %v", kind, surveyv1.Question_Kind(kind), want)
		}
	}
	if got := len(surveyv1.Question_Kind_name); got != int(scale.Expectation)+1 {
		t.Errorf("the contract has %d kinds, want %d with the unspecified one", got, scale.Expectation+1)
	}
}

func TestEveryMetricIsPublished(t *testing.T) {
	var a scale.Answers
	for k := scale.NPS; k <= scale.Expectation; k++ {
		a.Add(k, 3, 30)
	}
	seen := map[typev1.Metric]bool{}
	for _, m := range a.Measures() {
		to := published[m.Metric]
		if to.metric == 0 || to.unit == 0 || seen[to.metric] {
			t.Errorf("metric %d goes by %v in %v, want a name of its own and a unit", m.Metric, to.metric, to.unit)
		}
		seen[to.metric] = true
	}
	if len(seen) != len(published) {
		t.Errorf("%d metrics can be measured, want %d", len(seen), len(published))
	}
}

func TestAResponseRateIsOfTheSameInvitations(t *testing.T) {
	for _, tt := range []struct {
		name    string
		turnout turnout
		n       int64
		want    float64
	}{
		{"deliveries are reported", turnout{invited: 100, completed: 20, reported: 80, reportedAnswers: 20}, 80, .25},
		{"one answer came without a report", turnout{invited: 100, completed: 21, reported: 80, reportedAnswers: 20}, 80, .25},
		{"half of the answers did", turnout{invited: 100, completed: 40, reported: 50, reportedAnswers: 20}, 50, .4},
		{"more than half did", turnout{invited: 100, completed: 41, reported: 50, reportedAnswers: 20}, 100, .41},
		{"one delivery is reported, of an answer", turnout{invited: 100, completed: 50, reported: 1, reportedAnswers: 1}, 100, .5},
		{"one delivery is reported, of none", turnout{invited: 100, completed: 50, reported: 1}, 100, .5},
		{"nobody reports deliveries", turnout{invited: 100, completed: 20}, 100, .2},
		{"nobody answered and nobody reports", turnout{invited: 50}, 50, 0},
		{"nobody answered of those who were reached", turnout{invited: 50, reported: 40}, 40, 0},
	} {
		if got := tt.turnout.rate(); got.N != tt.n || got.Value != tt.want {
			t.Errorf("%s: %v of %d, want %v of %d", tt.name, got.Value, got.N, tt.want, tt.n)
		}
	}
}
