package main

import (
	"context"
	"encoding/csv"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// which are the flags that pick responses.
type which struct {
	Survey string `help:"Only answers to this survey." placeholder:"ID"`
	Filter string `help:"Only those that match, such as 'partner = \"brands/acme/partners/p\"'." placeholder:"FILTER"`
}

func (w which) request(d desk) *surveyv1.ListResponsesRequest {
	return &surveyv1.ListResponsesRequest{Parent: "brands/" + d.Brand, Survey: d.name("surveys", w.Survey), Filter: w.Filter, PageSize: 200}
}

// An answersCmd lists responses.
type answersCmd struct {
	desk
	which

	Limit int32 `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *answersCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		req := c.request(c.desk)
		req.PageSize = c.Limit
		page, err := surveyv1.NewResponseServiceClient(conn).ListResponses(ctx, req)
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, r := range page.GetResponses() {
				fmt.Println(responseLine(r))
			}
			more(page.GetNextPageToken())
		})
	})
}

// response are the arguments of a verb that says why about one response.
type response struct {
	desk

	Response string `arg:"" help:"The response's id."`
	Reason   string `required:"" help:"Why, in a few words." placeholder:"TEXT"`
}

// act calls the service about one response and prints what became of it.
func (r response) act(do func(surveyv1.ResponseServiceClient, string) (*surveyv1.Response, error)) error {
	return r.call(func(conn grpc.ClientConnInterface) error {
		v, err := do(surveyv1.NewResponseServiceClient(conn), r.name("responses", r.Response))
		if err != nil {
			return err
		}
		return r.say(v, func() { fmt.Println(responseLine(v)) })
	})
}

// An excludeResponseCmd takes a response out.
type excludeResponseCmd struct{ response }

// Run implements the command.
func (c *excludeResponseCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.ResponseServiceClient, name string) (*surveyv1.Response, error) {
		return s.ExcludeResponse(ctx, &surveyv1.ExcludeResponseRequest{Name: name, Reason: c.Reason, RequestId: uuid.NewString()})
	})
}

// An includeResponseCmd puts a response back.
type includeResponseCmd struct{ response }

// Run implements the command.
func (c *includeResponseCmd) Run(ctx context.Context) error {
	return c.act(func(s surveyv1.ResponseServiceClient, name string) (*surveyv1.Response, error) {
		return s.IncludeResponse(ctx, &surveyv1.IncludeResponseRequest{Name: name, Reason: c.Reason, RequestId: uuid.NewString()})
	})
}

// An exportCmd writes responses as CSV.
type exportCmd struct {
	desk
	which
}

// Run implements the command.
func (c *exportCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		out := csv.NewWriter(os.Stdout)
		if err := out.Write(exportHeader); err != nil {
			return err
		}
		req := c.request(c.desk)
		for {
			page, err := surveyv1.NewResponseServiceClient(conn).ListResponses(ctx, req)
			if err != nil {
				return err
			}
			for _, r := range page.GetResponses() {
				for _, a := range r.GetAnswers() {
					if err := out.Write(exportRow(r, a)); err != nil {
						return err
					}
				}
			}
			if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
				out.Flush()
				return out.Error()
			}
		}
	})
}

// exportHeader names the columns of exportRow.
var exportHeader = []string{
	"response", "state", "survey", "revision", "subject", "submit_time", "customer", "ticket", "interaction", "touchpoint",
	"agent", "team", "partner", "channel", "stage", "phase", "language", "question", "answer", "attributes",
}

// exportRow is one answer. What a spreadsheet would take for a formula is made text.
func exportRow(r *surveyv1.Response, a *surveyv1.Answer) []string {
	of := r.GetAttribution()
	var attributes []string
	for key, value := range r.GetAttributes() {
		attributes = append(attributes, key+"="+value)
	}
	slices.Sort(attributes)
	row := []string{
		short(r.GetName()), shown(r.GetState().String(), "STATE_"), short(r.GetSurvey()), strconv.FormatInt(r.GetSurveyRevision(), 10),
		shown(r.GetSubject().String(), "SUBJECT_"), r.GetSubmitTime().AsTime().Format(time.RFC3339Nano), short(r.GetCustomer()),
		short(of.GetTicket()), short(of.GetInteraction()), short(of.GetTouchpoint()), short(of.GetAgent()), short(of.GetTeam()), short(of.GetPartner()),
		none(shown(of.GetChannel().String(), "CHANNEL_")), none(shown(of.GetStage().String(), "STAGE_")), none(shown(of.GetPhase().String(), "PHASE_")),
		r.GetLanguage(), a.GetQuestionId(), answerText(a), strings.Join(attributes, ";"),
	}
	for i, cell := range row {
		row[i] = harmless(cell)
	}
	return row
}

// harmless returns a cell that no spreadsheet reads as a formula. Numbers stay numbers.
func harmless(cell string) string {
	if cell == "" || !strings.ContainsRune("=+-@\t\r\n", rune(cell[0])) {
		return cell
	}
	if _, err := strconv.ParseFloat(cell, 64); err == nil {
		return cell
	}
	return "'" + cell
}

// A feedbackCmd lists feedback.
type feedbackCmd struct {
	desk

	Filter string `help:"Only what matches, such as 'label = NEGATIVE'." placeholder:"FILTER"`
	Limit  int32  `default:"50" help:"At most this many."`
}

// Run implements the command.
func (c *feedbackCmd) Run(ctx context.Context) error {
	return c.call(func(conn grpc.ClientConnInterface) error {
		page, err := surveyv1.NewFeedbackServiceClient(conn).ListFeedback(ctx, &surveyv1.ListFeedbackRequest{
			Parent: "brands/" + c.Brand, Filter: c.Filter, PageSize: c.Limit,
		})
		if err != nil {
			return err
		}
		return c.say(page, func() {
			for _, f := range page.GetFeedback() {
				fmt.Println(feedbackLine(f))
			}
			more(page.GetNextPageToken())
		})
	})
}

// feedbackLine is a feedback on one line.
func feedbackLine(f *surveyv1.Feedback) string {
	parts := []string{
		pad(short(f.GetName()), 26), at(f.GetEventTime()), pad(shown(f.GetSource().String(), "SOURCE_"), 16),
		pad(shown(f.GetSolicitation().String(), "SOLICITATION_"), 18), pad(none(shown(f.GetSentiment().GetLabel().String(), "LABEL_")), 8),
		strings.Join(strings.Fields(f.GetText()), " "),
	}
	return strings.TrimRight(strings.Join(parts, "  "), " ")
}

// A watchResponsesCmd shows responses as they come.
type watchResponsesCmd struct {
	desk

	Survey string `help:"Only answers to this survey." placeholder:"ID"`
}

// Run implements the command. It ends with ctx, which is no error.
func (c *watchResponsesCmd) Run(ctx context.Context) error {
	req := &surveyv1.WatchResponsesRequest{Parent: "brands/" + c.Brand, Survey: c.name("surveys", c.Survey)}
	return c.call(func(conn grpc.ClientConnInterface) error {
		return again(ctx, func() (token string, err error) {
			stream, err := surveyv1.NewResponseServiceClient(conn).WatchResponses(ctx, req)
			if err == nil {
				err = c.follow(stream, req)
			}
			return req.GetResumeToken(), err
		})
	})
}

// follow shows what one stream brings and remembers in req how far it came.
func (c *watchResponsesCmd) follow(stream grpc.ServerStreamingClient[surveyv1.WatchResponsesResponse], req *surveyv1.WatchResponsesRequest) error {
	for {
		res, err := stream.Recv()
		if err != nil {
			return err
		}
		if res.GetResumeToken() != "" {
			req.ResumeToken = res.GetResumeToken()
		}
		if res.GetResponse() == nil {
			continue
		}
		if err := c.say(res.GetResponse(), func() { fmt.Println(responseLine(res.GetResponse())) }); err != nil {
			return err
		}
	}
}
