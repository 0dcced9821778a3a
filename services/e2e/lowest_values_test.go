package e2e

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// lowestAnswers: 0 of 10 and 1 of 7 are what somebody said, not that nobody did.
func lowestAnswers(t *testing.T, c *clients) {
	brand := c.brand(t)
	dan := brand + "/customers/dan"
	for _, tt := range []struct {
		kind    surveyv1.Question_Kind
		subject typev1.Subject
		lowest  *journeyv1.Measurement
		low     bool
	}{
		{surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE, &journeyv1.Measurement{Rating: 0, Min: 0, Max: 10}, false},
		{surveyv1.Question_KIND_CES_V2, typev1.Subject_SUBJECT_SERVICE, &journeyv1.Measurement{Rating: 1, Min: 1, Max: 7}, false},
		{surveyv1.Question_KIND_CES_V1, typev1.Subject_SUBJECT_SERVICE, &journeyv1.Measurement{Rating: 1, Min: 1, Max: 5, LowerIsBetter: true}, false},
	} {
		moment := c.visit(t, dan, tt.kind.String())
		survey := c.survey(t, brand, tt.kind, tt.subject)
		response := c.answer(t, survey, dan, tt.lowest.GetRating(), &surveyv1.Response{
			Attribution: &surveyv1.Attribution{Touchpoint: moment.GetName()}, SubmitTime: timestamppb.New(noon),
		})
		got := must(c.responses.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: response.GetName()}))(t)
		value, ok := got.GetAnswers()[0].GetValue().(*surveyv1.Answer_Rating)
		if !ok || value.Rating != tt.lowest.GetRating() {
			t.Errorf("the %v answer comes back as %v, want %d", tt.kind, got.GetAnswers()[0], tt.lowest.GetRating())
		}
		same(t, c.measured(t, moment.GetName()).GetMeasurement(), tt.lowest)
	}
	// Nine more of each make numbers that may be shown.
	nps := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	ces := c.survey(t, brand, surveyv1.Question_KIND_CES_V2, typev1.Subject_SUBJECT_SERVICE)
	for i := range 9 {
		customer := fmt.Sprint(brand, "/customers/dan-", i)
		c.answer(t, nps, customer, 0, &surveyv1.Response{SubmitTime: timestamppb.New(noon)})
		c.answer(t, ces, customer, 1, &surveyv1.Response{SubmitTime: timestamppb.New(noon)})
	}
	views := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand}))(t)
	holds(t, views.GetExperience().GetMeasures(), typev1.Metric_METRIC_NPS, -100)
	holds(t, views.GetService().GetMeasures(), typev1.Metric_METRIC_CES, 1)
	holds(t, views.GetService().GetMeasures(), typev1.Metric_METRIC_CES_EASY_SHARE, 0)
	histogram := find(t, views.GetExperience().GetMeasures(), typev1.Metric_METRIC_NPS).GetHistogram()
	if len(histogram) == 0 || histogram[0].GetValue() != 0 || histogram[0].GetCount() != 10 {
		t.Errorf("the histogram of ten zeros is %v", histogram)
	}
}

// visit records that a customer saw the website.
func (c *clients) visit(t testing.TB, customer, event string) *journeyv1.Touchpoint {
	t.Helper()
	return must(c.touchpoints.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{
		Parent: customer,
		Touchpoint: &journeyv1.Touchpoint{
			Definition: brandOf(customer) + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(noon),
			Source: "web", EventId: event, Expectation: typev1.Expectation_EXPECTATION_MET,
		},
	}))(t)
}

// lowestAnswersInJSON: a client that knows nothing but JSON writes and reads them.
func lowestAnswersInJSON(t *testing.T, s *suite) {
	c := s.grpc()
	brand := c.brand(t)
	for kind, lowest := range map[string]int{"KIND_NPS": 0, "KIND_CES_V2": 1} {
		survey := s.json(t, http.MethodPost, "/v1/"+brand+"/surveys", fmt.Sprintf(`{"displayName": "One question",
			"subject": "SUBJECT_EXPERIENCE", "scope": "SCOPE_RELATIONSHIP", "questions": [{"questionId": "q", "kind": %q}]}`, kind))
		response := s.json(t, http.MethodPost, "/v1/"+brand+"/responses", fmt.Sprintf(`{"survey": %q,
			"customer": "%s/customers/eve", "answers": [{"questionId": "q", "rating": %d}]}`, survey["name"], brand, lowest))
		read := s.json(t, http.MethodGet, fmt.Sprint("/v1/", response["name"]), "")
		answer, ok := read["answers"].([]any)[0].(map[string]any)
		if got, is := answer["rating"].(float64); !ok || !is || got != float64(lowest) {
			t.Errorf("the %s answer reads %v, want a rating of %d", kind, answer, lowest)
		}
	}
	p := s.json(t, http.MethodPost, "/v1/"+brand+"/customers/eve/touchpoints", fmt.Sprintf(`{"definition": "%s/touchpointDefinitions/website-visit",
		"eventTime": "2026-02-09T12:00:00Z", "measurement": {"rating": 0, "min": 0, "max": 10}}`, brand))
	m, _ := p["measurement"].(map[string]any)
	if got, is := m["rating"].(float64); !is || got != 0 {
		t.Errorf("the measurement of 0 reads %v", m)
	}
}

// json makes a REST call and returns its answer as a JSON client has it.
func (s *suite) json(t testing.TB, method, path, body string) map[string]any {
	t.Helper()
	code, text, err := fetch(t.Context(), method, s.web()+path, "", []byte(strings.TrimSpace(body)))
	if err != nil || code != http.StatusOK {
		t.Fatalf("%s %s: %d %s %v", method, path, code, text, err)
	}
	var answer map[string]any
	if err := json.Unmarshal(text, &answer); err != nil {
		t.Fatal(err)
	}
	return answer
}
