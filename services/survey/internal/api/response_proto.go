package api

import (
	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/durationpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// fromResponse returns what the caller decides about a response, without answers
// and times.
func fromResponse(survey store.Survey, p *surveyv1.Response) store.Response {
	r := store.Response{
		Brand: survey.Brand, Survey: survey.ID, Subject: survey.Subject, Customer: within(survey.Brand, p.GetCustomer()),
		Attribution: fromAttribution(survey.Brand, p.GetAttribution()),
		State:       store.ResponseComplete, SurveyRevision: survey.Revision, Language: p.GetLanguage(),
		Duration: p.GetDuration().AsDuration(), Version: 1,
	}
	for key, value := range p.GetAttributes() {
		if r.Attributes == nil {
			r.Attributes = make(map[string]string, len(p.GetAttributes()))
		}
		r.Attributes[key] = norm.NFC.String(value)
	}
	return r
}

func toResponse(r store.Response) *surveyv1.Response {
	p := &surveyv1.Response{
		Name: responseName(r.Brand, r.ID), Survey: surveyName(r.Brand, r.Survey), Customer: full(r.Brand, r.Customer),
		Answers: toAnswers(r.Brand, r.Answers), SubmitTime: timestamp(r.SubmitTime), CreateTime: timestamp(r.CreateTime),
		Subject: toSubject(r.Subject), State: surveyv1.Response_State(r.State), SurveyRevision: r.SurveyRevision,
		Language: r.Language, Attributes: r.Attributes, Etag: resource.Etag(r.Version),
	}
	if r.Invitation != "" {
		p.Invitation = invitationName(r.Brand, r.Survey, r.Invitation)
	}
	if r.Attribution != (store.Attribution{}) {
		p.Attribution = toAttribution(r.Brand, r.Attribution)
	}
	if r.Duration > 0 {
		p.Duration = durationpb.New(r.Duration)
	}
	if r.Supersedes != "" {
		p.Supersedes = responseName(r.Brand, r.Supersedes)
	}
	if r.SupersededBy != "" {
		p.SupersededBy = responseName(r.Brand, r.SupersededBy)
	}
	return p
}

func toAnswers(brand string, in []store.Answer) (all []*surveyv1.Answer) {
	for _, a := range in {
		p := &surveyv1.Answer{QuestionId: a.Question, Touchpoint: full(brand, a.Touchpoint)}
		switch {
		case a.Words != "":
			p.Value = &surveyv1.Answer_Text{Text: a.Words}
		case len(a.Choices) > 0:
			p.Value = &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: a.Choices}}
		case scale.Kind(a.Kind) == scale.Expectation:
			p.Value = &surveyv1.Answer_Expectation{Expectation: typev1.Expectation(a.Rating)}
		default:
			p.Value = &surveyv1.Answer_Rating{Rating: a.Rating}
		}
		all = append(all, p)
	}
	return all
}

func toAttribution(brand string, a store.Attribution) *surveyv1.Attribution {
	return &surveyv1.Attribution{
		Ticket: full(brand, a.Ticket), Interaction: full(brand, a.Interaction), Touchpoint: full(brand, a.Touchpoint),
		Agent: full(brand, a.Agent), Team: full(brand, a.Team), Partner: full(brand, a.Partner),
		Channel: typev1.Channel(a.Channel), Stage: typev1.Stage(a.Stage), Phase: typev1.Phase(a.Phase),
	}
}

func responseName(brand, id string) string { return name.Join("brands", brand, "responses", id) }

func invitationName(brand, survey, id string) string {
	return name.Join("brands", brand, "surveys", survey, "invitations", id)
}
