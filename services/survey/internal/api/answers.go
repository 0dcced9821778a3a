package api

import (
	"fmt"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// answers checks what was answered against what was asked and reports everything
// that is wrong.
func answers(survey store.Survey, given []*surveyv1.Answer) ([]store.Answer, []fault.Field) {
	var (
		all      []store.Answer
		wrong    []fault.Field
		answered = map[string]bool{}
	)
	for i, p := range given {
		path := fmt.Sprintf("response.answers[%d]", i)
		q, _, ok := question(survey, p.GetQuestionId())
		if !ok {
			wrong = append(wrong, fault.Field{
				Path: path + ".question_id", Reason: "UNKNOWN_QUESTION", Description: "must be a question of the survey",
			})
			continue
		}
		answered[q.ID] = true
		if f, ok := check(q, p); !ok {
			f.Path = path + f.Path
			wrong = append(wrong, f)
			continue
		}
		all = append(all, store.Answer{
			Question: q.ID, Kind: q.Kind, Rating: p.GetRating(), Words: p.GetText(),
			Touchpoint: within(survey.Brand, p.GetTouchpoint()), Definition: q.Definition,
		})
	}
	for _, q := range survey.Questions {
		if q.Required && !answered[q.ID] {
			wrong = append(wrong, fault.Field{
				Path: "response.answers", Reason: "REQUIRED", Description: "question " + q.ID + " must be answered",
			})
		}
	}
	return all, wrong
}

// check reports whether p answers q in the form its kind asks for.
func check(q store.Question, p *surveyv1.Answer) (fault.Field, bool) {
	on, rated := scale.Kind(q.Kind).Scale()
	switch p.GetValue().(type) {
	case *surveyv1.Answer_Rating:
		if !rated {
			return fault.Field{Path: ".rating", Reason: "WANTS_WORDS", Description: "question " + q.ID + " asks for text"}, false
		}
		if !on.Holds(p.GetRating()) {
			return fault.Field{
				Path: ".rating", Reason: "OFF_SCALE",
				Description: fmt.Sprintf("must be %d to %d for question %s", on.Min, on.Max, q.ID),
			}, false
		}
	default:
		if rated {
			return fault.Field{Path: ".text", Reason: "WANTS_RATING", Description: "question " + q.ID + " asks for a rating"}, false
		}
	}
	return fault.Field{}, true
}

// strangers reports the touchpoints in p that are not the customer's who gave r.
func strangers(r store.Response, p *surveyv1.Response) []fault.Field {
	var wrong []fault.Field
	check := func(path, touchpoint string) {
		if touchpoint != "" && (r.Customer == "" || !strings.HasPrefix(touchpoint, full(r.Brand, r.Customer)+"/")) {
			wrong = append(wrong, fault.Field{
				Path: path, Reason: "OTHER_CUSTOMER", Description: "must be a touchpoint of the response's customer",
			})
		}
	}
	check("response.attribution.touchpoint", p.GetAttribution().GetTouchpoint())
	for i, a := range p.GetAnswers() {
		check(fmt.Sprintf("response.answers[%d].touchpoint", i), a.GetTouchpoint())
	}
	return wrong
}
