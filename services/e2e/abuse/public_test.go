package abuse

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// publicRows are about answers without a token, by nobody in particular. The last of
// them spend what an address may submit.
func publicRows() []row {
	required := ask{code: codes.Unauthenticated, reason: "TOKEN_REQUIRED"}
	withoutToken := func(id, name, key string, spoil func(*responseRequest)) row {
		return each(id, name, func(t *testing.T, s *suite, way surface) {
			a := required
			req := openly(invitedOnly(t, s))
			spoil(req)
			a.req, a.key = req, key
			a.on(way)(t, s)
		})
	}
	return []row{
		withoutToken("S46", "no token", "", func(*responseRequest) {}),
		withoutToken("S46", "no token, by who may answer for anybody", acmes, func(*responseRequest) {}),
		each("S46", "the name of an invitation for its token", func(t *testing.T, s *suite, way surface) {
			a := required
			a.req = &responseRequest{Parent: acme, Response: &surveyv1.Response{
				Invitation: s.link(t).GetName(), Answers: []*surveyv1.Answer{rating("how", 9)},
			}}
			a.on(way)(t, s)
		}),
		withoutToken("S47", "an empty token", "", func(r *responseRequest) { r.Token = "" }),
		{id: "S47", name: "an empty token that is said", rest: func(t *testing.T, s *suite) {
			survey := invitedOnly(t, s)
			web("", "", post("/v1/brands/acme/responses?token=", `{"survey":"`+survey+`","answers":[{"questionId":"how","rating":9}]}`), 401).rest(t, s)
		}},
		each("S48", "who claims to be a customer, in public", func(t *testing.T, s *suite, way surface) {
			req := openly(open(t, s))
			req.Response.Customer = ann
			ask{req: req, code: invalid, field: "response.customer"}.on(way)(t, s)
		}),
		each("S65", "the words of customers, for who may not read them", wordless),
		each("S52", "two hundred answers at once from one address", flood),
		{id: "S53", name: "5,001 answers within an hour", grpc: quota}, // in a bubble, where sockets cannot be
	}
}

// openly is an answer without a token.
func openly(survey string) *responseRequest {
	return &responseRequest{Parent: acme, Response: &surveyv1.Response{Survey: survey, Answers: []*surveyv1.Answer{rating("how", 9)}}}
}

// open is a survey that anybody may answer.
func open(t *testing.T, s *suite) string {
	t.Helper()
	return must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.Audience = surveyv1.Survey_AUDIENCE_PUBLIC })).GetName()
}

// invitedOnly is a survey that only those who were invited may answer.
func invitedOnly(t *testing.T, s *suite) string {
	t.Helper()
	return must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.Audience = surveyv1.Survey_AUDIENCE_INVITED })).GetName()
}

// wordless: who lacks the scope for words sees that there are some, and everything else.
func wordless(t *testing.T, s *suite, way surface) {
	req := answering(rating("how", 9), words("why", "Because."))
	req.Response.Customer = s.link(t).GetCustomer()
	name := must[*surveyv1.Response](t, s, req).GetName()
	list := s.send(t, way, ask{req: &surveyv1.ListResponsesRequest{Parent: acme, Customer: req.GetResponse().GetCustomer()}, key: deaf})
	one := s.send(t, way, ask{req: &surveyv1.GetResponseRequest{Name: name}, key: deaf})
	ask{}.want(t, way, list)
	ask{}.want(t, way, one)
	for _, r := range append(list.msg.(*surveyv1.ListResponsesResponse).GetResponses(), one.msg.(*surveyv1.Response)) {
		if a := r.GetAnswers(); !r.GetTextWithheld() || len(a) != 2 || a[0].GetRating() != 9 || a[1].GetQuestionId() != "why" || a[1].Value != nil {
			t.Errorf("response = %v, want it without words", r)
		}
	}
	if n := len(list.msg.(*surveyv1.ListResponsesResponse).GetResponses()); n != 1 {
		t.Errorf("%d responses, want 1", n)
	}
}

// flood sends more than an address may, from several clients at once.
func flood(t *testing.T, s *suite, way surface) {
	survey, before := open(t, s), s.settled(t)
	var (
		wg    sync.WaitGroup
		mu    sync.Mutex
		taken = int64(1)
		begin = time.Now()
	)
	until(t, "the address may submit again", func() bool { return s.send(t, way, ask{req: openly(survey)}).status.Code() == codes.OK })
	for range 8 {
		wg.Go(func() {
			for range 25 {
				got := s.send(t, way, ask{req: openly(survey)})
				if got.status.Code() == codes.OK {
					mu.Lock()
					taken++
					mu.Unlock()
					continue
				}
				exhausted.want(t, way, got)
				if detail[*errdetails.RetryInfo](got.status).GetRetryDelay().AsDuration() <= 0 {
					t.Errorf("%v, want when to come back", got.status.Details())
				}
			}
		})
	}
	wg.Wait()
	if most := 10 + int64(time.Since(begin)/(100*time.Millisecond)) + 1; taken > most {
		t.Errorf("%d answers were taken, want at most %d", taken, most)
	}
	s.answered(t, before, taken)
}

var exhausted = ask{code: codes.ResourceExhausted, reason: "QUOTA_EXCEEDED"}

// quota submits, at the pace that an address may, more than a brand takes in an hour.
// Rehearsals count as well, and are faster.
func quota(t *testing.T, _ *suite) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(noon.AsTime())) // furniture is not of the future
		s := start(t, config{local: true, auth: lock(t)})
		s.key = root
		furnish(t, s)
		survey := open(t, s)
		send := func() answer {
			time.Sleep(100 * time.Millisecond)
			req := openly(survey)
			req.ValidateOnly = true
			return s.send(t, onGRPC, ask{req: req})
		}
		for range 5000 {
			ask{}.want(t, onGRPC, send())
		}
		over := send()
		exhausted.want(t, onGRPC, over)
		if got := detail[*errdetails.ErrorInfo](over.status).GetMetadata()["quota"]; got == "" {
			t.Error("the quota is not told")
		}
		ask{}.want(t, onGRPC, s.send(t, onGRPC, ask{req: openly(survey), key: acmes})) // who is not the public
		time.Sleep(time.Hour)
		ask{}.want(t, onGRPC, send())
	})
}
