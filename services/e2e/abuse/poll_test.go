package abuse

import (
	"testing"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// poll gives a brand surveys in several states, a rule that rests, an invitation that
// waits for its answer, a response, and a feedback that something is done about.
func poll(t *testing.T, s *suite, brand string) {
	t.Helper()
	ann := brand + "/customers/ann"
	for _, id := range []string{"nps", "spare", "paused", "draft"} {
		if brand == acme && id == "nps" {
			continue // is there
		}
		must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyv1.CreateSurveyRequest) { r.Parent, r.SurveyId, r.Draft = brand, id, id == "draft" }))
	}
	must[*surveyv1.Survey](t, s, &surveyv1.PauseSurveyRequest{Name: brand + "/surveys/paused"})
	must[*surveyv1.TriggerRule](t, s, ruled(func(r *surveyv1.CreateTriggerRuleRequest) {
		r.Parent, r.TriggerRuleId, r.TriggerRule.Survey = brand, "calls", brand+"/surveys/nps"
	}))
	must[*surveyv1.Invitation](t, s, &surveyv1.CreateInvitationRequest{
		Parent: brand + "/surveys/nps", InvitationId: "asked", Invitation: &surveyv1.Invitation{Customer: ann, Channel: typev1.Channel_CHANNEL_EMAIL},
	})
	must[*surveyv1.Response](t, s, submit(func(r *surveyv1.SubmitResponseRequest) {
		r.Parent, r.ResponseId, r.Response.Survey, r.Response.Customer = brand, "said", brand+"/surveys/nps", ann
		r.Response.SubmitTime = timestamppb.Now()
	}))
	must[*surveyv1.Feedback](t, s, heard(func(r *surveyv1.CreateFeedbackRequest) { r.Parent, r.FeedbackId = brand, "heard" }))
	must[*surveyv1.Feedback](t, s, &surveyv1.AssignFeedbackActionRequest{Name: brand + "/feedback/heard", Owner: typev1.Function_FUNCTION_PRODUCT})
}

// ruled is a rule of acme's to ask after calls, which rests.
func ruled(spoil ...func(*surveyv1.CreateTriggerRuleRequest)) *surveyv1.CreateTriggerRuleRequest {
	return spoiled(&surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: &surveyv1.TriggerRule{
		DisplayName: "After calls", Survey: nps, Inactive: true,
		Trigger: &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{}},
	}}, spoil)
}

// heard is a comment about acme that nobody asked for.
func heard(spoil ...func(*surveyv1.CreateFeedbackRequest)) *surveyv1.CreateFeedbackRequest {
	return spoiled(&surveyv1.CreateFeedbackRequest{Parent: acme, Feedback: &surveyv1.Feedback{
		Source: surveyv1.Feedback_SOURCE_SOCIAL_COMMENT, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
		Text: "The app crashes.", EventTime: noon,
	}}, spoil)
}

// calls is one call of every method of the ticket, the survey and the journey service
// that the brand can make, and of the views.
func calls(brand string, m made) (all []proto.Message) {
	for _, part := range [][]proto.Message{help(brand, m.operation), asking(brand), replies(brand), opinions(brand), travels(brand, m), glances(brand), locks(brand), forgetting(brand, m.erasure)} {
		all = append(all, part...)
	}
	return all
}

// asking is the part of calls about what is asked, and of whom.
func asking(brand string) []proto.Message {
	survey, spare, rule := brand+"/surveys/nps", brand+"/surveys/spare", brand+"/triggerRules/calls"
	asked, ann := brand+"/surveys/nps/invitations/asked", brand+"/customers/ann"
	made := newSurvey()
	made.Parent = brand
	rest := ruled(func(r *surveyv1.CreateTriggerRuleRequest) {
		r.Parent, r.TriggerRule.Survey = brand, survey
		r.TriggerRule.Conditions = &surveyv1.TriggerRule_Conditions{Agents: []string{brand + "/agents/bo"}}
	})
	seen := &surveyv1.RecordInvitationEventRequest{Name: asked, Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED}
	return []proto.Message{
		made, rest, seen,
		&surveyv1.GetSurveyRequest{Name: survey},
		&surveyv1.ListSurveysRequest{Parent: brand},
		&surveyv1.UpdateSurveyRequest{Survey: &surveyv1.Survey{Name: spare, DisplayName: "Other"}},
		&surveyv1.DeleteSurveyRequest{Name: spare},
		&surveyv1.PublishSurveyRequest{Name: brand + "/surveys/draft"},
		&surveyv1.PauseSurveyRequest{Name: spare},
		&surveyv1.ResumeSurveyRequest{Name: brand + "/surveys/paused"},
		&surveyv1.ArchiveSurveyRequest{Name: spare},
		&surveyv1.ListSurveyRevisionsRequest{Name: survey},
		&surveyv1.GetTriggerRuleRequest{Name: rule},
		&surveyv1.ListTriggerRulesRequest{Parent: brand},
		&surveyv1.UpdateTriggerRuleRequest{TriggerRule: &surveyv1.TriggerRule{Name: rule, DisplayName: "Other", Survey: survey}},
		&surveyv1.DeleteTriggerRuleRequest{Name: rule},
		&surveyv1.CheckEligibilityRequest{Survey: survey, Customer: ann, Channel: typev1.Channel_CHANNEL_EMAIL},
		&surveyv1.CreateInvitationRequest{Parent: survey, Invitation: &surveyv1.Invitation{Customer: ann, Channel: typev1.Channel_CHANNEL_EMAIL}},
		&surveyv1.GetInvitationRequest{Name: asked},
		&surveyv1.ListInvitationsRequest{Parent: survey},
		&surveyv1.CancelInvitationRequest{Name: asked},
		&surveyv1.BatchRecordInvitationEventsRequest{Parent: brand, Requests: []*surveyv1.RecordInvitationEventRequest{seen}},
		&surveyv1.ListPendingInvitationsRequest{Customer: ann},
		&surveyv1.GetOptOutRequest{Name: ann + "/optOut"},
		&surveyv1.UpdateOptOutRequest{OptOut: &surveyv1.OptOut{Name: ann + "/optOut", OptedOut: true}},
	}
}

// replies is the part of calls about what is answered, and what that comes to.
func replies(brand string) []proto.Message {
	survey, said := brand+"/surveys/nps", brand+"/responses/said"
	answered := func() *surveyv1.Response {
		return &surveyv1.Response{Survey: survey, Customer: brand + "/customers/ann", Answers: []*surveyv1.Answer{rating("how", 9)}, SubmitTime: noon}
	}
	side := &surveyv1.CompareSurveyMetricsRequest_Side{Surveys: []string{survey}}
	return []proto.Message{
		&surveyv1.SubmitResponseRequest{Parent: brand, Response: answered()},
		&surveyv1.GetFormRequest{Parent: brand, Survey: survey, Answers: []*surveyv1.Answer{rating("how", 9)}},
		&surveyv1.BatchCreateResponsesRequest{Parent: brand, Requests: []*surveyv1.SubmitResponseRequest{{Parent: brand, Response: answered()}}},
		&surveyv1.ImportResponsesRequest{Parent: brand, ResponseId: "imported", Response: answered()},
		&surveyv1.ExcludeResponseRequest{Name: said, Reason: "a test"},
		&surveyv1.IncludeResponseRequest{Name: said, Reason: "no test"},
		&surveyv1.GetResponseRequest{Name: said},
		&surveyv1.WaitRevisionRequest{Parent: brand, Revisions: []string{revision}},
		&surveyv1.ListResponsesRequest{Parent: brand},
		&surveyv1.WatchResponsesRequest{Parent: brand},
		&surveyv1.QuerySurveyMetricsRequest{Parent: brand, Surveys: []string{survey}},
		&surveyv1.CompareSurveyMetricsRequest{Parent: brand, Metric: typev1.Metric_METRIC_NPS, A: side, B: side},
		&surveyv1.EstimateSampleSizeRequest{Parent: brand, Metric: typev1.Metric_METRIC_NPS, Margin: 10, Surveys: []string{survey}},
		&surveyv1.GetResponseFunnelRequest{Parent: brand, Surveys: []string{survey}},
		&surveyv1.GetDataSpanRequest{Parent: brand},
	}
}

// opinions is the part of calls about what customers said by themselves.
func opinions(brand string) []proto.Message {
	name := brand + "/feedback/heard"
	create := heard(func(r *surveyv1.CreateFeedbackRequest) { r.Parent = brand })
	return []proto.Message{
		create,
		&surveyv1.BatchCreateFeedbackRequest{Parent: brand, Requests: []*surveyv1.CreateFeedbackRequest{create}},
		&surveyv1.ImportFeedbackRequest{Parent: brand, FeedbackId: "imported", Feedback: create.GetFeedback()},
		&surveyv1.GetFeedbackRequest{Name: name},
		&surveyv1.ListFeedbackRequest{Parent: brand},
		&surveyv1.UpdateFeedbackRequest{Feedback: &surveyv1.Feedback{Name: name, Cluster: "app"}},
		&surveyv1.OverrideSentimentRequest{Name: name, Label: surveyv1.Sentiment_LABEL_NEGATIVE},
		&surveyv1.LinkFeedbackRequest{Name: name, Customer: brand + "/customers/ann"},
		&surveyv1.UnlinkFeedbackRequest{Name: name, Customer: true},
		&surveyv1.AssignFeedbackActionRequest{Name: name, Owner: typev1.Function_FUNCTION_LOGISTICS},
		&surveyv1.CompleteFeedbackActionRequest{Name: name, Outcome: surveyv1.FeedbackAction_OUTCOME_FIXED},
		&surveyv1.WatchFeedbackRequest{Parent: brand},
		&surveyv1.QueryFeedbackMetricsRequest{Parent: brand},
	}
}
