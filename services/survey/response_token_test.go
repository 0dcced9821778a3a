package survey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey"
)

// eachGuarded runs f on both databases with a service that asks for credentials. Those
// of [as] it knows.
func eachGuarded(t *testing.T, f func(t *testing.T, c client)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) {
		db := open(t)
		s, err := survey.New(context.Background(), db, survey.Config{TokenKey: tokenKey})
		if err != nil {
			t.Fatal(err)
		}
		srv := rpc.NewServer(rpc.Config{Auth: func(_ context.Context, credential string) (rpc.Caller, error) {
			if credential == "" {
				return rpc.Caller{}, rpc.Unauthenticated()
			}
			return rpc.Caller{Scopes: strings.Split(credential, ",")}, nil
		}})
		s.Register(srv)
		conn := dial(t, srv)
		f(t, client{
			SurveyServiceClient: surveyv1.NewSurveyServiceClient(conn), InvitationServiceClient: surveyv1.NewInvitationServiceClient(conn),
			ResponseServiceClient: surveyv1.NewResponseServiceClient(conn), service: s, db: db,
		})
	})
}

// as returns a context for calls with a credential of the scopes.
func as(ctx context.Context, scopes ...string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+strings.Join(scopes, ","))
}

// open stores v as the survey of the id, as somebody who may.
func (c client) open(t *testing.T, id string, v *surveyv1.Survey) string {
	t.Helper()
	got, err := c.CreateSurvey(as(t.Context(), "*"), &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: id, Survey: v})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetName()
}

// invite has ann asked after interaction i, now.
func (c client) invite(t *testing.T, survey string, i int) *surveyv1.Invitation {
	t.Helper()
	got, err := c.CreateInvitation(as(t.Context(), "*"), &surveyv1.CreateInvitationRequest{
		Parent:     survey,
		Invitation: &surveyv1.Invitation{Customer: ann, Interaction: interaction(i), Channel: typev1.Channel_CHANNEL_PHONE},
	})
	if err != nil || got.GetToken() == "" {
		t.Fatalf("invitation = %v, %v, want one with a token", got, err)
	}
	return got
}

// form gets what the holder of the token is asked.
func (c client) form(t *testing.T, token string) *surveyv1.Form {
	t.Helper()
	got, err := c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Token: token})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// with is the request to answer what the token is for, as a page does.
func (c client) with(t *testing.T, token string, answers ...*surveyv1.Answer) *surveyv1.SubmitResponseRequest {
	t.Helper()
	req := submission("", answers...)
	req.Token, req.Nonce = token, c.form(t, token).GetNonce()
	return req
}

func TestATokenIsGoodForOneAnswer(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name := c.open(t, "s", ask(nps))
		for round := range 4 {
			v := c.invite(t, name, round)
			req := c.with(t, v.GetToken(), rate(nps, 0))
			var (
				wg  sync.WaitGroup
				mu  sync.Mutex
				won []*surveyv1.Response
			)
			for range 16 {
				wg.Go(func() {
					got, err := c.SubmitResponse(context.Background(), proto.CloneOf(req)) // each with a request_id of its own
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won = append(won, got)
						return
					}
					refused(t, "a second answer", err, codes.FailedPrecondition, "TOKEN_USED")
				})
			}
			wg.Wait()
			if len(won) != 1 {
				t.Fatalf("%d responses were accepted, want 1", len(won))
			}
			if got := won[0]; got.GetInvitation() != v.GetName() || got.GetCustomer() != ann || got.GetSurvey() != name ||
				got.GetAttribution().GetInteraction() != interaction(round) || got.GetAnswers()[0].GetValue() == nil {
				t.Errorf("response = %v, want what the invitation knows and the rating", got)
			}
			_, err := c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Token: v.GetToken()})
			refused(t, "the form of a used token", err, codes.FailedPrecondition, "TOKEN_USED")
		}
		if n := c.rows(t, "answer"); n != 4 {
			t.Errorf("%d answers, want 4", n)
		}
	})
}

func TestTheSameRequestIsAnsweredAsBefore(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name := c.open(t, "s", ask(nps))
		req := c.with(t, c.invite(t, name, 0).GetToken(), rate(nps, 3))
		req.RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
		first := c.submit(t, req)
		if _, err := c.PauseSurvey(as(t.Context(), "*"), &surveyv1.PauseSurveyRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		same(t, "the answer to a repeat", c.submit(t, req), first)
		req.Response.Answers[0] = rate(nps, 4)
		_, err := c.SubmitResponse(t.Context(), req)
		refused(t, "another body", err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
	})
}

// TestADeviceWhoseClockIsBehindIsHeard: what counts is not older than the invitation.
func TestADeviceWhoseClockIsBehindIsHeard(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := c.invite(t, c.open(t, "s", ask(nps)), 0)
		asked := v.GetDecideTime().AsTime()
		req := c.with(t, v.GetToken(), rate(nps, 3))
		req.Response.SubmitTime = timestamppb.New(asked.Add(-25 * time.Hour))
		_, err := c.SubmitResponse(t.Context(), proto.CloneOf(req))
		refused(t, "an answer of the day before", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		req.Response.SubmitTime = timestamppb.New(asked.Add(-5 * time.Second))
		if got := c.submit(t, req); !got.GetSubmitTime().AsTime().Equal(asked) {
			t.Errorf("submitted at %v, want %v, when the customer was asked", got.GetSubmitTime().AsTime(), asked)
		}
	})
}

func TestATokenThatIsNoneIsUnknown(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name, other := c.open(t, "s", ask(nps)), c.open(t, "other", ask(nps))
		v := c.invite(t, name, 0)
		token, fine := v.GetToken(), c.with(t, v.GetToken(), rate(nps, 3))
		for what, change := range map[string]func(*surveyv1.SubmitResponseRequest){
			"one character changed":  func(r *surveyv1.SubmitResponseRequest) { r.Token = string(token[0]^1) + token[1:] },
			"truncated":              func(r *surveyv1.SubmitResponseRequest) { r.Token = token[:42] },
			"doubled":                func(r *surveyv1.SubmitResponseRequest) { r.Token = token + token },
			"in capitals":            func(r *surveyv1.SubmitResponseRequest) { r.Token = strings.ToUpper(token) },
			"with a line feed":       func(r *surveyv1.SubmitResponseRequest) { r.Token = token + "\n" },
			"of another brand":       func(r *surveyv1.SubmitResponseRequest) { r.Parent = "brands/else" },
			"for another survey":     func(r *surveyv1.SubmitResponseRequest) { r.Response.Survey = other },
			"for another invitation": func(r *surveyv1.SubmitResponseRequest) { r.Response.Invitation = name + "/invitations/none" },
		} {
			req := proto.CloneOf(fine)
			change(req)
			_, err := c.SubmitResponse(t.Context(), req)
			refused(t, "a token "+what, err, codes.NotFound, "TOKEN_UNKNOWN")
		}
		if _, err := c.CancelInvitation(as(t.Context(), "*"), &surveyv1.CancelInvitationRequest{Name: v.GetName()}); err != nil {
			t.Fatal(err)
		}
		_, err := c.SubmitResponse(t.Context(), fine)
		refused(t, "a token that was cancelled", err, codes.NotFound, "TOKEN_UNKNOWN")
		_, err = c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Token: token})
		refused(t, "the form of one", err, codes.NotFound, "TOKEN_UNKNOWN")
	})
}

func TestWhoMayAnswerASurvey(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		names := map[surveyv1.Survey_Audience]string{}
		for a := surveyv1.Survey_AUDIENCE_TRUSTED; a <= surveyv1.Survey_AUDIENCE_PUBLIC; a++ {
			v := ask(nps)
			v.Audience = a
			names[a] = c.open(t, fmt.Sprint("s", int(a)), v)
		}
		trusted, public := as(t.Context(), "responses:write"), t.Context()
		for i, tt := range []struct {
			audience surveyv1.Survey_Audience
			ctx      context.Context
			fine     bool
		}{
			{surveyv1.Survey_AUDIENCE_TRUSTED, trusted, true},
			{surveyv1.Survey_AUDIENCE_TRUSTED, public, false},
			{surveyv1.Survey_AUDIENCE_INVITED, trusted, false},
			{surveyv1.Survey_AUDIENCE_INVITED, public, false},
			{surveyv1.Survey_AUDIENCE_PUBLIC, trusted, true},
			{surveyv1.Survey_AUDIENCE_PUBLIC, public, true},
		} {
			_, err := c.SubmitResponse(tt.ctx, submission(names[tt.audience], rate(nps, 3)))
			if tt.fine && err != nil {
				t.Errorf("%v: %v", tt.audience, err)
			}
			if !tt.fine {
				refused(t, tt.audience.String(), err, codes.Unauthenticated, "TOKEN_REQUIRED")
			}
			req := c.with(t, c.invite(t, names[tt.audience], i).GetToken(), rate(nps, 3))
			if _, err := c.SubmitResponse(tt.ctx, req); err != nil {
				t.Errorf("%v with a token: %v", tt.audience, err)
			}
		}
		_, err := c.SubmitResponse(as(t.Context(), "surveys:read"), submission(names[1], rate(nps, 3)))
		refused(t, "without the scope", err, codes.PermissionDenied, "SCOPE_MISSING")
		_, err = c.GetForm(public, &surveyv1.GetFormRequest{Parent: acme, Survey: names[2]})
		refused(t, "the form without a token", err, codes.Unauthenticated, "TOKEN_REQUIRED")
	})
}

func TestAPageThatNobodySawAnswersNothing(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name := c.open(t, "s", ask(nps))
		v, other := c.invite(t, name, 0), c.invite(t, name, 1)
		fine := c.with(t, v.GetToken(), rate(nps, 3))
		for what, nonce := range map[string]string{
			"none": "", "another's": c.form(t, other.GetToken()).GetNonce(), "a made up one": "1.x", "half of one": fine.GetNonce()[:20],
		} {
			req := proto.CloneOf(fine)
			req.Nonce = nonce
			_, err := c.SubmitResponse(t.Context(), req)
			refused(t, "the nonce is "+what, err, codes.FailedPrecondition, "NONCE_REQUIRED")
			if nonce == "" {
				continue
			}
			_, err = c.SubmitResponse(as(t.Context(), "*"), req)
			refused(t, "with a credential, the nonce is "+what, err, codes.FailedPrecondition, "NONCE_REQUIRED")
		}
		if n := c.rows(t, "response"); n != 0 {
			t.Errorf("%d responses, want none", n)
		}
		read, err := c.GetInvitation(as(t.Context(), "*"), &surveyv1.GetInvitationRequest{Name: v.GetName()})
		if err != nil || read.GetState() != surveyv1.Invitation_STATE_PENDING {
			t.Errorf("invitation = %v, %v, want it pending: forms were only looked at", read, err)
		}
		c.submit(t, fine)
	})
}

func TestWithoutACredentialOnlyOnesOwnIsSaid(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		v := ask(nps)
		v.Audience = surveyv1.Survey_AUDIENCE_PUBLIC
		name := c.open(t, "s", v)
		forged := submission(name, rate(nps, 1))
		forged.Response.Customer, forged.Response.SubmitTime = ann, stamp(1)
		forged.Response.Attribution = &surveyv1.Attribution{
			Ticket: acme + "/tickets/1", Interaction: call, Agent: acme + "/agents/a", Team: acme + "/teams/t", Partner: acme + "/partners/p",
		}
		about := []string{
			"response.attribution.ticket", "response.attribution.interaction", "response.attribution.agent",
			"response.attribution.team", "response.attribution.partner",
		}
		_, err := c.SubmitResponse(t.Context(), forged)
		refused(t, "in public", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if got, want := wrong(err), append([]string{"response.customer", "response.submit_time"}, about...); !slices.Equal(got, want) {
			t.Errorf("complaints about %v, want %v", got, want)
		}
		asked := c.invite(t, name, 0)
		forged.Token, forged.Nonce, forged.Response.SubmitTime = asked.GetToken(), c.form(t, asked.GetToken()).GetNonce(), nil
		_, err = c.SubmitResponse(t.Context(), forged)
		if got := wrong(err); !slices.Equal(got, about) {
			t.Errorf("complaints about %v, want %v", got, about)
		}
		forged.Response.Attribution, forged.Response.Customer = nil, bob
		_, err = c.SubmitResponse(t.Context(), forged)
		refused(t, "another customer", err, codes.PermissionDenied, "OTHER_CUSTOMER")
		named := submission(name, rate(nps, 1))
		named.Response.Invitation = asked.GetName()
		_, err = c.SubmitResponse(t.Context(), named)
		refused(t, "an invitation by its name", err, codes.Unauthenticated, "TOKEN_REQUIRED")
		if n := c.rows(t, "response"); n != 0 {
			t.Errorf("%d responses, want none", n)
		}
		got := c.submit(t, submission(name, rate(nps, 1)))
		if got.GetCustomer() != "" || got.GetState() != surveyv1.Response_STATE_COMPLETE {
			t.Errorf("response = %v, want one of nobody", got)
		}
	})
}

func TestAnAnswerAtTheEndIsLate(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		closing, soon := ask(nps), ask(nps)
		end := time.Now().Add(time.Hour).Truncate(time.Microsecond)
		closing.CloseTime = timestamppb.New(end)
		soon.ExpireAfter = durationpb.New(time.Hour)
		name, brief := c.open(t, "s", closing), c.open(t, "brief", soon)
		asked := c.invite(t, brief, 0)
		for _, tt := range []struct {
			what, survey, invitation string
			at                       time.Time
			reason                   string
		}{
			{"a microsecond before the close", name, "", end.Add(-time.Microsecond), ""},
			{"at the close", name, "", end, "SURVEY_NOT_ACTIVE"},
			{"an hour after it", name, "", end.Add(time.Hour), "SURVEY_NOT_ACTIVE"},
			{"when the invitation expires", brief, asked.GetName(), asked.GetExpireTime().AsTime(), "TOKEN_EXPIRED"},
			{"a microsecond before", brief, asked.GetName(), asked.GetExpireTime().AsTime().Add(-time.Microsecond), ""},
		} {
			req := submission(tt.survey, rate(nps, 3))
			req.Response.SubmitTime, req.Response.Invitation = timestamppb.New(tt.at), tt.invitation
			_, err := c.SubmitResponse(as(t.Context(), "*"), req)
			if tt.reason == "" && err != nil {
				t.Errorf("%s: %v", tt.what, err)
			}
			if tt.reason != "" {
				refused(t, tt.what, err, codes.FailedPrecondition, tt.reason)
			}
		}
		old, err := c.CheckEligibility(as(t.Context(), "*"), occasion(brief, 9)) // years ago
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.GetForm(t.Context(), &surveyv1.GetFormRequest{Parent: acme, Token: old.GetToken()})
		refused(t, "the form of an expired token", err, codes.FailedPrecondition, "TOKEN_EXPIRED")
		req := submission("", rate(nps, 3))
		req.Token, req.Response.SubmitTime = old.GetToken(), stamp(10) // says the device
		_, err = c.SubmitResponse(as(t.Context(), "*"), req)
		refused(t, "an expired token", err, codes.FailedPrecondition, "TOKEN_EXPIRED")
		if _, err := c.ArchiveSurvey(as(t.Context(), "*"), &surveyv1.ArchiveSurveyRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		_, err = c.SubmitResponse(as(t.Context(), "*"), submission(name, rate(nps, 3)))
		refused(t, "an archived survey", err, codes.FailedPrecondition, "SURVEY_NOT_ACTIVE")
	})
}
