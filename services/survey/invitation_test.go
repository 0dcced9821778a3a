package survey_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

const (
	sent       = surveyv1.Invitation_DECISION_SENT
	sampledOut = surveyv1.Invitation_DECISION_SAMPLED_OUT
	quiet      = surveyv1.Invitation_DECISION_QUIET_PERIOD
	noChannel  = surveyv1.Invitation_DECISION_CHANNEL_UNSUPPORTED
	duplicate  = surveyv1.Invitation_DECISION_DUPLICATE
)

// occasion is the request to decide about ann after interaction i, that many
// minutes after noon.
func occasion(survey string, i int) *surveyv1.CheckEligibilityRequest {
	return &surveyv1.CheckEligibilityRequest{
		Survey: survey, Customer: ann, Interaction: interaction(i), Channel: typev1.Channel_CHANNEL_PHONE, DecideTime: stamp(i),
	}
}

func (c client) decide(t *testing.T, req *surveyv1.CheckEligibilityRequest) *surveyv1.Invitation {
	t.Helper()
	got, err := c.CheckEligibility(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

func TestTheRulesDecideInTheirOrder(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_CES_EASE)
		v.Channels, v.QuietPeriod = []typev1.Channel{typev1.Channel_CHANNEL_PHONE}, durationpb.New(time.Hour)
		calls := c.create(t, "calls", v)
		loud := c.create(t, "loud", ask(surveyv1.Question_KIND_NPS))
		chat := func(i int) *surveyv1.CheckEligibilityRequest {
			req := occasion(calls, i)
			req.Channel = typev1.Channel_CHANNEL_CHAT
			return req
		}
		first := ""
		for _, tt := range []struct {
			name  string
			req   *surveyv1.CheckEligibilityRequest
			want  surveyv1.Invitation_Decision
			until *timestamppb.Timestamp
		}{
			{"a channel it cannot be answered on", chat(0), noChannel, nil},
			{"the first occasion", occasion(calls, 0), sent, nil},
			{"the same occasion, on no channel", chat(0), noChannel, nil},
			{"the same occasion", occasion(calls, 0), duplicate, nil},
			{"another occasion within the hour", occasion(calls, 59), quiet, stamp(60)},
			{"another survey within the hour", occasion(loud, 30), quiet, stamp(60)},
			{"another survey in the hour before", occasion(loud, -59), quiet, stamp(60)},
			{"another survey an hour before", occasion(loud, -60), sent, nil},
			{"an occasion whose hour that one is in", occasion(calls, -61), quiet, stamp(-60)},
			{"an occasion whose hour ends with it", occasion(calls, -120), sent, nil},
			{"an occasion after the hour", occasion(calls, 60), sent, nil},
			{"within the next hour", occasion(calls, 90), quiet, stamp(120)},
			{"a survey without a quiet period", occasion(loud, 120), sent, nil},
			{"which binds nobody", occasion(calls, 121), sent, nil},
		} {
			got := c.decide(t, tt.req)
			want := &surveyv1.Invitation{
				Name: got.GetName(), Customer: ann, Interaction: tt.req.GetInteraction(), Channel: tt.req.GetChannel(),
				Decision: tt.want, DecideTime: tt.req.GetDecideTime(), QuietUntilTime: tt.until,
				Origin: surveyv1.Invitation_ORIGIN_CHECK, SurveyRevision: 1, Etag: "1",
				Attribution: &surveyv1.Attribution{Ticket: acme + "/tickets/1", Interaction: tt.req.GetInteraction()},
			}
			switch {
			case tt.want == duplicate:
				want.DuplicateOf = first
			case tt.want == sent:
				want.State, want.AvailableTime = surveyv1.Invitation_STATE_EXPIRED, tt.req.GetDecideTime() // years ago
				want.ExpireTime = timestamppb.New(want.GetAvailableTime().AsTime().Add(14 * 24 * time.Hour))
				if first == "" {
					first = got.GetName()
				}
			}
			if token := got.GetToken(); (len(token) == 43) != (tt.want == sent) {
				t.Errorf("%s: the token %q", tt.name, token)
			}
			got.Token = "" // which nobody is told again
			same(t, tt.name, got, want)
			read, err := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: got.GetName()})
			if err != nil {
				t.Fatal(err)
			}
			same(t, tt.name+", read", read, want)
		}
		other := occasion(calls, 0)
		other.Customer = bob
		if got := c.decide(t, other).GetDecision(); got != sent {
			t.Errorf("another customer: %v, want SENT", got)
		}
	})
}

func TestAnOccasionWithoutATimeIsNow(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_NPS)
		v.QuietPeriod = durationpb.New(time.Hour)
		name := c.create(t, "s", v)
		before := time.Now().Truncate(time.Microsecond)
		req := &surveyv1.CheckEligibilityRequest{Survey: name, Customer: ann, Channel: typev1.Channel_CHANNEL_PHONE}
		got := c.decide(t, req)
		if at := got.GetDecideTime().AsTime(); got.GetDecision() != sent || at.Before(before) || at.After(time.Now()) {
			t.Errorf("decision = %v, want SENT now", got)
		}
		if got := c.decide(t, req); got.GetDecision() != quiet || !got.GetQuietUntilTime().AsTime().After(time.Now()) {
			t.Errorf("decision = %v, want QUIET_PERIOD", got)
		}
		req.DecideTime = timestamppb.New(time.Now().Add(25 * time.Hour))
		_, err := c.CheckEligibility(t.Context(), req)
		refused(t, "25 hours ahead", err, codes.InvalidArgument, "INVALID_ARGUMENT")
		if got := wrong(err); !slices.Equal(got, []string{"decide_time"}) {
			t.Errorf("complaints about %v, want decide_time", got)
		}
	})
}

// TestWhoIsLeftAloneDoesNotDependOnTheOrder decides the occasions of one history in
// any order. Between two invitations that were sent lies the quiet period of the
// earlier one, and around each of them its own is kept free of later decisions.
func TestWhoIsLeftAloneDoesNotDependOnTheOrder(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		periods := map[string]time.Duration{}
		var surveys []string
		for _, minutes := range []time.Duration{0, 30, 60} {
			v := ask(surveyv1.Question_KIND_NPS)
			v.QuietPeriod = durationpb.New(minutes * time.Minute)
			name := c.create(t, fmt.Sprint("q", int(minutes)), v)
			periods[name], surveys = minutes*time.Minute, append(surveys, name)
		}
		random := rand.New(rand.NewPCG(3, 4))
		for round := range 12 {
			var sends []*surveyv1.Invitation
			for _, i := range random.Perm(20) {
				req := occasion(surveys[random.IntN(3)], 13*i)
				req.Customer = fmt.Sprintf("%s/customers/c%d", acme, round)
				got := c.decide(t, req)
				at, kept := got.GetDecideTime().AsTime(), true
				for _, s := range sends {
					before, apart := s, at.Sub(s.GetDecideTime().AsTime())
					kept = kept && apart.Abs() >= periods[surveyOf(s)]
					if apart < 0 {
						before = got
					}
					kept = kept && apart.Abs() >= periods[surveyOf(before)]
				}
				if (got.GetDecision() == sent) != kept {
					t.Errorf("round %d, occasion %d: %v, want it sent: %t", round, i, got.GetDecision(), kept)
				}
				if got.GetDecision() == sent {
					sends = append(sends, got)
				}
			}
			if len(sends) == 0 {
				t.Errorf("round %d: nothing was sent", round)
			}
		}
	})
}

// surveyOf returns the survey of an invitation.
func surveyOf(v *surveyv1.Invitation) string {
	survey, _, _ := strings.Cut(v.GetName(), "/invitations/")
	return survey
}

func TestOfRacingOccasionsOneIsSent(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_NPS)
		v.QuietPeriod = durationpb.New(time.Hour)
		quieting := []string{c.create(t, "q0", v), c.create(t, "q1", v)}
		plain := c.create(t, "plain", ask(surveyv1.Question_KIND_NPS))
		for round := range 5 {
			for name, req := range map[string]func(i int) *surveyv1.CheckEligibilityRequest{
				"the same interaction": func(int) *surveyv1.CheckEligibilityRequest { return occasion(plain, 0) },
				"the same instant": func(int) *surveyv1.CheckEligibilityRequest {
					req := occasion(plain, 0)
					req.Interaction = ""
					return req
				},
				"two surveys of one quiet period, minutes apart": func(i int) *surveyv1.CheckEligibilityRequest {
					return occasion(quieting[i%2], i)
				},
				"two surveys of one quiet period, each now": func(i int) *surveyv1.CheckEligibilityRequest {
					req := occasion(quieting[i%2], i)
					req.DecideTime = nil
					return req
				},
			} {
				customer := fmt.Sprintf("%s/customers/%d-%d", acme, len(name), round)
				before := occasion(plain, -1000) // so that the customer is known already
				before.Customer = customer
				c.decide(t, before)
				won := race(t, c, customer, req)
				if won != 1 {
					t.Errorf("%s: %d occasions were sent, want 1", name, won)
				}
			}
		}
	})
}

// race decides 16 occasions of a customer at once and counts those sent.
func race(t *testing.T, c client, customer string, req func(i int) *surveyv1.CheckEligibilityRequest) (won int) {
	t.Helper()
	var (
		wg sync.WaitGroup
		mu sync.Mutex
	)
	for i := range 16 {
		wg.Go(func() {
			r := req(i)
			r.Customer = customer
			got, err := c.CheckEligibility(t.Context(), r)
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			if got.GetDecision() == sent {
				won++
			}
		})
	}
	wg.Wait()
	return won
}

func TestARepeatIsDrawnAlike(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_NPS)
		v.SamplingRate = proto.Float64(.5)
		name := c.create(t, "s", v)
		got := map[surveyv1.Invitation_Decision]int{}
		for i := range 40 {
			req := occasion(name, i)
			req.ValidateOnly = true
			asked := c.decide(t, req).GetDecision()
			req.ValidateOnly = false
			for _, want := range []surveyv1.Invitation_Decision{asked, map[surveyv1.Invitation_Decision]surveyv1.Invitation_Decision{
				sent: duplicate, sampledOut: sampledOut,
			}[asked]} {
				if got := c.decide(t, req).GetDecision(); got != want {
					t.Errorf("occasion %d: %v, want %v", i, got, want)
				}
			}
			got[asked]++
		}
		if got[sent] < 8 || got[sampledOut] < 8 {
			t.Errorf("decisions = %v, want about as many of each", got)
		}
	})
}

func TestUnknownOrIdleSurveysAskNobody(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		_, err := c.CheckEligibility(t.Context(), occasion(acme+"/surveys/none", 0))
		refused(t, "an unknown survey", err, codes.NotFound, "NOT_FOUND")
		req := occasion(acme+"/surveys/none", 0)
		req.Customer = "brands/other/customers/ann"
		_, err = c.CheckEligibility(t.Context(), req)
		refused(t, "another brand's customer", err, codes.NotFound, "NOT_FOUND")
		_, err = c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: acme + "/surveys/s/invitations/none"})
		refused(t, "an unknown invitation", err, codes.NotFound, "NOT_FOUND")

		name := c.create(t, "paused", ask(surveyv1.Question_KIND_NPS))
		err = c.db.Write(context.Background(), func(tx *sqldb.Tx) error {
			_, err := tx.Exec(`UPDATE survey SET state = $1 WHERE id = $2`, int(surveyv1.Survey_STATE_PAUSED), "paused")
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.CheckEligibility(t.Context(), occasion(name, 0))
		refused(t, "a paused survey", err, codes.FailedPrecondition, "SURVEY_NOT_ACTIVE")
		_, err = c.SubmitResponse(t.Context(), submission(name, rate(surveyv1.Question_KIND_NPS, 1)))
		refused(t, "a response to a paused survey", err, codes.FailedPrecondition, "SURVEY_NOT_ACTIVE")
	})
}
