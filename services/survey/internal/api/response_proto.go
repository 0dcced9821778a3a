package api

import (
	"golang.org/x/text/unicode/norm"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// fromResponse returns what the caller decides about a response, without answers
// and times.
func fromResponse(survey store.Survey, p *surveyv1.Response) store.Response {
	brand, a := survey.Brand, p.GetAttribution()
	r := store.Response{
		Brand: brand, Survey: survey.ID, Subject: survey.Subject, Customer: within(brand, p.GetCustomer()),
		Attribution: store.Attribution{
			Ticket: within(brand, a.GetTicket()), Interaction: within(brand, a.GetInteraction()), Touchpoint: within(brand, a.GetTouchpoint()),
			Agent: within(brand, a.GetAgent()), Team: within(brand, a.GetTeam()), Partner: within(brand, a.GetPartner()),
			Channel: int32(a.GetChannel()), Stage: int32(a.GetStage()), Phase: int32(a.GetPhase()),
		},
		Attributes: map[string]string{},
	}
	if p.GetInvitation() != "" {
		r.Invitation = name.ID(p.GetInvitation())
	}
	for key, value := range p.GetAttributes() {
		r.Attributes[key] = norm.NFC.String(value)
	}
	return r
}

func toResponse(r store.Response) *surveyv1.Response {
	p := &surveyv1.Response{
		Name: responseName(r.Brand, r.ID), Survey: surveyName(r.Brand, r.Survey), Customer: full(r.Brand, r.Customer),
		SubmitTime: timestamp(r.SubmitTime), CreateTime: timestamp(r.CreateTime), Subject: toSubject(r.Subject),
	}
	if r.Invitation != "" {
		p.Invitation = invitationName(r.Brand, r.Survey, r.Invitation)
	}
	if len(r.Attributes) > 0 {
		p.Attributes = r.Attributes
	}
	if r.Attribution != (store.Attribution{}) {
		p.Attribution = toAttribution(r.Brand, r.Attribution)
	}
	for _, a := range r.Answers {
		one := &surveyv1.Answer{QuestionId: a.Question, Touchpoint: full(r.Brand, a.Touchpoint)}
		if a.Words == "" {
			one.Value = &surveyv1.Answer_Rating{Rating: a.Rating}
		} else {
			one.Value = &surveyv1.Answer_Text{Text: a.Words}
		}
		p.Answers = append(p.Answers, one)
	}
	return p
}

func toAttribution(brand string, a store.Attribution) *surveyv1.Attribution {
	return &surveyv1.Attribution{
		Ticket: full(brand, a.Ticket), Interaction: full(brand, a.Interaction), Touchpoint: full(brand, a.Touchpoint),
		Agent: full(brand, a.Agent), Team: full(brand, a.Team), Partner: full(brand, a.Partner),
		Channel: typev1.Channel(a.Channel), Stage: typev1.Stage(a.Stage), Phase: typev1.Phase(a.Phase),
	}
}
