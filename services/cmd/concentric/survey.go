package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// A surveyCmd does what people do with surveys every day.
type surveyCmd struct {
	Create   createSurveyCmd    `cmd:"" help:"Create a survey from a YAML or JSON file."`
	Show     showSurveyCmd      `cmd:"" help:"Show what a survey asks."`
	List     listSurveysCmd     `cmd:"" help:"List surveys."`
	Publish  publishSurveyCmd   `cmd:"" help:"Open a draft for answers."`
	Pause    pauseSurveyCmd     `cmd:"" help:"Stop asking and taking answers for a while."`
	Resume   resumeSurveyCmd    `cmd:"" help:"Go on after a pause."`
	Archive  archiveSurveyCmd   `cmd:"" help:"End a survey for good."`
	Ask      askCmd             `cmd:"" help:"Ask a customer, and print the link to answer."`
	Answer   answerCmd          `cmd:"" help:"Record what a customer answered."`
	Answers  answersCmd         `cmd:"" help:"List answers, the newest first."`
	Exclude  excludeResponseCmd `cmd:"" help:"Take a response out of all measures."`
	Include  includeResponseCmd `cmd:"" help:"Put a response back."`
	Export   exportCmd          `cmd:"" help:"Write all answers as CSV."`
	Metrics  surveyMetricsCmd   `cmd:"" help:"Show what the answers say."`
	Compare  compareSurveysCmd  `cmd:"" help:"Say whether a metric differs between two sets of answers."`
	Size     sampleSizeCmd      `cmd:"" help:"Say how many answers a margin of error takes."`
	Funnel   funnelCmd          `cmd:"" help:"Show the way from the occasion to the answer."`
	Feedback feedbackCmd        `cmd:"" help:"List what customers said by themselves, the newest first."`
	Watch    watchResponsesCmd  `cmd:"" help:"Show answers as they come, until ^C."`
}

// A createSurveyCmd creates a survey.
type createSurveyCmd struct {
	desk

	File  string `arg:"" help:"The survey as YAML or JSON, with the fields of the contract; - reads standard input." placeholder:"FILE"`
	ID    string `help:"Its id. Chosen by the service if not given." placeholder:"ID"`
	Draft bool   `help:"Do not open it yet."`
}

// Run implements the command.
func (c *createSurveyCmd) Run(ctx context.Context) error {
	survey := &surveyv1.Survey{}
	if err := readMessage(c.File, survey); err != nil {
		return err
	}
	return c.call(func(conn grpc.ClientConnInterface) error {
		made, err := surveyv1.NewSurveyServiceClient(conn).CreateSurvey(ctx, &surveyv1.CreateSurveyRequest{
			Parent: "brands/" + c.Brand, SurveyId: c.ID, Survey: survey, Draft: c.Draft, RequestId: uuid.NewString(),
		})
		if err != nil {
			return err
		}
		return c.say(made, func() { fmt.Println(surveyLine(made)) })
	})
}

// A listSurveysCmd lists surveys.
type listSurveysCmd struct {
	desk

	Filter string `help:"Only those that match, such as 'state = ACTIVE'." placeholder:"FILTER"`
}

// Run implements the command.
func (c *listSurveysCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := surveyv1.NewSurveyServiceClient(conn).ListSurveys(ctx, &surveyv1.ListSurveysRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: 200,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, s := range page.GetSurveys() {
				fmt.Println(surveyLine(s))
			}
			more(page.GetNextPageToken())
		})
	})
}

// more says that a list is longer than what was printed.
func more(token string) {
	if token != "" {
		fmt.Println("… and more")
	}
}

// aSurvey are the arguments of a verb about one survey.
type aSurvey struct {
	desk

	Survey string `arg:"" help:"The survey's id."`
}

func (s aSurvey) survey() string { return s.name("surveys", s.Survey) }

// act calls the service about one survey and prints what became of it.
func (s aSurvey) act(do func(surveyv1.SurveyServiceClient) (*surveyv1.Survey, error)) error {
	return s.call(func(conn grpc.ClientConnInterface) error {
		v, err := do(surveyv1.NewSurveyServiceClient(conn))
		if err != nil {
			return err
		}
		return s.say(v, func() { fmt.Println(surveyLine(v)) })
	})
}

// A showSurveyCmd shows one survey.
type showSurveyCmd struct{ aSurvey }

// Run implements the command.
func (c *showSurveyCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		v, err := surveyv1.NewSurveyServiceClient(conn).GetSurvey(ctx, &surveyv1.GetSurveyRequest{Name: c.survey()})
		if err != nil {
			return err
		}
		return c.say(v, func() {
			fmt.Println(surveyLine(v))
			for _, q := range v.GetQuestions() {
				fmt.Println(questionLine(q))
			}
		})
	})
}

// A publishSurveyCmd opens a draft.
type publishSurveyCmd struct{ aSurvey }

// Run implements the command.
func (c *publishSurveyCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.SurveyServiceClient) (*surveyv1.Survey, error) {
		return s.PublishSurvey(ctx, &surveyv1.PublishSurveyRequest{Name: c.survey(), RequestId: uuid.NewString()})
	})
}

// A pauseSurveyCmd pauses a survey.
type pauseSurveyCmd struct{ aSurvey }

// Run implements the command.
func (c *pauseSurveyCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.SurveyServiceClient) (*surveyv1.Survey, error) {
		return s.PauseSurvey(ctx, &surveyv1.PauseSurveyRequest{Name: c.survey(), RequestId: uuid.NewString()})
	})
}

// A resumeSurveyCmd ends a pause.
type resumeSurveyCmd struct{ aSurvey }

// Run implements the command.
func (c *resumeSurveyCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.SurveyServiceClient) (*surveyv1.Survey, error) {
		return s.ResumeSurvey(ctx, &surveyv1.ResumeSurveyRequest{Name: c.survey(), RequestId: uuid.NewString()})
	})
}

// An archiveSurveyCmd ends a survey.
type archiveSurveyCmd struct{ aSurvey }

// Run implements the command.
func (c *archiveSurveyCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.SurveyServiceClient) (*surveyv1.Survey, error) {
		return s.ArchiveSurvey(ctx, &surveyv1.ArchiveSurveyRequest{Name: c.survey(), RequestId: uuid.NewString()})
	})
}

// surveyLine is a survey on one line.
func surveyLine(s *surveyv1.Survey) string {
	parts := []string{
		pad(short(s.GetName()), 26), pad(shown(s.GetState().String(), "STATE_"), 8), pad(shown(s.GetSubject().String(), "SUBJECT_"), 10),
		pad(shown(s.GetScope().String(), "SCOPE_"), 12), fmt.Sprintf("r%d", s.GetRevision()), s.GetDisplayName(),
	}
	return strings.Join(parts, "  ")
}

// questionLine is a question on one line.
func questionLine(q *surveyv1.Question) string {
	line := fmt.Sprintf("  %s  %s  %s", pad(q.GetQuestionId(), 14), pad(shown(q.GetKind().String(), "KIND_"), 12), q.GetText())
	if s := q.GetScale(); s != nil {
		line += fmt.Sprintf("  (%d to %d)", s.GetMin(), s.GetMax())
	}
	var choices []string
	for _, c := range q.GetChoices() {
		choices = append(choices, c.GetChoiceId())
	}
	if len(choices) > 0 {
		line += "  (" + strings.Join(choices, ", ") + ")"
	}
	return line
}
