package survey_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// said is what a caller says of an interaction who knows nothing of it.
func said(interaction string) *surveyv1.Attribution {
	return &surveyv1.Attribution{
		Interaction: acme + "/tickets/1/interactions/" + interaction, Agent: acme + "/agents/eve", Team: acme + "/teams/day",
		Partner: acme + "/partners/own", Channel: chat, Stage: typev1.Stage_STAGE_AWARENESS, Phase: typev1.Phase_PHASE_PRE_PURCHASE,
	}
}

// ways are those in which a response comes, each of which returns what is stored of it, and
// the fields that are wrong.
func (c client) ways() map[string]func(*testing.T, *surveyv1.SubmitResponseRequest) (*surveyv1.Response, []string) {
	found := func(t *testing.T, id string, err error) (*surveyv1.Response, []string) {
		t.Helper()
		if err != nil {
			return nil, wrong(err)
		}
		r, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: acme + "/responses/" + id})
		if err != nil {
			t.Fatal(err)
		}
		return r, nil
	}
	return map[string]func(*testing.T, *surveyv1.SubmitResponseRequest) (*surveyv1.Response, []string){
		"one": func(t *testing.T, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, []string) {
			t.Helper()
			got, err := c.SubmitResponse(t.Context(), req)
			r, fields := found(t, req.GetResponseId(), err)
			same(t, "answer", got, r)
			return r, fields
		},
		"batch": func(t *testing.T, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, []string) {
			t.Helper()
			_, err := c.BatchCreateResponses(t.Context(), &surveyv1.BatchCreateResponsesRequest{Parent: acme, Requests: []*surveyv1.SubmitResponseRequest{req}})
			r, fields := found(t, req.GetResponseId(), err)
			for i := range fields {
				fields[i] = strings.TrimPrefix(fields[i], "requests[0].")
			}
			return r, fields
		},
		"import": func(t *testing.T, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, []string) {
			t.Helper()
			got, err := c.take(t.Context(), &surveyv1.ImportResponsesRequest{Parent: acme, ResponseId: req.GetResponseId(), Response: req.GetResponse()})
			if err == nil && len(got.GetResults()) > 0 {
				err = status.FromProto(got.GetResults()[0].GetError()).Err()
			}
			return found(t, req.GetResponseId(), err)
		},
	}
}

// TestAResponseKeepsWhatItsInteractionWasLike however it comes, where the service has heard
// of the end of the interaction before.
func TestAResponseKeepsWhatItsInteractionWasLike(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		c.create(t, "s", ask(nps))
		hidden := ask(nps)
		hidden.Anonymous, hidden.Audience = true, surveyv1.Survey_AUDIENCE_PUBLIC
		c.create(t, "hidden", hidden)
		tell := c.hears(t, "ticket")
		known, nobody := aCall("i1"), aCall("i2")
		ended := known.GetInteractionCreated()
		ended.Team, ended.Partner = acme+"/teams/night", acme+"/partners/mihir"
		nobody.Key, nobody.GetInteractionCreated().Ticket.Customer, nobody.GetInteractionCreated().Agent = acme+"/tickets/1", "", ""
		tell(known, nobody)
		eventually(t, "two ended interactions", func() bool { return c.rows(t, "ended_interaction") == 2 })
		snapshot := &surveyv1.Attribution{
			Ticket: acme + "/tickets/1", Interaction: ended.GetInteraction(), Agent: acme + "/agents/bo", Team: ended.GetTeam(), Partner: ended.GetPartner(),
			Channel: phone, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
		}
		of := func(a *surveyv1.Attribution, change func(*surveyv1.Attribution)) *surveyv1.Attribution {
			a = proto.CloneOf(a)
			change(a)
			return a
		}
		for _, tt := range []struct {
			name, survey, customer string
			said                   *surveyv1.Attribution
			of                     string // the customer that is kept
			want                   *surveyv1.Attribution
			wrong                  []string
		}{
			{"nothing else", "s", "", &surveyv1.Attribution{Interaction: ended.GetInteraction()}, ann, snapshot, nil},
			{"all of it otherwise", "s", ann, said("i1"), ann, snapshot, nil},
			{"another customer", "s", bob, said("i1"), "", nil, []string{"response.customer"}},
			{
				"a touchpoint as well", "s", ann, of(said("i1"), func(a *surveyv1.Attribution) { a.Touchpoint = ann + "/touchpoints/t" }), ann,
				of(snapshot, func(a *surveyv1.Attribution) { a.Touchpoint = ann + "/touchpoints/t" }), nil,
			},
			{"what nobody knows", "s", bob, said("i2"), bob, of(snapshot, func(a *surveyv1.Attribution) {
				a.Interaction, a.Agent, a.Team, a.Partner = acme+"/tickets/1/interactions/i2", acme+"/agents/eve", acme+"/teams/day", acme+"/partners/own"
			}), nil},
			{"an interaction nobody has heard of", "s", bob, said("i3"), bob, said("i3"), nil},
			{"no interaction", "s", bob, of(said("i1"), func(a *surveyv1.Attribution) { a.Interaction = "" }), bob, of(said("i1"), func(a *surveyv1.Attribution) { a.Interaction = "" }), nil},
			{"anonymous", "hidden", ann, said("i1"), "", of(snapshot, func(a *surveyv1.Attribution) { a.Ticket, a.Interaction, a.Agent = "", "", "" }), nil},
			{"anonymous, another customer", "hidden", bob, said("i1"), "", nil, []string{"response.customer"}},
		} {
			for way, give := range c.ways() {
				what := fmt.Sprint(tt.name, ", ", way)
				req := submission(acme+"/surveys/"+tt.survey, rate(nps, 3))
				req.ResponseId = strings.NewReplacer(" ", "-", ",", "").Replace(what)
				req.Response.SubmitTime, req.Response.Customer, req.Response.Attribution = stamp(1), tt.customer, tt.said
				got, fields := give(t, req)
				if !slices.Equal(fields, tt.wrong) {
					t.Errorf("%s: complaints about %v, want %v", what, fields, tt.wrong)
				}
				if got.GetCustomer() != tt.of {
					t.Errorf("%s: the customer is %q, want %q", what, got.GetCustomer(), tt.of)
				}
				same(t, what, got.GetAttribution(), tt.want)
			}
		}
	})
}

// TestAnInvitationKeepsWhatItsInteractionWasLike, whoever decides on it, and so does the
// response to it; a repeat is answered as before the service had heard of the end.
func TestAnInvitationKeepsWhatItsInteractionWasLike(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		check := func(customer, interaction string) *surveyv1.CheckEligibilityRequest {
			return &surveyv1.CheckEligibilityRequest{
				Survey: name, Customer: customer, Channel: typev1.Channel_CHANNEL_PHONE,
				Interaction: said(interaction).GetInteraction(), Attribution: said(interaction),
			}
		}
		early := check(bob, "i1")
		early.RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
		before := c.decide(t, early)
		want := said("i1")
		want.Ticket = acme + "/tickets/1"
		same(t, "before", before.GetAttribution(), want)
		tell := c.hears(t, "ticket")
		call := aCall("i1")
		call.GetInteractionCreated().Team = acme + "/teams/night"
		tell(call)
		eventually(t, "an ended interaction", func() bool { return c.rows(t, "ended_interaction") == 1 })
		want.Agent, want.Team, want.Channel = acme+"/agents/bo", acme+"/teams/night", phone
		want.Stage, want.Phase = typev1.Stage_STAGE_RETENTION, typev1.Phase_PHASE_POST_PURCHASE
		same(t, "repeat", c.decide(t, early), before)
		if _, err := c.CheckEligibility(t.Context(), check(bob, "i1")); !slices.Equal(wrong(err), []string{"customer"}) {
			t.Errorf("a check with another customer: %v", err)
		}
		sent := func(customer, interaction string) (*surveyv1.Invitation, error) {
			r := check(customer, interaction)
			return c.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{Parent: name, Invitation: &surveyv1.Invitation{
				Customer: r.GetCustomer(), Channel: r.GetChannel(), Interaction: r.GetInteraction(), Attribution: r.GetAttribution(),
			}})
		}
		if _, err := sent(bob, "i1"); !slices.Equal(wrong(err), []string{"invitation.customer"}) {
			t.Errorf("an invitation of another customer: %v", err)
		}
		checked := check(ann, "i1")
		checked.ValidateOnly = true
		same(t, "check", c.decide(t, checked).GetAttribution(), want)
		made, err := sent(ann, "i1")
		if err != nil {
			t.Fatal(err)
		}
		same(t, "invitation", made.GetAttribution(), want)
		req := submission(name, rate(nps, 3))
		req.Response.Customer, req.Response.Invitation = ann, made.GetName()
		same(t, "response", c.submit(t, req).GetAttribution(), want)
	})
}

// TestAnInteractionHeardOfLateChangesNoResponse, nor the answer to a repeat.
func TestAnInteractionHeardOfLateChangesNoResponse(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		req := submission(name, rate(nps, 3))
		req.RequestId, req.ResponseId = "7c9e6679-7425-40de-944b-e07fc1f90ae7", "early"
		req.Response.Customer, req.Response.Attribution = bob, said("i1")
		before := c.submit(t, req)
		row := &surveyv1.ImportResponsesRequest{Parent: acme, ResponseId: "row", Response: proto.CloneOf(req.GetResponse())}
		row.Response.SubmitTime = stamp(1)
		if got, err := c.take(t.Context(), row); err != nil || got.GetImportedCount() != 1 {
			t.Fatal(got, err)
		}
		tell := c.hears(t, "ticket")
		tell(aCall("i1"))
		eventually(t, "an ended interaction", func() bool { return c.rows(t, "ended_interaction") == 1 })
		for _, id := range []string{"early", "row"} {
			after, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: acme + "/responses/" + id})
			if err != nil {
				t.Fatal(err)
			}
			same(t, id, after.GetAttribution(), said("i1"))
		}
		same(t, "repeat", c.submit(t, req), before)
		if got, err := c.take(t.Context(), row); err != nil || got.GetUnchangedCount() != 1 {
			t.Errorf("the same row again: %v, %v, want it unchanged", got, err)
		}
		again := proto.CloneOf(req)
		again.RequestId, again.ResponseId = "", "late"
		_, err := c.SubmitResponse(context.Background(), again)
		refused(t, "the same once more", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	})
}
