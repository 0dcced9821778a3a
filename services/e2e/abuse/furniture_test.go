package abuse

import (
	"testing"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// What every furnished suite has.
const (
	acme = "brands/acme"
	ann  = acme + "/customers/ann"

	seven = acme + "/tickets/7" // ann's, with one interaction
	said  = seven + "/interactions/i"

	nps  = acme + "/surveys/nps"  // asks how (required, NPS), ease (CES 2.0) and why (words)
	csat = acme + "/surveys/csat" // asks how (CSAT)
	menu = acme + "/surveys/menu" // asks color (red or blue) and sizes (s, m)
)

// noon is when things happen.
var noon = timestamppb.New(time.Date(2025, 6, 2, 12, 0, 0, 0, time.UTC))

// furnished is a suite with two brands and something of each kind in them.
func furnished(t *testing.T, c config) *suite {
	t.Helper()
	s := start(t, c)
	furnish(t, s)
	return s
}

func furnish(t *testing.T, s *suite) {
	t.Helper()
	for _, brand := range []string{"acme", "other"} {
		must[*gatewayv1.Brand](t, s, &gatewayv1.CreateBrandRequest{BrandId: brand, Brand: &gatewayv1.Brand{DisplayName: brand}})
	}
	must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) { r.TicketId = "7" }))
	must[*ticketv1.Interaction](t, s, say(func(r *ticketv1.CreateInteractionRequest) { r.InteractionId = "i" }))
	must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) {
		r.Parent, r.TicketId, r.Ticket.Customer = "brands/other", "9", "brands/other/customers/bob"
	}))
	must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyv1.CreateSurveyRequest) { r.SurveyId = "nps" }))
	must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyv1.CreateSurveyRequest) {
		r.SurveyId = "csat"
		r.Survey.Questions = []*surveyv1.Question{{QuestionId: "how", Kind: surveyv1.Question_KIND_CSAT5}}
	}))
	must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyv1.CreateSurveyRequest) {
		r.SurveyId = "menu"
		r.Survey.Questions = []*surveyv1.Question{
			{QuestionId: "color", Kind: surveyv1.Question_KIND_CHOICE, Text: "Color?", Choices: offered("red", "blue")},
			{QuestionId: "sizes", Kind: surveyv1.Question_KIND_MULTI, Text: "Sizes?", Choices: offered("s", "m")},
		}
	}))
	must[*journeyv1.Touchpoint](t, s, record(func(r *journeyv1.RecordTouchpointRequest) { r.TouchpointId = "visit" }))
}

func offered(ids ...string) (all []*surveyv1.Question_Choice) {
	for _, id := range ids {
		all = append(all, &surveyv1.Question_Choice{ChoiceId: id, Text: id})
	}
	return all
}

// newTicket is a request that nobody has anything against, but for what spoil does to it.
func newTicket(spoil ...func(*ticketv1.CreateTicketRequest)) *ticketv1.CreateTicketRequest {
	return spoiled(&ticketv1.CreateTicketRequest{
		Parent: acme,
		Ticket: &ticketv1.Ticket{
			Customer: ann, Subject: "Refund", Channel: typev1.Channel_CHANNEL_EMAIL, OpenTime: noon,
			Attributes: map[string]string{"tenure": "31-60"},
		},
	}, spoil)
}

// say is an answer to the customer of ticket 7.
func say(spoil ...func(*ticketv1.CreateInteractionRequest)) *ticketv1.CreateInteractionRequest {
	return spoiled(&ticketv1.CreateInteractionRequest{
		Parent: seven,
		Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND,
			Actor: ticketv1.Interaction_ACTOR_AGENT, StartTime: noon,
		},
	}, spoil)
}

func newSurvey(spoil ...func(*surveyv1.CreateSurveyRequest)) *surveyv1.CreateSurveyRequest {
	return spoiled(&surveyv1.CreateSurveyRequest{
		Parent: acme,
		Survey: &surveyv1.Survey{
			DisplayName: "Now and then", Subject: typev1.Subject_SUBJECT_EXPERIENCE, Scope: surveyv1.Survey_SCOPE_RELATIONSHIP,
			Questions: []*surveyv1.Question{
				{QuestionId: "how", Kind: surveyv1.Question_KIND_NPS, Required: true},
				{QuestionId: "ease", Kind: surveyv1.Question_KIND_CES_V2},
				{QuestionId: "why", Kind: surveyv1.Question_KIND_OPEN},
			},
		},
	}, spoil)
}

// submit is ann's response to the survey nps.
func submit(spoil ...func(*surveyv1.SubmitResponseRequest)) *surveyv1.SubmitResponseRequest {
	return spoiled(&surveyv1.SubmitResponseRequest{
		Parent: acme,
		Response: &surveyv1.Response{
			Survey: nps, Customer: ann, SubmitTime: noon, Answers: []*surveyv1.Answer{rating("how", 9)},
		},
	}, spoil)
}

func rating(question string, n int32) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Rating{Rating: n}}
}

func chosen(question string, ids ...string) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: ids}}}
}

func words(question, text string) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Text{Text: text}}
}

// check asks whether ann is to be asked.
func check(spoil ...func(*surveyv1.CheckEligibilityRequest)) *surveyv1.CheckEligibilityRequest {
	return spoiled(&surveyv1.CheckEligibilityRequest{
		Survey: nps, Customer: ann, Channel: typev1.Channel_CHANNEL_EMAIL, DecideTime: noon,
	}, spoil)
}

// record is a visit of ann's.
func record(spoil ...func(*journeyv1.RecordTouchpointRequest)) *journeyv1.RecordTouchpointRequest {
	return spoiled(&journeyv1.RecordTouchpointRequest{
		Parent: ann,
		Touchpoint: &journeyv1.Touchpoint{
			Definition: acme + "/touchpointDefinitions/website-visit", EventTime: noon,
			Expectation: typev1.Expectation_EXPECTATION_MET,
		},
	}, spoil)
}

func newDefinition(spoil ...func(*journeyv1.CreateTouchpointDefinitionRequest)) *journeyv1.CreateTouchpointDefinitionRequest {
	return spoiled(&journeyv1.CreateTouchpointDefinitionRequest{
		Parent: acme,
		TouchpointDefinition: &journeyv1.TouchpointDefinition{
			DisplayName: "Tasting", Stage: typev1.Stage_STAGE_CONSIDERATION, Phase: typev1.Phase_PHASE_PRE_PURCHASE,
			Kind: typev1.TouchpointKind_TOUCHPOINT_KIND_ENGAGEMENT,
		},
	}, spoil)
}

func spoiled[M any](m M, spoil []func(M)) M {
	for _, f := range spoil {
		f(m)
	}
	return m
}

// later is further ahead than any clock is wrong.
func later() *timestamppb.Timestamp { return timestamppb.New(time.Now().Add(48 * time.Hour)) }
