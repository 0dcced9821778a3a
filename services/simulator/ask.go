package simulator

import (
	"fmt"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// The two surveys: one asks about one contact, the other about everything.
const (
	afterContact = "after-contact"
	relationship = "relationship"
)

// surveys returns the surveys of the brand, by id.
func (w *world) surveys() map[string]*surveyv1.Survey {
	headline := name.Join(w.brand, "touchpointDefinitions", w.headline)
	return map[string]*surveyv1.Survey{
		afterContact: {
			DisplayName: "After a contact",
			Subject:     typev1.Subject_SUBJECT_SERVICE,
			Scope:       surveyv1.Survey_SCOPE_INTERACTION,
			Questions: []*surveyv1.Question{
				{QuestionId: "ease", Kind: surveyv1.Question_KIND_CES_EASE, Required: true},
				{QuestionId: "stars", Kind: surveyv1.Question_KIND_STAR5},
				{QuestionId: "words", Kind: surveyv1.Question_KIND_OPEN},
			},
			SamplingRate: new(.9),
			QuietPeriod:  durationpb.New(14 * day),
			Channels:     []typev1.Channel{email, sms, chat, messaging},
		},
		relationship: {
			DisplayName: "You and us",
			Subject:     typev1.Subject_SUBJECT_EXPERIENCE,
			Scope:       surveyv1.Survey_SCOPE_RELATIONSHIP,
			Questions: []*surveyv1.Question{
				{QuestionId: "recommend", Kind: surveyv1.Question_KIND_NPS, Required: true},
				{QuestionId: "satisfied", Kind: surveyv1.Question_KIND_CSAT5},
				{QuestionId: "headline", Kind: surveyv1.Question_KIND_STAR5, Text: w.question, TouchpointDefinition: headline},
				{QuestionId: "words", Kind: surveyv1.Question_KIND_OPEN},
			},
			QuietPeriod: durationpb.New(14 * day),
		},
	}
}

// ask offers the survey after a contact. Effort comes of waiting, of who answered
// and of what came of it.
func (c *contact) ask(at time.Time) {
	miss := .6 * float64(c.reopened)
	switch c.outcome {
	case ticketv1.Ticket_OUTCOME_SOLVED:
	case ticketv1.Ticket_OUTCOME_PARTIAL:
		miss += .6
	default:
		miss += 1.3
	}
	liking := .8*c.skill - .8*max(c.slow, -1.5) + .3*c.lenience - miss
	occasion := fmt.Sprintf("%s-%d", c.id, c.reopened)
	answer := c.answer(afterContact, occasion, at, liking)
	answer.Response.Answers = append([]*surveyv1.Answer{
		rating("ease", point(5.2+liking+.8*c.NormFloat64(), 1, 7)),
		rating("stars", point(3.9+.7*liking+.5*c.NormFloat64(), 1, 5)),
	}, answer.Response.Answers...)
	answer.Response.Attribution = &surveyv1.Attribution{
		Ticket: c.ticket(), Interaction: c.answered,
		Agent: c.person(), Team: c.team(), Partner: c.partner(),
		Channel: c.line.channel, Stage: c.cause.place.stage, Phase: c.cause.place.phase,
	}
	c.add(step{at: at, answer: c.given(answer, .45), call: &surveyv1.CheckEligibilityRequest{
		Survey: answer.Response.Survey, Customer: c.customer(), Interaction: c.answered, Channel: c.line.asks,
		DecideTime: timestamppb.New(at), RequestId: c.requestID("CheckEligibility", occasion),
	}})
}

// askAll offers the survey about everything. The answer speaks for the mood that
// all touchpoints so far have left behind.
func (l *life) askAll(at time.Time) {
	if !at.Before(l.end) {
		return
	}
	l.asked = true
	liking := 3*l.mood.mean() + .3*l.lenience
	answer := l.answer(relationship, l.id, at, liking)
	answers := []*surveyv1.Answer{
		rating("recommend", point(7.2+1.6*liking+l.NormFloat64(), 0, 10)),
		rating("satisfied", point(3.6+.7*liking+.5*l.NormFloat64(), 1, 5)),
	}
	if stars := rating("headline", point(3.7+.3*liking+.7*l.NormFloat64(), 1, 5)); l.rated != "" {
		stars.Touchpoint = l.rated
		answers = append(answers, stars)
	}
	answer.Response.Answers = append(answers, answer.Response.Answers...)
	l.steps = append(l.steps, step{at: at, answer: l.given(answer, .55), call: &surveyv1.CheckEligibilityRequest{
		Survey: answer.Response.Survey, Customer: l.customer(), Channel: email,
		DecideTime: timestamppb.New(at), RequestId: l.requestID("CheckEligibility", l.id),
	}})
}

// answer begins a response to an occasion to ask; some customers add words.
func (l *life) answer(survey, occasion string, at time.Time, liking float64) *surveyv1.SubmitResponseRequest {
	r := &surveyv1.Response{
		Survey:     name.Join(l.brand, "surveys", survey),
		Customer:   l.customer(),
		SubmitTime: timestamppb.New(at.Add(l.about(9 * time.Hour))),
		Attributes: l.attributes(),
	}
	if l.chance(.35) {
		r.Answers = append(r.Answers, &surveyv1.Answer{
			QuestionId: "words", Value: &surveyv1.Answer_Text{Text: words(liking)},
		})
	}
	id := occasion + "-r"
	return &surveyv1.SubmitResponseRequest{
		Parent: l.brand, Response: r, ResponseId: id, RequestId: l.requestID("SubmitResponse", id),
	}
}

// given returns the answer if the customer gives it in time, else nil.
func (l *life) given(answer *surveyv1.SubmitResponseRequest, rate float64) *surveyv1.SubmitResponseRequest {
	if !l.chance(rate) || !answer.Response.SubmitTime.AsTime().Before(l.end) {
		return nil
	}
	return answer
}

func rating(question string, value int32) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: question, Value: &surveyv1.Answer_Rating{Rating: value}}
}

func words(liking float64) string {
	switch {
	case liking < -.8:
		return "I had to ask again and again."
	case liking < .5:
		return "It was all right in the end."
	default:
		return "Quick and friendly, thank you!"
	}
}
