package abuse

import (
	"testing"

	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// resultRows are about what answers come to.
func resultRows() []row {
	return []row{
		each("S64", "the results of one answer", suppressed),
		both("S63", "a comment of nobody known", ask{req: heard(), check: func(t *testing.T, s *suite, m proto.Message) {
			got := m.(*surveyv1.Feedback)
			if got.GetCustomer() != "" {
				t.Errorf("feedback = %v, want it of nobody", got)
			}
			for _, way := range []surface{onGRPC, onREST} { // only LinkFeedback joins it to somebody
				ask{
					req:  &surveyv1.UpdateFeedbackRequest{Feedback: &surveyv1.Feedback{Name: got.GetName(), Customer: ann}},
					code: invalid,
				}.on(way)(t, s)
			}
		}}),
	}
}

// suppressed asks for the measures of a survey with one answer.
func suppressed(t *testing.T, s *suite, way surface) {
	survey := must[*surveyv1.Survey](t, s, newSurvey()).GetName()
	must[*surveyv1.Response](t, s, submit(func(r *responseRequest) { r.Response.Survey = survey }))
	got := s.create(t, way, "", &surveyv1.QuerySurveyMetricsRequest{Parent: acme, Surveys: []string{survey}}).msg.(*surveyv1.QuerySurveyMetricsResponse)
	seen := false
	for _, m := range got.GetMeasures() {
		e := m.GetEstimate()
		if e.GetUnit() == typev1.Unit_UNIT_COUNT {
			continue // says how many there are
		}
		seen = seen || m.GetMetric() == typev1.Metric_METRIC_NPS
		if e.Value != nil || e.Lower != nil || e.GetQuality() != typev1.Quality_QUALITY_SUPPRESSED || e.GetN() != 1 || m.GetHistogram() != nil {
			t.Errorf("%v of one answer = %v, want it suppressed", m.GetMetric(), m)
		}
	}
	if !seen {
		t.Errorf("measures = %v, want NPS among them", got.GetMeasures())
	}
}
