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
	ratings := slices.Clone(r.Answers)
	slices.SortStableFunc(ratings, func(a, b store.Answer) int {
		_, i, _ := question(survey, a.Question)
		_, j, _ := question(survey, b.Question)
		return i - j
	})
	e := &eventv1.ResponseSubmitted{
		Response: responseName(r.Brand, r.ID), Survey: surveyName(r.Brand, r.Survey),
		Subject: toSubject(r.Subject), SubmitTime: timestamp(r.SubmitTime), Customer: full(r.Brand, r.Customer),
	}
	for _, a := range ratings {
		on, ok := scale.Kind(a.Kind).Scale()
		if !ok {
			continue
		}
		target := a.Touchpoint
		if target == "" && a.Definition == "" {
			target, whole = whole, ""
		}
		if target == "" {
			continue
		}
		e.Ratings = append(e.Ratings, &eventv1.Rating{
			Target: full(r.Brand, target), Rating: a.Rating, Min: on.Min, Max: on.Max, LowerIsBetter: !on.HigherIsBetter,
		})
	}
	key := e.GetCustomer()
	if key == "" {
		key = e.GetResponse()
	}
	return &eventv1.Event{
		Brand: name.Join("brands", r.Brand), Key: key, EventTime: e.GetSubmitTime(),
		Payload: &eventv1.Event_ResponseSubmitted{ResponseSubmitted: e},
	}
}
