package api

import (
	"slices"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// submitted is the event of r. Each answer measures its own touchpoint. What the
// whole response is about is measured by one answer: of the ratings that have no
// touchpoint of their own and whose question is about none, the one whose question
// is asked first.
func submitted(survey store.Survey, r store.Response) *eventv1.Event {
	whole := r.Touchpoint
	if whole == "" && survey.Scope == int32(surveyv1.Survey_SCOPE_INTERACTION) {
		whole = r.Interaction
	}
	e := &eventv1.ResponseSubmitted{
		Response: responseName(r.Brand, r.ID), Survey: surveyName(r.Brand, r.Survey),
		Subject: toSubject(r.Subject), SubmitTime: timestamp(r.SubmitTime), Customer: full(r.Brand, r.Customer), Version: r.Version,
	}
	for _, a := range inOrder(survey, r.Answers) {
		k := scale.Kind(a.Kind)
		if !k.Rated() {
			continue
		}
		target := a.Touchpoint
		if target == "" && a.Definition == "" {
			target, whole = whole, ""
		}
		if target == "" {
			continue
		}
		on, _ := k.Scale()
		e.Ratings = append(e.Ratings, &eventv1.Rating{
			Target: full(r.Brand, target), Rating: a.Rating, Min: on.Min, Max: on.Max, LowerIsBetter: !on.HigherIsBetter,
		})
	}
	return ofResponse(r.Brand, &eventv1.Event{EventTime: e.GetSubmitTime(), Payload: &eventv1.Event_ResponseSubmitted{ResponseSubmitted: e}}, e)
}

// inOrder returns the answers in the order of the questions.
func inOrder(survey store.Survey, answers []store.Answer) []store.Answer {
	if len(answers) < 2 {
		return answers
	}
	sorted := slices.Clone(answers)
	slices.SortStableFunc(sorted, func(a, b store.Answer) int {
		_, i, _ := question(survey, a.Question)
		_, j, _ := question(survey, b.Question)
		return i - j
	})
	return sorted
}

// excluded is the event that what was submitted counts no more. Its time is for the
// caller to say.
func excluded(s *eventv1.ResponseSubmitted) *eventv1.Event {
	e := &eventv1.ResponseExcluded{
		Response: s.GetResponse(), Survey: s.GetSurvey(), Customer: s.GetCustomer(), SubmitTime: s.GetSubmitTime(), Version: s.GetVersion(),
	}
	for _, r := range s.GetRatings() {
		e.Targets = append(e.Targets, r.GetTarget())
	}
	return ofResponse(name.Brand(s.GetResponse()), &eventv1.Event{Payload: &eventv1.Event_ResponseExcluded{ResponseExcluded: e}}, e)
}

// ofResponse makes e an event of the customer, or of the response where nobody knows
// the customer.
func ofResponse(brand string, e *eventv1.Event, r interface {
	GetCustomer() string
	GetResponse() string
},
) *eventv1.Event {
	e.Brand, e.Key = name.Join("brands", brand), r.GetCustomer()
	if e.Key == "" {
		e.Key = r.GetResponse()
	}
	return e
}

// aboutResponse returns the response that e is about, or "".
func aboutResponse(e *eventv1.Event) string {
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_ResponseSubmitted:
		return p.ResponseSubmitted.GetResponse()
	case *eventv1.Event_ResponseExcluded:
		return p.ResponseExcluded.GetResponse()
	}
	return ""
}
