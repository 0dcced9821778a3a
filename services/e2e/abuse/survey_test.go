package abuse

import (
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

type (
	surveyRequest   = surveyv1.CreateSurveyRequest
	responseRequest = surveyv1.SubmitResponseRequest
)

// answering is a response with those answers.
func answering(answers ...*surveyv1.Answer) *responseRequest {
	return submit(func(r *responseRequest) { r.Response.Answers = answers })
}

// surveyRows are about what is asked, of whom, and what is answered.
func surveyRows() []row {
	rows := []row{
		of("S01", "no question", "survey.questions", func(r *surveyRequest) { r.Survey.Questions = nil }),
		of("S02", "NPS on a scale of 1 to 5", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_NPS, 1, 5)),
		of("S03", "CSAT on a scale of 0 to 10", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_CSAT5, 0, 10)),
		of("S04", "a scale upside down", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_CES_V2, 7, 1)),
		of("S05", "a question of 501 characters", "survey.questions[0].text", func(r *surveyRequest) {
			r.Survey.Questions[0].Text = strings.Repeat("a", 501)
		}),
		of("S06", "two questions of one id", "survey.questions", func(r *surveyRequest) { r.Survey.Questions[1].QuestionId = "how" }),
		of("S12", "a quiet period below zero", "survey.quiet_period", func(r *surveyRequest) { r.Survey.QuietPeriod = durationpb.New(-1) }),
		of("P32", "a sampling rate of 0", "survey.sampling_rate", func(r *surveyRequest) { r.Survey.SamplingRate = proto.Float64(0) }),
		both("S13", "another brand's survey", ask{req: &surveyv1.GetSurveyRequest{Name: "brands/other/surveys/nps"}, code: notFound}),
	}
	for _, id := range []string{"a.b", "a/b", "a b", "😀", "", "A"} {
		rows = append(rows, of("S07", "a question's id of "+id, "survey.questions[0].question_id", func(r *surveyRequest) {
			r.Survey.Questions[0].QuestionId = id
		}))
	}
	return rows
}

// answerRows are about what is answered.
func answerRows() []row {
	return []row{
		refusedAnswer("S16", "11 on NPS", "response.answers[0].rating", rating("how", 11)),
		refusedAnswer("S17", "-1 on NPS", "response.answers[0].rating", rating("how", -1)),
		web("S18", "6.5 on NPS", submitted(`6.5`), 400),
		web("S19", "a rating in quotes", submitted(`"9"`), 200),
		web("S20", "a rating with a point", submitted(`9.0`), 200),
		web("S21", "a rating with an exponent", submitted(`1e1`), 200),
		both("S22", "0 on CSAT", ask{
			req: submit(func(r *responseRequest) {
				r.Response.Survey, r.Response.Answers = csat, []*surveyv1.Answer{rating("how", 0)}
			}), code: invalid, field: "response.answers[0].rating",
		}),
		refusedAnswer("S23", "a required question left out", "response.answers", words("why", "because")),
		// An answer without a value is none: leave the answer out.
		web("S24", "a rating of null", submitted(`9},{"questionId":"ease","rating":null`), 400),
		both("S24", "an optional question left out", ask{req: answering(rating("how", 9))}),
		refusedAnswer("S25", "an answer to no question", "response.answers[1].question_id", rating("how", 9), rating("whence", 1)),
		refusedAnswer("S26", "two answers to a question", "response.answers", rating("how", 9), rating("how", 1)),
		refusedAnswer("S27", "words for a rating", "response.answers[0].text", words("how", "nine")),
		refusedAnswer("S29", "8,193 bytes of words", "response.answers[1].text", rating("how", 9), words("why", strings.Repeat("a", 8193))),
		both("S30", "a card number in the words", private()),
		refusedAnswer("S31", "a NUL in the words", "response.answers[1].text", rating("how", 9), words("why", "a\x00")),
	}
}

// invitationRows are about who answers, and how often.
func invitationRows() []row {
	return []row{
		each("S32", "one response twice in one request", func(t *testing.T, s *suite, way surface) {
			before, id := s.settled(t), uuid.NewString()
			if first, second := s.create(t, way, id, submit()), s.create(t, way, id, submit()); !proto.Equal(first.msg, second.msg) {
				t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
			}
			if n := s.rows(t)["survey.response"] - before["survey.response"]; n != 1 {
				t.Errorf("%d responses, want 1", n)
			}
		}),
		each("S33", "another response in the same request", func(t *testing.T, s *suite, way surface) {
			id := uuid.NewString()
			s.create(t, way, id, submit())
			ask{code: exists, reason: "IDEMPOTENCY_MISMATCH"}.want(t, way, s.repeat(t, way, id, answering(rating("how", 1))))
		}),
		each("S34", "a second response to an invitation", func(t *testing.T, s *suite, way surface) {
			invitation := s.invite(t, "")
			s.create(t, way, "", invited(invitation))
			before := s.settled(t)
			ask{code: codes.FailedPrecondition, reason: "ALREADY_ANSWERED"}.want(t, way, s.repeat(t, way, "", invited(invitation)))
			s.unchanged(t, before)
		}),
		each("S35", "sixteen responses to an invitation at once", sixteen),
		each("S41", "an invitation to another survey", func(t *testing.T, s *suite, way surface) {
			a := ask{code: invalid, field: "response.invitation"} // the response says so itself, so there is nothing to hide
			a.req = invited(s.invite(t, ""), func(r *responseRequest) {
				r.Response.Survey, r.Response.Answers = csat, []*surveyv1.Answer{rating("how", 4)}
			})
			a.want(t, way, s.send(t, way, a))
		}),
		both("S43", "an invitation nobody has", ask{req: invited(nps + "/invitations/none"), code: notFound}),
		both("S43", "an invitation in capitals", ask{req: invited(nps + "/invitations/NONE"), code: invalid, field: "response.invitation"}),
		// The invitation is known, only the customer is wrong: no question of rights.
		each("S49", "a response of another customer", func(t *testing.T, s *suite, way surface) {
			a := ask{code: invalid, field: "response.customer"}
			a.req = invited(s.invite(t, ""), func(r *responseRequest) { r.Response.Customer = acme + "/customers/bob" })
			a.want(t, way, s.send(t, way, a))
		}),
		both("S50", "submitted the day after tomorrow", ask{
			req: submit(func(r *responseRequest) { r.Response.SubmitTime = later() }), code: invalid, field: "response.submit_time",
		}),
		each("S51", "submitted before the invitation", func(t *testing.T, s *suite, way surface) {
			a := ask{code: invalid, field: "response.submit_time"}
			a.req = invited(s.invite(t, ""), func(r *responseRequest) { r.Response.SubmitTime = timestamppb.New(noon.AsTime().AddDate(-1, 0, 0)) })
			a.want(t, way, s.send(t, way, a))
		}),
		each("S59", "one occasion twice", func(t *testing.T, s *suite, way surface) { again(t, s, way, 0) }),
		each("S60", "one occasion twice, as two requests", func(t *testing.T, s *suite, way surface) { again(t, s, way, 0) }),
		each("S61", "an occasion within the quiet period", func(t *testing.T, s *suite, way surface) { again(t, s, way, time.Hour) }),
		both("S63", "a response of nobody known", ask{req: submit(func(r *responseRequest) { r.Response.Customer = "" })}),
	}
}

// of is a survey that is refused for a field.
func of(id, name, field string, spoil func(*surveyRequest)) row {
	return both(id, name, ask{req: newSurvey(spoil), code: invalid, field: field})
}

func scaled(kind surveyv1.Question_Kind, min, max int32) func(*surveyRequest) {
	return func(r *surveyRequest) {
		r.Survey.Questions[0].Kind, r.Survey.Questions[0].Scale = kind, &surveyv1.Scale{Min: min, Max: max, HigherIsBetter: true}
	}
}

func refusedAnswer(id, name, field string, answers ...*surveyv1.Answer) row {
	return both(id, name, ask{req: answering(answers...), code: invalid, field: field})
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

// invite invites a customer of its own, on the occasion of interaction if that is
// not empty, and returns the invitation's name.
func (s *suite) invite(t *testing.T, interaction string) string {
	t.Helper()
	v := must[*surveyv1.Invitation](t, s, check(func(r *surveyv1.CheckEligibilityRequest) {
		r.Customer, r.Interaction = acme+"/customers/c"+uuid.NewString(), interaction
	}))
	if v.GetDecision() != surveyv1.Invitation_DECISION_SENT {
		t.Fatalf("invitation = %v, want it sent", v)
	}
	return v.GetName()
}

// invited is a response to an invitation.
func invited(invitation string, spoil ...func(*responseRequest)) *responseRequest {
	return spoiled(submit(func(r *responseRequest) {
		r.Response.Invitation, r.Response.Customer, r.Response.SubmitTime = invitation, "", nil
	}), spoil)
}

func sixteen(t *testing.T, s *suite, way surface) {
	before, invitation := s.settled(t), s.invite(t, "")
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[codes.Code]int{}
	)
	for range 16 {
		wg.Go(func() {
			code := s.repeat(t, way, uuid.NewString(), invited(invitation)).status.Code()
			mu.Lock()
			defer mu.Unlock()
			seen[code]++
		})
	}
	wg.Wait()
	if seen[codes.OK] != 1 || seen[codes.FailedPrecondition] != 15 {
		t.Errorf("codes = %v, want one OK and 15 FailedPrecondition", seen)
	}
	if n := s.rows(t)["survey.response"] - before["survey.response"]; n != 1 {
		t.Errorf("%d responses, want 1", n)
	}
}

// again asks for a customer twice, the second time after a while, of a survey that
// leaves customers alone for a day. Only the first is invited.
func again(t *testing.T, s *suite, way surface, after time.Duration) {
	t.Helper()
	survey := must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.QuietPeriod = durationpb.New(24 * time.Hour) }))
	customer := acme + "/customers/c" + uuid.NewString()
	ask := func(at time.Time) *surveyv1.Invitation {
		got := s.create(t, way, "", &surveyv1.CheckEligibilityRequest{
			Survey: survey.GetName(), Customer: customer, Channel: typev1.Channel_CHANNEL_EMAIL, DecideTime: timestamppb.New(at),
		})
		return got.msg.(*surveyv1.Invitation)
	}
	want := surveyv1.Invitation_DECISION_DUPLICATE
	if after > 0 {
		want = surveyv1.Invitation_DECISION_QUIET_PERIOD
	}
	first, second := ask(noon.AsTime()), ask(noon.AsTime().Add(after))
	if first.GetDecision() != surveyv1.Invitation_DECISION_SENT || second.GetDecision() != want {
		t.Errorf("decisions = %v, %v, want SENT and %v", first.GetDecision(), second.GetDecision(), want)
	}
}
