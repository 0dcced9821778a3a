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
)

// linkRows are about answering with the token of an invitation, and how often. Those
// who do bring no credential, unless it is said.
func linkRows() []row {
	return []row{
		each("S32", "one response twice in one request", func(t *testing.T, s *suite, way surface) {
			req, before, id := s.filled(t, s.link(t)), s.settled(t), uuid.NewString()
			if first, second := s.create(t, way, id, proto.Clone(req)), s.create(t, way, id, proto.Clone(req)); !proto.Equal(first.msg, second.msg) {
				t.Errorf("the second answer is %v, want %v", second.msg, first.msg)
			}
			s.answered(t, before, 1)
		}),
		each("S33", "another response in the same request", func(t *testing.T, s *suite, way surface) {
			req, id := s.filled(t, s.link(t)), uuid.NewString()
			s.create(t, way, id, proto.Clone(req))
			req.Response.Answers = []*surveyv1.Answer{rating("how", 1)}
			ask{code: exists, reason: "IDEMPOTENCY_MISMATCH"}.want(t, way, s.repeat(t, way, id, req))
		}),
		each("S34", "a second response", func(t *testing.T, s *suite, way surface) {
			req := s.filled(t, s.link(t))
			s.create(t, way, "", proto.Clone(req))
			ask{req: req, code: codes.FailedPrecondition, reason: "TOKEN_USED"}.on(way)(t, s)
		}),
		each("S34", "a second response for the customer, by somebody who may", func(t *testing.T, s *suite, way surface) {
			req := &responseRequest{Parent: acme, Response: &surveyv1.Response{
				Invitation: s.link(t).GetName(), Answers: []*surveyv1.Answer{rating("how", 9)},
			}}
			ask{}.want(t, way, s.send(t, way, ask{req: req, key: acmes}))
			ask{req: req, key: acmes, code: codes.FailedPrecondition, reason: "ALREADY_ANSWERED"}.on(way)(t, s)
		}),
		each("S35", "sixteen responses at once", sixteen),
		// The page tests the same of what a scanner posts.
		linked("S38", "an answer of who has not seen the form", ask{code: codes.FailedPrecondition, reason: "NONCE_REQUIRED"}, nothingElse,
			func(_ *testing.T, _ *suite, r *responseRequest) { r.Nonce = "" }),
		linked("S38", "an answer to another form", ask{code: codes.FailedPrecondition, reason: "NONCE_REQUIRED"}, nothingElse,
			func(t *testing.T, s *suite, r *responseRequest) { r.Nonce = s.filled(t, s.link(t)).GetNonce() }),
		linked("S48", "who answered says who called", ask{code: invalid, field: "response.attribution.agent"}, nothingElse,
			func(_ *testing.T, _ *suite, r *responseRequest) {
				r.Response.Attribution = &surveyv1.Attribution{Agent: acme + "/agents/bo"}
			}),
		linked("S49", "a response of another customer", ask{code: codes.PermissionDenied, reason: "OTHER_CUSTOMER"}, nothingElse,
			func(_ *testing.T, _ *suite, r *responseRequest) { r.Response.Customer = acme + "/customers/bob" }),
		linked("S50", "submitted the day after tomorrow", ask{code: invalid, field: "response.submit_time"}, nothingElse,
			func(_ *testing.T, _ *suite, r *responseRequest) { r.Response.SubmitTime = later() }),
		linked("S51", "submitted before the invitation", ask{code: invalid, field: "response.submit_time"}, nothingElse,
			func(_ *testing.T, _ *suite, r *responseRequest) { r.Response.SubmitTime = noon }),
		each("S57", "closed, and then answered", dismissed),
		each("S58", "answered, and then closed", func(t *testing.T, s *suite, way surface) {
			v := s.link(t)
			s.create(t, way, "", s.filled(t, v))
			ask{
				req: &surveyv1.RecordInvitationEventRequest{Name: v.GetName(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED},
				key: acmes, code: codes.FailedPrecondition, reason: "ILLEGAL_TRANSITION",
			}.on(way)(t, s)
		}),
	}
}

// linked is a row about a response to an invitation that is refused, for what comes of
// the invitation or what is wrong with the response.
func linked(id, name string, want ask, happen func(*testing.T, *suite, *surveyv1.Invitation), spoil func(*testing.T, *suite, *responseRequest)) row {
	return each(id, name, func(t *testing.T, s *suite, way surface) {
		v, a := s.link(t), want
		req := s.filled(t, v)
		happen(t, s, v)
		spoil(t, s, req)
		a.req = req
		a.on(way)(t, s)
	})
}

func nothingElse(*testing.T, *suite, *surveyv1.Invitation) {}

// link invites a customer of its own, now, to the survey nps.
func (s *suite) link(t *testing.T, spoil ...func(*surveyv1.CheckEligibilityRequest)) *surveyv1.Invitation {
	t.Helper()
	v := must[*surveyv1.Invitation](t, s, spoiled(check(func(r *surveyv1.CheckEligibilityRequest) {
		r.Customer, r.DecideTime = acme+"/customers/c"+uuid.NewString(), timestamppb.Now()
	}), spoil))
	if v.GetDecision() != surveyv1.Invitation_DECISION_SENT || v.GetToken() == "" {
		t.Fatalf("invitation = %v, want it sent", v)
	}
	s.tokens = append(s.tokens, v.GetToken())
	return v
}

// filled is the form of an invitation, answered.
func (s *suite) filled(t *testing.T, v *surveyv1.Invitation) *responseRequest {
	t.Helper()
	form := s.send(t, onGRPC, ask{req: &surveyv1.GetFormRequest{Parent: acme, Token: v.GetToken()}})
	ask{}.want(t, onGRPC, form)
	return &responseRequest{
		Parent: acme, Token: v.GetToken(), Nonce: form.msg.(*surveyv1.Form).GetNonce(),
		Response: &surveyv1.Response{Answers: []*surveyv1.Answer{rating("how", 9)}},
	}
}

// answered fails unless there are n more responses than before.
func (s *suite) answered(t *testing.T, before map[string]int64, n int64) {
	t.Helper()
	if got := s.rows(t)["survey.response"] - before["survey.response"]; got != n {
		t.Errorf("%d responses, want %d", got, n)
	}
}

func sixteen(t *testing.T, s *suite, way surface) {
	req, before := s.filled(t, s.link(t)), s.settled(t)
	var (
		wg   sync.WaitGroup
		mu   sync.Mutex
		seen = map[codes.Code]int{}
	)
	for range 16 {
		wg.Go(func() {
			code := s.repeat(t, way, uuid.NewString(), proto.Clone(req)).status.Code()
			mu.Lock()
			defer mu.Unlock()
			seen[code]++
		})
	}
	wg.Wait()
	if seen[codes.OK] != 1 || seen[codes.FailedPrecondition] != 15 {
		t.Errorf("codes = %v, want one OK and 15 FailedPrecondition", seen)
	}
	s.answered(t, before, 1)
}

// dismissed closes a prompt and answers it all the same: it counts as answered, once.
func dismissed(t *testing.T, s *suite, way surface) {
	v := s.link(t)
	closed := &surveyv1.RecordInvitationEventRequest{Name: v.GetName(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED}
	ask{}.want(t, way, s.send(t, way, ask{req: closed, key: acmes}))
	before := s.settled(t)
	s.create(t, way, "", s.filled(t, v))
	s.answered(t, before, 1)
	now := must[*surveyv1.Invitation](t, s, &surveyv1.GetInvitationRequest{Name: v.GetName()})
	if now.GetState() != surveyv1.Invitation_STATE_COMPLETED || now.GetDismissTime() == nil || now.GetResponse() == "" {
		t.Errorf("invitation = %v, want it closed and completed", now)
	}
}

// brief is a survey whose invitations expire after a minute.
func brief(t *testing.T, s *suite) string {
	t.Helper()
	return must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.ExpireAfter = durationpb.New(time.Minute) })).GetName()
}

// expiring is an invitation that expires after a while.
func (s *suite) expiring(t *testing.T, after time.Duration) *surveyv1.Invitation {
	t.Helper()
	survey := brief(t, s)
	return s.link(t, func(r *surveyv1.CheckEligibilityRequest) {
		r.Survey, r.DecideTime = survey, timestamppb.New(time.Now().Add(after-time.Minute))
	})
}

// tokenRows are about tokens that are good no more, or never were.
func tokenRows() []row {
	gone := ask{code: notFound, reason: "TOKEN_UNKNOWN"}
	spoilt := func(id, name string, spoil func(token string) string) row {
		return linked(id, name, gone, nothingElse, func(_ *testing.T, _ *suite, r *responseRequest) { r.Token = spoil(r.GetToken()) })
	}
	return []row{
		each("S39", "a token that expired a second ago", func(t *testing.T, s *suite, way surface) {
			v := s.expiring(t, -time.Second)
			late := ask{code: codes.FailedPrecondition, reason: "TOKEN_EXPIRED"}
			late.req = &surveyv1.GetFormRequest{Parent: acme, Token: v.GetToken()}
			late.on(way)(t, s)
			late.key, late.req = acmes, &responseRequest{ // without the form there is no nonce
				Parent: acme, Token: v.GetToken(), Response: &surveyv1.Response{Answers: []*surveyv1.Answer{rating("how", 9)}},
			}
			late.on(way)(t, s)
		}),
		each("S40", "a token that expires while the form is filled in", func(t *testing.T, s *suite, way surface) {
			v := s.expiring(t, 2*time.Second)
			req := s.filled(t, v)
			s.expired(t, v)
			ask{req: req, code: codes.FailedPrecondition, reason: "TOKEN_EXPIRED"}.on(way)(t, s)
		}),
		linked("S41", "a token for another survey", gone, nothingElse, func(_ *testing.T, _ *suite, r *responseRequest) { r.Response.Survey = csat }),
		linked("S42", "a token of another brand", gone, nothingElse, func(_ *testing.T, _ *suite, r *responseRequest) { r.Parent = "brands/other" }),
		each("S43", "a token with one bit changed, whichever it is", flipped),
		spoilt("S43", "a token cut off", func(token string) string { return token[:len(token)-1] }),
		spoilt("S43", "a token twice", func(token string) string { return token + token }),
		spoilt("S43", "a token in capitals", strings.ToUpper),
		spoilt("S44", "a token and a newline", func(token string) string { return token + "\n" }),
		spoilt("S44", "a token and %00", func(token string) string { return token + "%00" }),
		// A NUL is no text: see A27.
		linked("S44", "a token and a NUL", ask{code: invalid, field: "token"}, nothingElse, func(_ *testing.T, _ *suite, r *responseRequest) { r.Token += "\x00" }),
		// What erases a customer will take the invitations back.
		linked("S45", "a token that was taken back", gone, func(t *testing.T, s *suite, v *surveyv1.Invitation) {
			must[*surveyv1.Invitation](t, s, &surveyv1.CancelInvitationRequest{Name: v.GetName()})
		}, func(*testing.T, *suite, *responseRequest) {}),
	}
}

// expired waits until an invitation has expired.
func (s *suite) expired(t *testing.T, v *surveyv1.Invitation) {
	t.Helper()
	until(t, "the invitation expires", func() bool { return !time.Now().Before(v.GetExpireTime().AsTime()) })
}

// flipped changes each bit of a token.
func flipped(t *testing.T, s *suite, way surface) {
	req := s.filled(t, s.link(t))
	before, token := s.settled(t), req.GetToken()
	for i := range len(token) * 8 {
		bad := []byte(token)
		if bad[i/8] ^= 1 << (i % 8); bad[i/8] >= 0x80 || bad[i/8] == 0 {
			continue // no text
		}
		req.Token = string(bad)
		ask{code: notFound, reason: "TOKEN_UNKNOWN"}.want(t, way, s.send(t, way, ask{req: req}))
	}
	s.unchanged(t, before)
}
