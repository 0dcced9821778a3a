package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey"
)

// survey returns the name of a survey of two questions about an interaction. An echo
// does not mind that there is none.
func (s *server) survey(ctx context.Context) (string, error) {
	if s.cmd.Args[1] != "up" {
		return brand + "/surveys/echoed", nil
	}
	v, err := surveyv1.NewSurveyServiceClient(s.conns[0]).CreateSurvey(ctx, &surveyv1.CreateSurveyRequest{
		Parent: brand,
		Survey: &surveyv1.Survey{
			DisplayName: "After a call", Subject: typev1.Subject_SUBJECT_SERVICE, Scope: surveyv1.Survey_SCOPE_INTERACTION,
			Questions: []*surveyv1.Question{
				{QuestionId: "nps", Kind: surveyv1.Question_KIND_NPS}, {QuestionId: "why", Kind: surveyv1.Question_KIND_OPEN},
			},
		},
	})
	return v.GetName(), err
}

// submission is the request to answer a survey, for the n-th time.
func submission(survey string, n int64) *surveyv1.SubmitResponseRequest {
	return &surveyv1.SubmitResponseRequest{
		Parent: brand, RequestId: requestID(),
		Response: &surveyv1.Response{
			Survey: survey, Customer: customer(n), SubmitTime: timestamppb.Now(),
			Answers: []*surveyv1.Answer{
				{QuestionId: "nps", Value: &surveyv1.Answer_Rating{Rating: int32(n % 11)}}, //nolint:gosec // 0 to 10
				{QuestionId: "why", Value: &surveyv1.Answer_Text{Text: "quick and kind"}},
			},
			Attribution: &surveyv1.Attribution{
				Interaction: fmt.Sprint(brand, "/tickets/t/interactions/i-", n), Channel: typev1.Channel_CHANNEL_PHONE,
			},
		},
	}
}

// submit answers a survey, each time under a request_id of its own.
func (s *server) submit(ctx context.Context) (func(context.Context, int64) error, error) {
	survey, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	clients := make([]surveyv1.ResponseServiceClient, len(s.conns))
	for i, conn := range s.conns {
		clients[i] = surveyv1.NewResponseServiceClient(conn)
	}
	return func(ctx context.Context, n int64) error {
		_, err := clients[int(n)%len(clients)].SubmitResponse(ctx, submission(survey, n))
		return err
	}, nil
}

// resubmit answers a survey again and again, under request_ids that all have their
// answers.
func (s *server) resubmit(ctx context.Context) (func(context.Context, int64) error, error) {
	const known = 100
	survey, err := s.survey(ctx)
	if err != nil {
		return nil, err
	}
	c := surveyv1.NewResponseServiceClient(s.conns[0])
	requests, names := make([]*surveyv1.SubmitResponseRequest, known), make([]string, known)
	for n := range requests {
		requests[n] = submission(survey, int64(n))
		r, err := c.SubmitResponse(ctx, requests[n])
		if err != nil {
			return nil, err
		}
		names[n] = r.GetName()
	}
	return func(ctx context.Context, n int64) error {
		r, err := c.SubmitResponse(ctx, requests[n%known])
		if err == nil && r.GetName() != names[n%known] {
			err = fmt.Errorf("a replay made %s, want the answer %s", r.GetName(), names[n%known])
		}
		return err
	}, nil
}

// rawAnswer stores a response and its two answers in one statement.
const rawAnswer = `
	WITH r AS (
	  INSERT INTO response (brand, id, survey, subject, customer, invitation, submit_time, create_time, ticket, interaction, touchpoint,
	    agent, team, partner, channel, stage, phase, attributes, rated)
	  VALUES ('load', $1, 's', 1, $2, NULL, $3, $3, '', $4, '', '', '', '', 1, 0, 0, '{}', 1))
	INSERT INTO answer (brand, submit_time, response, position, survey, subject, question, kind, rating, words,
	  touchpoint, definition, channel, stage, phase, partner, team, agent)
	VALUES ('load', $3, $1, 0, 's', 1, 'nps', 1, $5, NULL, '', '', 1, 0, 0, '', '', ''),
	  ('load', $3, $1, 1, 's', 1, 'why', 7, NULL, 'quick and kind', '', '', 1, 0, 0, '', '', '')`

// rawAnswers is the limit of a submission on PostgreSQL: sixteen connections that put
// the same rows into the same tables, one statement and one commit each, with neither
// event nor request_id.
func (l *lab) rawAnswers(ctx context.Context) (path, error) {
	template, err := l.database(ctx, "answers")
	if err != nil {
		return nil, err
	}
	address := strings.Replace(template, "{service}", "answers", 1)
	db, err := sqldb.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	_, err = survey.New(ctx, db, survey.Config{})
	if e := db.Close(); err == nil {
		err = e
	}
	if err != nil {
		return nil, err
	}
	const callers = 16
	idle := make(chan *pgx.Conn, callers)
	for range callers {
		conn, err := pgx.Connect(ctx, address)
		if err != nil {
			return nil, err
		}
		l.closers = append(l.closers, func() error { return conn.Close(context.Background()) })
		idle <- conn
	}
	store, err := clusterAt(ctx, address)
	if err != nil {
		return nil, err
	}
	lp := loop{callers: callers, store: store, op: func(ctx context.Context, n int64) error {
		conn := <-idle
		defer func() { idle <- conn }()
		req := submission("", n)
		_, err := conn.Exec(ctx, rawAnswer, req.GetRequestId(), req.GetResponse().GetCustomer(),
			req.GetResponse().GetSubmitTime().AsTime().UnixMicro(), req.GetResponse().GetAttribution().GetInteraction(), n%11)
		return err
	}}
	return func(ctx context.Context, length time.Duration) (sample, error) {
		return lp.measure(ctx, length, &l.counter)
	}, nil
}
