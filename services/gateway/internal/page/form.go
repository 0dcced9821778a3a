package page

import (
	"fmt"
	"html/template"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// prefix begins the name of every input that belongs to a question.
const prefix = "q."

// maxText is how many bytes words may have.
const maxText = 8192

// A view is what the template shows.
type view struct {
	Words     words
	Style     template.CSS
	Language  string
	Direction string // ltr or rtl
	Title     string
	Message   string // instead of a form
	Intro     string
	Nonce     string
	Revision  string
	Seen      string // the questions of the pages before
	Asked     string // the questions on this page
	Error     string // above the form
	Saves     bool   // whether it can be saved for later
	Last      bool   // whether nothing can follow
	Earlier   []input
	Questions []question
}

// An input is a hidden one, with an answer of an earlier page.
type input struct{ Name, Value string }

// A question is one as it is shown.
type question struct {
	ID, Name, Text string
	Required       bool
	Error          string
	Low, High      string // what the ends of the scale mean
	Kind           string // radio, checkbox or text
	Points         []point
	Value          string // of a text
}

// A point is one answer to choose.
type point struct {
	ID, Value, Label string
	Chosen           bool
}

// show shows the next questions, with what is wrong with the ones before. It carries
// the answers of the pages before along, and no others: a customer may go back and take
// another branch.
func (v *visit) show(code int, wrong map[string]string) {
	now := v.form.GetNextQuestions()
	data := view{
		Words: v.words, Style: template.CSS(style), Language: v.language(), Direction: direction(v.language()), Title: v.title(), Nonce: v.form.GetNonce(), Revision: v.revision(), //nolint:gosec // our own
		Error: wrong[""], Saves: v.token != "" && !v.form.GetSurvey().GetAnonymous(), Asked: strings.Join(now, " "),
	}
	if nonce := v.r.PostForm.Get("nonce"); nonce != "" {
		data.Nonce = nonce
	}
	if len(wrong) > 0 && data.Error == "" {
		data.Error = v.words.Wrong
	}
	var seen []string
	before := strings.Fields(v.r.PostForm.Get("seen"))
	if asked := strings.Fields(v.r.PostForm.Get("asked")); v.r.PostForm.Has("seen") && !slices.Equal(asked, now) {
		before = append(before, asked...)
	}
	for i, q := range v.form.GetSurvey().GetQuestions() {
		id := q.GetQuestionId()
		switch {
		case slices.Contains(now, id):
			one := v.question(q)
			one.Error = wrong[id]
			data.Questions = append(data.Questions, one)
			data.Last = i == len(v.form.GetSurvey().GetQuestions())-1
			if i == 0 {
				data.Intro = v.form.GetSurvey().GetIntroduction().GetText()
			}
		case slices.Contains(before, id):
			seen = append(seen, id)
			for _, value := range values(v.given, q) {
				data.Earlier = append(data.Earlier, input{prefix + id, value})
			}
		}
	}
	data.Seen = strings.Join(seen, " ")
	v.render(code, data)
}

// question returns q as it is shown.
func (v *visit) question(q *surveyv1.Question) question {
	one := question{ID: "q-" + q.GetQuestionId(), Name: prefix + q.GetQuestionId(), Text: q.GetText(), Required: q.GetRequired(), Kind: "radio"}
	given := values(v.given, q)
	if len(given) == 0 {
		given = values(v.saved, q)
	}
	add := func(value, label string) {
		one.Points = append(one.Points, point{
			ID: fmt.Sprintf("%s-%s", one.ID, value), Value: value, Label: label, Chosen: slices.Contains(given, value),
		})
	}
	switch q.GetKind() {
	case surveyv1.Question_KIND_CHOICE, surveyv1.Question_KIND_MULTI:
		if q.GetKind() == surveyv1.Question_KIND_MULTI {
			one.Kind = "checkbox"
		}
		for _, c := range q.GetChoices() {
			add(c.GetChoiceId(), c.GetText())
		}
	case surveyv1.Question_KIND_EXPECTATION:
		for i, label := range []string{v.words.Unmet, v.words.Met, v.words.Exceeded} {
			add(strconv.Itoa(i+1), label)
		}
	case surveyv1.Question_KIND_OPEN:
		one.Kind = "text"
		if len(given) > 0 {
			one.Value = given[0]
		}
	default:
		for n := q.GetScale().GetMin(); n <= q.GetScale().GetMax(); n++ {
			add(strconv.Itoa(int(n)), strconv.Itoa(int(n)))
		}
		one.Low, one.High = v.words.ends(q.GetKind())
	}
	return one
}

// wrong returns what to say at the questions of this page whose answers cannot be
// taken: words that are too long and, unless they are only saved, required ones that
// are missing.
func (v *visit) wrong(asked []string, saved bool) map[string]string {
	wrong := map[string]string{}
	for _, q := range v.form.GetSurvey().GetQuestions() {
		if !slices.Contains(asked, q.GetQuestionId()) {
			continue
		}
		given := values(v.given, q)
		switch {
		case len(given) == 0 && q.GetRequired() && !saved:
			wrong[q.GetQuestionId()] = v.words.Required
		case len(given) > 0 && q.GetKind() == surveyv1.Question_KIND_OPEN && len(given[0]) > maxText:
			wrong[q.GetQuestionId()] = v.words.Long
		}
	}
	return wrong
}

// answers reads the answers in a form. What is no answer to its question is left
// out.
func (v *visit) answers(sent url.Values) []*surveyv1.Answer {
	var all []*surveyv1.Answer
	for _, q := range v.form.GetSurvey().GetQuestions() {
		if a := answer(q, sent[prefix+q.GetQuestionId()]); a != nil {
			all = append(all, a)
		}
	}
	return all
}

// answer returns the answer that the values of q's input are, nil if they are none.
func answer(q *surveyv1.Question, sent []string) *surveyv1.Answer {
	sent = slices.DeleteFunc(slices.Clone(sent), func(s string) bool { return strings.TrimSpace(s) == "" })
	if len(sent) == 0 {
		return nil
	}
	a := &surveyv1.Answer{QuestionId: q.GetQuestionId()}
	switch q.GetKind() {
	case surveyv1.Question_KIND_OPEN:
		a.Value = &surveyv1.Answer_Text{Text: strings.ReplaceAll(strings.ToValidUTF8(sent[0], "\uFFFD"), "\x00", "")}
		return a
	case surveyv1.Question_KIND_CHOICE, surveyv1.Question_KIND_MULTI:
		slices.Sort(sent)
		a.Value = &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: slices.Compact(sent)}}
		return a
	}
	n, err := strconv.ParseInt(sent[0], 10, 32)
	if err != nil {
		return nil
	}
	if q.GetKind() == surveyv1.Question_KIND_EXPECTATION {
		a.Value = &surveyv1.Answer_Expectation{Expectation: typev1.Expectation(n)}
	} else {
		a.Value = &surveyv1.Answer_Rating{Rating: int32(n)}
	}
	return a
}

// values returns the answer to q among given, as its input has it.
func values(given []*surveyv1.Answer, q *surveyv1.Question) []string {
	for _, a := range given {
		if a.GetQuestionId() != q.GetQuestionId() {
			continue
		}
		switch x := a.GetValue().(type) {
		case *surveyv1.Answer_Rating:
			return []string{strconv.Itoa(int(x.Rating))}
		case *surveyv1.Answer_Text:
			return []string{x.Text}
		case *surveyv1.Answer_Choices:
			return x.Choices.GetChoiceIds()
		case *surveyv1.Answer_Expectation:
			return []string{strconv.Itoa(int(x.Expectation))}
		}
	}
	return nil
}

var _ http.Handler = (*Server)(nil)
