package api

import (
	"fmt"
	"slices"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/survey/internal/questionnaire"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A checker compares what was answered with what was asked and collects all that is
// wrong.
type checker struct {
	survey  store.Survey
	path    string // of the answers
	partial bool   // whether more may come
	wrong   []fault.Field
}

// answers returns the answers as they are stored. One without a value is none.
func (c *checker) answers(given []*surveyv1.Answer) []store.Answer {
	all, known := make([]store.Answer, 0, len(given)), make(map[string]int, len(given)) // the place in all, or -1
	for i, p := range given {
		path := fmt.Sprintf("%s[%d]", c.path, i)
		q, _, ok := question(c.survey, p.GetQuestionId())
		if !ok {
			c.refuse(path+".question_id", "UNKNOWN_QUESTION", "must be a question of the survey")
			continue
		}
		if p.GetValue() == nil {
			continue
		}
		known[q.ID] = -1
		a, f, ok := answer(q, p)
		if !ok {
			f.Path = path + f.Path
			c.wrong = append(c.wrong, f)
			continue
		}
		a.Touchpoint = within(c.survey.Brand, p.GetTouchpoint())
		known[q.ID] = len(all)
		all = append(all, a)
	}
	if !c.partial {
		c.asked(given, all, known)
	}
	return all
}

// asked compares the answers with the questions that they lead to.
func (c *checker) asked(given []*surveyv1.Answer, all []store.Answer, known map[string]int) {
	asked := questionnaire.Asked(c.survey.Questions, func(id string) (store.Answer, bool) {
		if place, ok := known[id]; ok && place >= 0 {
			return all[place], true
		}
		return store.Answer{}, false
	})
	for i, p := range given {
		if _, ok := known[p.GetQuestionId()]; ok && !asked[p.GetQuestionId()] {
			c.refuse(fmt.Sprintf("%s[%d].question_id", c.path, i), "NOT_ASKED", "is not asked after the other answers")
		}
	}
	for _, q := range c.survey.Questions {
		if _, ok := known[q.ID]; !q.Required || !asked[q.ID] || ok {
			continue
		}
		path := c.path
		if i := slices.IndexFunc(given, func(p *surveyv1.Answer) bool { return p.GetQuestionId() == q.ID }); i >= 0 {
			path = fmt.Sprintf("%s[%d].value", c.path, i)
		}
		c.refuse(path, "REQUIRED", "question "+q.ID+" must be answered")
	}
	if len(known) == 0 && len(c.wrong) == 0 {
		c.refuse(c.path, "REQUIRED", "must answer a question")
	}
}

// distinct refuses answers of which two are to the same question. As a rule of the
// contract it would take most of the time that checking a response takes.
func distinct(answers []*surveyv1.Answer) error {
	seen := make(map[string]bool, len(answers))
	for _, a := range answers {
		if seen[a.GetQuestionId()] {
			return fault.Invalid(fault.Field{
				Path: "response.answers", Reason: "response.answers.unique", Description: "a question is answered at most once",
			})
		}
		seen[a.GetQuestionId()] = true
	}
	return nil
}

func (c *checker) refuse(path, reason, description string) {
	c.wrong = append(c.wrong, fault.Field{Path: path, Reason: reason, Description: description})
}

// answer returns the answer p to q, if it is of the form that q's kind asks for.
func answer(q store.Question, p *surveyv1.Answer) (store.Answer, fault.Field, bool) {
	a := store.Answer{Question: q.ID, Kind: q.Kind, Definition: q.Definition}
	form, on := formOf(p), scale.Kind(q.Kind)
	if want := wanted(on); form != want {
		return a, fault.Field{Path: form.path(), Reason: "WANTS_" + strings.ToUpper(string(want)), Description: "question " + q.ID + " asks for " + string(want)}, false
	}
	switch form {
	case inWords:
		a.Words = p.GetText()
	case asExpectation:
		a.Rating = int32(p.GetExpectation())
	case asRating:
		a.Rating = p.GetRating()
		if s, _ := on.Scale(); !s.Holds(a.Rating) {
			return a, fault.Field{
				Path: form.path(), Reason: "OFF_SCALE", Description: fmt.Sprintf("must be %d to %d for question %s", s.Min, s.Max, q.ID),
			}, false
		}
	case asChoices:
		return chosen(a, q, p.GetChoices().GetChoiceIds())
	}
	return a, fault.Field{}, true
}

// chosen puts choices into a, in the order of the question.
func chosen(a store.Answer, q store.Question, ids []string) (store.Answer, fault.Field, bool) {
	if scale.Kind(q.Kind) == scale.Choice && len(ids) != 1 {
		return a, fault.Field{Path: asChoices.path(), Reason: "ONE_CHOICE", Description: "must be one choice for question " + q.ID}, false
	}
	for _, c := range q.Choices {
		if slices.Contains(ids, c.ID) {
			a.Choices = append(a.Choices, c.ID)
		}
	}
	if len(a.Choices) != len(ids) {
		return a, fault.Field{Path: asChoices.path(), Reason: "UNKNOWN_CHOICE", Description: "must be choices of question " + q.ID}, false
	}
	return a, fault.Field{}, true
}

// A form is one in which a question is answered.
type form string

// The forms, as a caller is told of them.
const (
	asRating      form = "rating"
	inWords       form = "words"
	asChoices     form = "choices"
	asExpectation form = "expectation"
)

// path returns the field of an answer that holds the form.
func (f form) path() string {
	if f == inWords {
		return ".text"
	}
	return "." + string(f)
}

func formOf(p *surveyv1.Answer) form {
	switch p.GetValue().(type) {
	case *surveyv1.Answer_Text:
		return inWords
	case *surveyv1.Answer_Choices:
		return asChoices
	case *surveyv1.Answer_Expectation:
		return asExpectation
	}
	return asRating
}

// wanted returns the form in which questions of the kind are answered.
func wanted(k scale.Kind) form {
	_, most := k.Choices()
	switch {
	case k.Rated():
		return asRating
	case k == scale.Expectation:
		return asExpectation
	case most > 0:
		return asChoices
	}
	return inWords
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
