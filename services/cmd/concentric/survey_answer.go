package main

import (
	"context"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// An askCmd asks a customer.
type askCmd struct {
	aSurvey

	Customer    string `required:"" help:"The customer." placeholder:"ID"`
	Channel     string `default:"email" help:"The channel to ask on: email, sms, mobile-app and so on."`
	Interaction string `help:"The interaction to ask about, TICKET/INTERACTION." placeholder:"ID/ID"`
}

// Run implements the command.
func (c *askCmd) Run(ctx context.Context) error {
	channel, err := choice[typev1.Channel]("--channel", c.Channel, "CHANNEL_", typev1.Channel_value)
	if err != nil {
		return err
	}
	invitation := &surveyv1.Invitation{Customer: c.name("customers", c.Customer), Channel: channel}
	if c.Interaction != "" {
		ticket, interaction, ok := strings.Cut(c.Interaction, "/")
		if !ok {
			return fmt.Errorf("--interaction %q: want TICKET/INTERACTION", c.Interaction)
		}
		invitation.Interaction = c.name("tickets", ticket) + "/interactions/" + interaction
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		v, err := surveyv1.NewInvitationServiceClient(conn).CreateInvitation(ctx, &surveyv1.CreateInvitationRequest{
			Parent: c.survey(), Invitation: invitation, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(v, func() {
			decision := shown(v.GetDecision().String(), "DECISION_")
			switch {
			case v.GetToken() != "":
				fmt.Printf("%s  %s  until %s\n", decision, c.page("/s/"+c.Brand+"/"+v.GetToken()), at(v.GetExpireTime()))
			case v.GetQuietUntilTime() != nil:
				fmt.Printf("%s  until %s\n", decision, at(v.GetQuietUntilTime()))
			default:
				fmt.Println(decision)
			}
		})
	})
}

// An answerCmd records an answer.
type answerCmd struct {
	aSurvey

	Customer string   `help:"The customer; nobody in particular if not given." placeholder:"ID"`
	Ticket   string   `help:"The ticket it is about." placeholder:"ID"`
	Answers  []string `arg:"" help:"The answers, QUESTION=VALUE: a rating, a choice or several with commas between, unmet, met or exceeded, or words." placeholder:"QUESTION=VALUE"`
}

// Run implements the command.
func (c *answerCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		v, err := surveyv1.NewSurveyServiceClient(conn).GetSurvey(ctx, &surveyv1.GetSurveyRequest{Name: c.survey()})
		if err != nil {
			return err
		}
		response := &surveyv1.Response{Survey: c.survey(), Customer: c.name("customers", c.Customer)}
		if c.Ticket != "" {
			response.Attribution = &surveyv1.Attribution{Ticket: c.name("tickets", c.Ticket)}
		}
		for _, text := range c.Answers {
			a, err := readAnswer(v, text)
			if err != nil {
				return err
			}
			response.Answers = append(response.Answers, a)
		}
		stored, err := surveyv1.NewResponseServiceClient(conn).SubmitResponse(ctx, &surveyv1.SubmitResponseRequest{
			Parent: "brands/" + c.Brand, Response: response, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(stored, func() { fmt.Println(responseLine(stored)) })
	})
}

// readAnswer reads QUESTION=VALUE as an answer to a question of s.
func readAnswer(s *surveyv1.Survey, text string) (*surveyv1.Answer, error) {
	id, value, ok := strings.Cut(text, "=")
	at := slices.IndexFunc(s.GetQuestions(), func(q *surveyv1.Question) bool { return q.GetQuestionId() == id })
	if !ok || at < 0 {
		return nil, fmt.Errorf("%q: want QUESTION=VALUE, of a question that `survey show` lists", text)
	}
	a := &surveyv1.Answer{QuestionId: id}
	switch s.GetQuestions()[at].GetKind() {
	case surveyv1.Question_KIND_OPEN:
		a.Value = &surveyv1.Answer_Text{Text: value}
	case surveyv1.Question_KIND_CHOICE, surveyv1.Question_KIND_MULTI:
		a.Value = &surveyv1.Answer_Choices{Choices: &surveyv1.Choices{ChoiceIds: strings.Split(value, ",")}}
	case surveyv1.Question_KIND_EXPECTATION:
		e, err := choice[typev1.Expectation](id, value, "EXPECTATION_", typev1.Expectation_value)
		if err != nil {
			return nil, err
		}
		a.Value = &surveyv1.Answer_Expectation{Expectation: e}
	default:
		n, err := strconv.ParseInt(value, 10, 32)
		if err != nil {
			return nil, fmt.Errorf("%q: want a whole number", text)
		}
		a.Value = &surveyv1.Answer_Rating{Rating: int32(n)}
	}
	return a, nil
}

// answerText is an answer as people read it.
func answerText(a *surveyv1.Answer) string {
	switch v := a.GetValue().(type) {
	case *surveyv1.Answer_Rating:
		return strconv.Itoa(int(v.Rating))
	case *surveyv1.Answer_Text:
		return v.Text
	case *surveyv1.Answer_Choices:
		return strings.Join(v.Choices.GetChoiceIds(), ",")
	case *surveyv1.Answer_Expectation:
		return shown(v.Expectation.String(), "EXPECTATION_")
	}
	return ""
}

// responseLine is a response on one line.
func responseLine(r *surveyv1.Response) string {
	parts := []string{
		pad(short(r.GetName()), 26), pad(shown(r.GetState().String(), "STATE_"), 10), at(r.GetSubmitTime()),
		pad(short(r.GetSurvey()), 14), pad(short(r.GetCustomer()), 14),
	}
	for _, a := range r.GetAnswers() {
		parts = append(parts, a.GetQuestionId()+"="+strings.Join(strings.Fields(answerText(a)), " "))
	}
	return strings.Join(parts, "  ")
}
