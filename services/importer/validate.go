package importer

import (
	"fmt"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/status"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
)

// none names nothing.
func none(string) bool { return false }

// wouldExist reports whether what a service misses is something that the import
// itself would have made by then. A service looks for it only after the request has
// passed the rules of its contract.
func (s *session) wouldExist(st *status.Status, named func(string) bool) bool {
	for _, d := range st.Details() {
		if i, ok := d.(*errdetails.ErrorInfo); ok {
			name := i.GetMetadata()["name"]
			return s.planned[name] || named(name)
		}
	}
	return false
}

// offline checks what a service could not, because a survey does not exist yet: the
// answers against its questions. Other steps have nothing left to check.
func (s *session) offline(step *mapping.Step) result {
	req, ok := step.Request.(*surveyv1.SubmitResponseRequest)
	if !ok {
		return result{outcome: sent}
	}
	for _, c := range s.program.Surveys {
		if c.GetParent()+"/surveys/"+c.GetSurveyId() != req.GetResponse().GetSurvey() {
			continue
		}
		var faults []Refusal
		for _, f := range misfits(c.GetSurvey(), req.GetResponse()) {
			faults = append(faults, refusal(step, f))
		}
		if len(faults) > 0 {
			return result{outcome: refused, refusals: faults}
		}
	}
	return result{outcome: sent}
}

// misfits says which answers a survey would refuse.
func misfits(survey *surveyv1.Survey, response *surveyv1.Response) []string {
	var faults []string
	questions, answered := map[string]*surveyv1.Question{}, map[string]bool{}
	for _, q := range survey.GetQuestions() {
		questions[q.GetQuestionId()] = q
	}
	for i, a := range response.GetAnswers() {
		q, at := questions[a.GetQuestionId()], fmt.Sprintf("response.answers[%d]", i)
		answered[a.GetQuestionId()] = true
		lowest, highest := scale(q.GetKind())
		_, words := a.GetValue().(*surveyv1.Answer_Text)
		switch {
		case q == nil:
			faults = append(faults, fmt.Sprintf("%s.question_id: the survey has no question %s", at, a.GetQuestionId()))
		case words != (q.GetKind() == surveyv1.Question_KIND_OPEN):
			faults = append(faults, at+": words and ratings do not stand for each other")
		case !words && (a.GetRating() < lowest || a.GetRating() > highest):
			faults = append(faults, fmt.Sprintf("%s.rating: must be %d to %d", at, lowest, highest))
		}
	}
	for _, q := range survey.GetQuestions() {
		if q.GetRequired() && !answered[q.GetQuestionId()] {
			faults = append(faults, fmt.Sprintf("response.answers: question %s needs an answer", q.GetQuestionId()))
		}
	}
	return faults
}

// scale returns the ends of the scale that the contract gives a kind of question.
func scale(k surveyv1.Question_Kind) (lowest, highest int32) {
	switch k {
	case surveyv1.Question_KIND_NPS:
		return 0, 10
	case surveyv1.Question_KIND_CES_V2, surveyv1.Question_KIND_CES_EASE:
		return 1, 7
	default:
		return 1, 5
	}
}
