package api

import (
	"strconv"
	"time"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// fromSurvey returns what the caller decides about a survey, with the defaults of
// the contract filled in.
func fromSurvey(p *surveyv1.Survey) store.Survey {
	v := store.Survey{
		DisplayName: p.GetDisplayName(), Subject: int32(p.GetSubject()), Scope: int32(p.GetScope()),
		SamplingRate: 1, QuietPeriod: p.GetQuietPeriod().AsDuration().Truncate(time.Microsecond),
	}
	if p.SamplingRate != nil {
		v.SamplingRate = p.GetSamplingRate()
	}
	for _, q := range p.GetQuestions() {
		text := q.GetText()
		if text == "" {
			text = scale.Kind(q.GetKind()).Wording()
		}
		v.Questions = append(v.Questions, store.Question{
			ID: q.GetQuestionId(), Kind: int32(q.GetKind()), Text: text, Required: q.GetRequired(),
			Definition: within(name.Brand(q.GetTouchpointDefinition()), q.GetTouchpointDefinition()),
		})
	}
	for _, c := range p.GetChannels() {
		v.Channels = append(v.Channels, int32(c))
	}
	return v
}

func toSurvey(v store.Survey) *surveyv1.Survey {
	p := &surveyv1.Survey{
		Name: surveyName(v.Brand, v.ID), DisplayName: v.DisplayName,
		Subject: toSubject(v.Subject), Scope: surveyv1.Survey_Scope(v.Scope),
		SamplingRate: &v.SamplingRate, QuietPeriod: durationpb.New(v.QuietPeriod),
		State: surveyv1.Survey_State(v.State), CreateTime: timestamp(v.CreateTime), Etag: strconv.FormatInt(v.Version, 10),
	}
	for _, q := range v.Questions {
		one := &surveyv1.Question{
			QuestionId: q.ID, Kind: surveyv1.Question_Kind(q.Kind), Text: q.Text, Required: q.Required,
			TouchpointDefinition: full(v.Brand, q.Definition),
		}
		if s, ok := scale.Kind(q.Kind).Scale(); ok {
			one.Scale = &surveyv1.Scale{Min: s.Min, Max: s.Max, HigherIsBetter: s.HigherIsBetter}
		}
		p.Questions = append(p.Questions, one)
	}
	for _, c := range v.Channels {
		p.Channels = append(p.Channels, typev1.Channel(c))
	}
	return p
}

func toInvitation(v store.Invitation) *surveyv1.Invitation {
	p := &surveyv1.Invitation{
		Name: invitationName(v.Brand, v.Survey, v.ID), Customer: full(v.Brand, v.Customer), Interaction: full(v.Brand, v.Interaction),
		Channel: typev1.Channel(v.Channel), Decision: surveyv1.Invitation_Decision(v.Decision), DecideTime: timestamp(v.DecideTime),
	}
	if p.GetDecision() == surveyv1.Invitation_DECISION_QUIET_PERIOD {
		p.QuietUntilTime = timestamp(v.QuietUntil)
	}
	if v.DuplicateOf != "" {
		p.DuplicateOf = invitationName(v.Brand, v.Survey, v.DuplicateOf)
	}
	if v.Response != "" {
		p.Response = responseName(v.Brand, v.Response)
	}
	return p
}

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

func toSubject(subject int32) typev1.Subject { return typev1.Subject(subject) }

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
