package abuse

import (
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

type responseRequest = surveyv1.SubmitResponseRequest

// answerRows are about what is answered.
func answerRows() []row {
	return append(answerFormRows(), []row{
		// The limit is the contract's: 8,192 bytes.
		refusedAnswer("S29", "8,193 bytes of words", "response.answers[1].text", rating("how", 9), words("why", strings.Repeat("a", 8193))),
		both("S30", "a card number in the words", private()),
		refusedAnswer("S31", "a NUL in the words", "response.answers[1].text", rating("how", 9), words("why", "a\x00")),
		// Who is sure of the address is for the service to say; the contract has no field
		// for it. What it does have of its own, such as the state, is not taken over.
		web("S48", "who claims to be verified", post("/v1/brands/acme/responses",
			`{"survey":"`+nps+`","answers":[{"questionId":"how","rating":9}],"verified_email":true}`), 400),
		both("S48", "who claims to be excluded", ask{
			req: submit(func(r *responseRequest) { r.Response.State = surveyv1.Response_STATE_EXCLUDED }),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if got := m.(*surveyv1.Response); got.GetState() != surveyv1.Response_STATE_COMPLETE {
					t.Errorf("response = %v, want it to count", got)
				}
			},
		}),
		both("S50", "submitted the day after tomorrow", ask{
			req: submit(func(r *responseRequest) { r.Response.SubmitTime = later() }), code: invalid, field: "response.submit_time",
		}),
		each("S54", "an hour after the close", func(t *testing.T, s *suite, way surface) { closing(t, s, way, time.Hour) }),
		// The tests of the survey service do this on both databases.
		each("S55", "at the close", func(t *testing.T, s *suite, way surface) { closing(t, s, way, 0) }),
		each("S55", "a microsecond before the close", func(t *testing.T, s *suite, way surface) { closing(t, s, way, -time.Microsecond) }),
		both("S63", "a response of nobody known", ask{req: submit(func(r *responseRequest) { r.Response.Customer = "" })}),
	}...)
}

// answerFormRows are about the form of answers.
func answerFormRows() []row {
	return []row{
		refusedAnswer("S16", "11 on NPS", "response.answers[0].rating", rating("how", 11)),
		refusedAnswer("S17", "-1 on NPS", "response.answers[0].rating", rating("how", -1)),
		web("S18", "6.5 on NPS", submitted(`6.5`), 400),
		web("S19", "a rating in quotes", submitted(`"9"`), 200),
		web("S20", "a rating with a point", submitted(`9.0`), 200),
		web("S21", "a rating with an exponent", submitted(`1e1`), 200),
		refusedFor("S22", "0 on CSAT", "response.answers[0].rating", csat, rating("how", 0)),
		refusedAnswer("S23", "a required question left out", "response.answers", words("why", "because")),
		web("S24", "a rating of null", submitted(`9},{"questionId":"ease","rating":null`), 200),
		both("S24", "an answer without a value to an optional question", ask{
			req: answering(rating("how", 9), &surveyv1.Answer{QuestionId: "ease"}),
			check: func(t *testing.T, _ *suite, m proto.Message) {
				if got := m.(*surveyv1.Response).GetAnswers(); len(got) != 1 || got[0].GetQuestionId() != "how" {
					t.Errorf("answers = %v, want the one with a value", got)
				}
			},
		}),
		refusedAnswer("S24", "an answer without a value to a required question", "response.answers[0].value", &surveyv1.Answer{QuestionId: "how"}, words("why", "because")),
		both("S24", "an optional question left out", ask{req: answering(rating("how", 9))}),
		refusedAnswer("S25", "an answer to no question", "response.answers[1].question_id", rating("how", 9), rating("whence", 1)),
		refusedAnswer("S26", "two answers to a question", "response.answers", rating("how", 9), rating("how", 1)),
		refusedAnswer("S27", "words for a rating", "response.answers[0].text", words("how", "nine")),
		refusedFor("S27", "two choices where there is one", "response.answers[0].choices", menu, chosen("color", "red", "blue")),
		refusedFor("S28", "the choice of another question", "response.answers[0].choices", menu, chosen("color", "s")),
		refusedFor("S28", "the choice of another question among good ones", "response.answers[0].choices", menu, chosen("sizes", "s", "red")),
	}
}

// answering is a response with those answers.
func answering(answers ...*surveyv1.Answer) *responseRequest {
	return submit(func(r *responseRequest) { r.Response.Answers = answers })
}

func refusedAnswer(id, name, field string, answers ...*surveyv1.Answer) row {
	return refusedFor(id, name, field, nps, answers...)
}

func refusedFor(id, name, field, survey string, answers ...*surveyv1.Answer) row {
	req := answering(answers...)
	req.Response.Survey = survey
	return both(id, name, ask{req: req, code: invalid, field: field})
}

// submitted is a response in JSON with that rating.
func submitted(rating string) webRequest {
	return post("/v1/brands/acme/responses", `{"survey":"`+nps+`","answers":[{"questionId":"how","rating":`+rating+`}]}`)
}

// private are words that must go to the response and nowhere else.
func private() ask {
	const canary = "4111 1111 1111 1111 ann@example.com"
	return ask{req: answering(rating("how", 9), words("why", canary)), check: func(t *testing.T, s *suite, m proto.Message) {
		got := must[*surveyv1.Response](t, s, &surveyv1.GetResponseRequest{Name: m.(*surveyv1.Response).GetName()})
		if text := got.GetAnswers()[1].GetText(); text != canary {
			t.Errorf("words = %q, want %q", text, canary)
		}
		s.settled(t)
		if strings.Contains(s.log.String(), "4111") {
			t.Error("the words are in the log")
		}
		if ids := s.strings(t, "survey", `SELECT id FROM outbox WHERE instr(payload, $1) > 0`, canary); len(ids) > 0 {
			t.Errorf("the words are in the events %v", ids)
		}
	}}
}

// closing answers a survey some time after it has closed.
func closing(t *testing.T, s *suite, way surface, after time.Duration) {
	t.Helper()
	survey := must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.CloseTime = noon }))
	a := ask{req: submit(func(r *responseRequest) {
		r.Response.Survey, r.Response.SubmitTime = survey.GetName(), timestamppb.New(noon.AsTime().Add(after))
	})}
	if after >= 0 {
		a.code, a.reason = codes.FailedPrecondition, "SURVEY_NOT_ACTIVE"
	}
	a.on(way)(t, s)
}
