package e2e

import (
	"fmt"
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// pendingSurvey: a purchase makes a survey pending, the backend of a mobile app
// fetches it with its token, reports that it was shown and submits a zero; the answer
// is lost on its way back, and the retry gets the same one.
func pendingSurvey(t *testing.T, c *clients) {
	brand := c.brand(t)
	eve := brand + "/customers/eve"
	survey := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	must(c.surveys.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{
		Parent: brand, TriggerRule: &surveyv1.TriggerRule{
			DisplayName: "After a visit", Survey: survey.GetName(),
			Trigger: &surveyv1.TriggerRule_Touchpoint{Touchpoint: &surveyv1.TriggerRule_TouchpointTrigger{
				TouchpointDefinitions: []string{brand + "/touchpointDefinitions/website-visit"},
			}},
		},
	}))(t)
	visit := must(c.touchpoints.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{
		Parent: eve, Touchpoint: &journeyv1.Touchpoint{
			Definition: brand + "/touchpointDefinitions/website-visit", Channel: typev1.Channel_CHANNEL_MOBILE_APP, EventTime: timestamppb.Now(),
		},
	}))(t)
	pending := c.pending(t, eve)
	if pending.GetAttribution().GetTouchpoint() != visit.GetName() || pending.GetOrigin() != surveyv1.Invitation_ORIGIN_RULE {
		t.Errorf("pending is %v, want it about %s", pending, visit.GetName())
	}
	shown := must(c.invitations.RecordInvitationEvent(t.Context(), &surveyv1.RecordInvitationEventRequest{
		Name: pending.GetName(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED,
	}))(t)
	if shown.GetState() != surveyv1.Invitation_STATE_DISPLAYED || shown.GetToken() != "" {
		t.Errorf("once shown the invitation is %v", shown)
	}
	c.pending(t, eve) // until it is answered

	zero := &surveyv1.SubmitResponseRequest{
		Parent: brand, Token: pending.GetToken(), RequestId: uuid.NewString(), Response: &surveyv1.Response{
			Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 0}}},
		},
	}
	first := must(c.responses.SubmitResponse(t.Context(), proto.CloneOf(zero)))(t)
	same(t, must(c.responses.SubmitResponse(t.Context(), proto.CloneOf(zero)))(t), first)
	zero.RequestId = uuid.NewString()
	_, err := c.responses.SubmitResponse(t.Context(), zero)
	refused(t, err, codes.FailedPrecondition, "TOKEN_USED")

	list := must(c.responses.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: brand}))(t).GetResponses()
	if len(list) != 1 {
		t.Fatalf("there are %d responses, want one", len(list))
	}
	if zero, ok := list[0].GetAnswers()[0].GetValue().(*surveyv1.Answer_Rating); !ok || zero.Rating != 0 || list[0].GetCustomer() != eve {
		t.Errorf("stored is %v, want eve's 0", list[0])
	}
	left := must(c.invitations.ListPendingInvitations(t.Context(), &surveyv1.ListPendingInvitationsRequest{Customer: eve}))(t)
	if len(left.GetInvitations()) != 0 {
		t.Errorf("pending is still %v", left.GetInvitations())
	}
	if got := c.measured(t, visit.GetName()); got.GetResponse() != first.GetName() || got.GetMeasurement().GetRating() != 0 {
		t.Errorf("the visit is %v, want it measured by the zero", got)
	}
	eventually(t, func() error { // each step implies those before it
		all := must(c.answers.GetResponseFunnel(t.Context(), &surveyv1.GetResponseFunnelRequest{Parent: brand}))(t).GetFunnels()
		if len(all) != 1 || all[0].GetInvited() != 1 || all[0].GetDisplayed() != 1 || all[0].GetCompleted() != 1 {
			return fmt.Errorf("the funnel is %v", all)
		}
		return nil
	})
}
