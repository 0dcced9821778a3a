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
	for k := scale.NPS; k < scale.Open; k++ {
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
