package survey_test

import (
	"context"
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/survey"
)

const (
	acme = "brands/acme"
	ann  = acme + "/customers/ann"
	bob  = acme + "/customers/bob"
	call = acme + "/tickets/1/interactions/call"
)

var (
	noon     = time.Date(2013, 1, 7, 12, 0, 0, 0, time.UTC)
	tokenKey = []byte("of all replicas, and for no other")[:survey.TokenKeySize]
)

// migrated has the schema of the service.
var migrated = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	_, err := survey.New(ctx, db, survey.Config{})
	return err
})

// A client is the service as somebody else sees it, and the database beneath.
type client struct {
	surveyv1.SurveyServiceClient
	surveyv1.InvitationServiceClient
	surveyv1.ResponseServiceClient
	surveyv1.SurveyMetricsServiceClient
	service *survey.Service
	db      *sqldb.DB
}

// each runs f on both databases, over a socket.
func each(t *testing.T, f func(t *testing.T, c client)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) { f(t, serve(t, open(t))) })
}

// serve starts the service on db.
func serve(t testing.TB, db *sqldb.DB) client {
	t.Helper()
	s, err := survey.New(context.Background(), db, survey.Config{TokenKey: tokenKey})
	if err != nil {
		t.Fatal(err)
	}
	return connect(t, s, db)
}

// connect puts a service on a socket.
func connect(t testing.TB, s *survey.Service, db *sqldb.DB) client {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{})
	s.Register(srv)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, srv)
	return client{
		surveyv1.NewSurveyServiceClient(conn), surveyv1.NewInvitationServiceClient(conn),
		surveyv1.NewResponseServiceClient(conn), surveyv1.NewSurveyMetricsServiceClient(conn), s, db,
	}
}

func dial(t testing.TB, srv *rpc.Server) grpc.ClientConnInterface {
	t.Helper()
	lis, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	served := make(chan error, 1)
	go func() { served <- srv.Serve(lis) }()
	conn, err := rpc.Dial(lis.Addr().String(), rpc.ClientConfig{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		conn.Close()
		srv.Stop()
		<-served
	})
	return conn
}

// ask returns a survey about service with a question of each kind, named after it.
func ask(kinds ...surveyv1.Question_Kind) *surveyv1.Survey {
	v := &surveyv1.Survey{
		DisplayName: "After a call", Subject: typev1.Subject_SUBJECT_SERVICE, Scope: surveyv1.Survey_SCOPE_INTERACTION,
	}
	for _, k := range kinds {
		v.Questions = append(v.Questions, &surveyv1.Question{QuestionId: id(k), Kind: k})
	}
	return v
}

// id names the question of a kind.
func id(k surveyv1.Question_Kind) string {
	return strings.ToLower(strings.TrimPrefix(k.String(), "KIND_"))
}

// create stores v as the survey of the id and returns its name.
func (c client) create(t testing.TB, id string, v *surveyv1.Survey) string {
	t.Helper()
	got, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: id, Survey: v})
	if err != nil {
		t.Fatal(err)
	}
	return got.GetName()
}

// rate is an answer to the question of a kind.
func rate(k surveyv1.Question_Kind, rating int32) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: id(k), Value: &surveyv1.Answer_Rating{Rating: rating}}
}

func say(words string) *surveyv1.Answer {
	return &surveyv1.Answer{QuestionId: "open", Value: &surveyv1.Answer_Text{Text: words}}
}

// submission is the request to store a response to the survey.
func submission(survey string, answers ...*surveyv1.Answer) *surveyv1.SubmitResponseRequest {
	return &surveyv1.SubmitResponseRequest{Parent: acme, Response: &surveyv1.Response{Survey: survey, Answers: answers}}
}

func (c client) submit(t *testing.T, req *surveyv1.SubmitResponseRequest) *surveyv1.Response {
	t.Helper()
	got, err := c.SubmitResponse(t.Context(), req)
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// refused fails unless err has the code and, in its details, the reason.
func refused(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	got := ""
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(*errdetails.ErrorInfo); ok {
			got = info.GetReason()
		}
	}
	if status.Code(err) != code || got != reason {
		t.Errorf("%s: %v, reason %q, want %v, %q", what, err, got, code, reason)
	}
}

// wrong returns the fields err complains about.
func wrong(err error) (paths []string) {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, f := range bad.GetFieldViolations() {
				paths = append(paths, f.GetField())
			}
		}
	}
	return paths
}

// rows counts the rows of a table.
func (c client) rows(t *testing.T, table string) (n int) {
	t.Helper()
	if err := c.db.Read().QueryRowContext(t.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

func same(t *testing.T, what string, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("%s =\n%v, want\n%v", what, got, want)
	}
}

func TestASurveyIsFilledInAndKept(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(surveyv1.Question_KIND_NPS, surveyv1.Question_KIND_CES_V1, surveyv1.Question_KIND_CES_EASE, surveyv1.Question_KIND_OPEN)
		v.Questions[0].TouchpointDefinition = acme + "/touchpointDefinitions/call"
		v.Questions[3].Text = "Pourquoi ?"
		v.Channels = []typev1.Channel{typev1.Channel_CHANNEL_PHONE}
		v.QuietPeriod = durationpb.New(time.Hour)
		created, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: "calls", Survey: v})
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: acme + "/surveys/calls"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "survey read", got, created)
		if got.GetEtag() == "" || got.GetCreateTime() == nil || got.GetState() != surveyv1.Survey_STATE_ACTIVE || got.GetSamplingRate() != 1 {
			t.Errorf("survey = %v, want it active, dated and asked always", got)
		}
		want := proto.CloneOf(v)
		want.Name, want.State, want.CreateTime, want.Etag, want.SamplingRate = got.GetName(), got.GetState(), got.GetCreateTime(), got.GetEtag(), proto.Float64(1)
		want.UpdateTime, want.Revision, want.Audience = got.GetCreateTime(), 1, surveyv1.Survey_AUDIENCE_TRUSTED
		want.ExpireAfter, want.Language = durationpb.New(14*24*time.Hour), "en"
		for i, q := range []*surveyv1.Question{
			{Text: "How likely are you to recommend us to a friend or colleague?", Scale: &surveyv1.Scale{Max: 10, HigherIsBetter: true}},
			{Text: "How much effort did you personally have to put forth to handle your request?", Scale: &surveyv1.Scale{Min: 1, Max: 5}},
			{Text: "How easy was it for you to solve your problem with us, today?", Scale: &surveyv1.Scale{Min: 1, Max: 7, HigherIsBetter: true}},
			{},
		} {
			proto.Merge(want.GetQuestions()[i], q)
		}
		same(t, "survey", got, want)
	})
}

func TestASurveyIsRefused(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for _, tt := range []struct {
			name   string
			change func(*surveyv1.Survey)
			field  string
		}{
			{"no question", func(v *surveyv1.Survey) { v.Questions = nil }, "survey.questions"},
			{"two questions of one id", func(v *surveyv1.Survey) { v.Questions = append(v.Questions, v.GetQuestions()[0]) }, "survey.questions"},
			{"NPS on five points", func(v *surveyv1.Survey) { v.Questions[0].Scale = &surveyv1.Scale{Min: 1, Max: 5, HigherIsBetter: true} }, "survey.questions[0].scale"},
			{"a scale for words", func(v *surveyv1.Survey) { v.Questions[1].Scale = &surveyv1.Scale{} }, "survey.questions[1].scale"},
			{"no subject", func(v *surveyv1.Survey) { v.Subject = 0 }, "survey.subject"},
			{"asked never", func(v *surveyv1.Survey) { v.SamplingRate = proto.Float64(0) }, "survey.sampling_rate"},
			{"a quiet period that ends before", func(v *surveyv1.Survey) { v.QuietPeriod = durationpb.New(-1) }, "survey.quiet_period"},
		} {
			v := ask(surveyv1.Question_KIND_NPS, surveyv1.Question_KIND_OPEN)
			tt.change(v)
			_, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, Survey: v})
			refused(t, tt.name, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Contains(got, tt.field) {
				t.Errorf("%s: complaints about %v, want %s", tt.name, got, tt.field)
			}
		}
		if n := c.rows(t, "survey"); n != 0 {
			t.Errorf("%d surveys were stored, want none", n)
		}
		v := ask(surveyv1.Question_KIND_NPS)
		v.Questions[0].Scale = &surveyv1.Scale{Max: 10, HigherIsBetter: true}
		c.create(t, "fine", v)
		_, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: "fine", Survey: v})
		refused(t, "an id in use", err, codes.AlreadyExists, "ALREADY_EXISTS")
		for _, missing := range []string{acme + "/surveys/none", "brands/other/surveys/fine"} {
			_, err = c.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: missing})
			refused(t, missing, err, codes.NotFound, "NOT_FOUND")
		}
	})
}

func TestRacingTwinsHaveOneEffect(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		first := &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: "twins", Survey: ask(surveyv1.Question_KIND_NPS), RequestId: uuid.NewString()}
		twins(t, func(ctx context.Context) (proto.Message, error) { return c.CreateSurvey(ctx, first) })
		name := acme + "/surveys/twins"

		check := &surveyv1.CheckEligibilityRequest{
			Survey: name, Customer: ann, Interaction: call, Channel: typev1.Channel_CHANNEL_PHONE, RequestId: uuid.NewString(),
		}
		sent := twins(t, func(ctx context.Context) (proto.Message, error) { return c.CheckEligibility(ctx, check) })

		for _, responseID := range []string{"", "mine"} {
			req := submission(name, rate(surveyv1.Question_KIND_NPS, 0))
			req.RequestId, req.ResponseId = uuid.NewString(), responseID
			if responseID == "" {
				req.Response.Invitation = sent.(*surveyv1.Invitation).GetName()
			}
			twins(t, func(ctx context.Context) (proto.Message, error) { return c.SubmitResponse(ctx, req) })
			req.Response.Answers[0].Value = &surveyv1.Answer_Rating{Rating: 1}
			_, err := c.SubmitResponse(t.Context(), req)
			refused(t, "the same id with another body", err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
		}
		for table, want := range map[string]int{"survey": 1, "invitation": 1, "response": 2, "answer": 2, "outbox": 4} {
			if got := c.rows(t, table); got != want {
				t.Errorf("%d rows in %s, want %d", got, table, want)
			}
		}
	})
}

// twins makes the same call 16 times at once and returns the one answer.
func twins(t *testing.T, call func(context.Context) (proto.Message, error)) proto.Message {
	t.Helper()
	answers := make([]proto.Message, 16)
	var wg sync.WaitGroup
	for i := range answers {
		wg.Go(func() {
			var err error
			if answers[i], err = call(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	for _, a := range answers {
		same(t, "twin", a, answers[0])
	}
	return answers[0]
}

func TestValidateOnlyLeavesNothing(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		made, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{
			Parent: acme, SurveyId: "try", Survey: ask(surveyv1.Question_KIND_NPS), ValidateOnly: true,
		})
		if err != nil || made.GetName() != acme+"/surveys/try" {
			t.Errorf("CreateSurvey = %v, %v, want the survey as it would be", made, err)
		}
		name := c.create(t, "real", ask(surveyv1.Question_KIND_NPS))
		asked, err := c.CheckEligibility(t.Context(), &surveyv1.CheckEligibilityRequest{
			Survey: name, Customer: ann, Channel: typev1.Channel_CHANNEL_PHONE, ValidateOnly: true,
		})
		if err != nil || asked.GetDecision() != surveyv1.Invitation_DECISION_SENT {
			t.Errorf("CheckEligibility = %v, %v, want SENT", asked, err)
		}
		req := submission(name, rate(surveyv1.Question_KIND_NPS, 0))
		req.ValidateOnly, req.ResponseId = true, "r"
		if got := c.submit(t, req); got.GetName() != acme+"/responses/r" {
			t.Errorf("SubmitResponse = %v, want the response as it would be", got)
		}
		for table, want := range map[string]int{"survey": 1, "invitation": 0, "contact": 0, "response": 0, "answer": 0, "outbox": 0} {
			if got := c.rows(t, table); got != want {
				t.Errorf("%d rows in %s, want %d", got, table, want)
			}
		}
		req.ValidateOnly = false
		c.submit(t, req)
		req.ValidateOnly = true
		_, err = c.SubmitResponse(t.Context(), req)
		refused(t, "trying an id in use", err, codes.AlreadyExists, "ALREADY_EXISTS")
	})
}

// stamp is the time i minutes after noon.
func stamp(i int) *timestamppb.Timestamp {
	return timestamppb.New(noon.Add(time.Duration(i) * time.Minute))
}

// interaction names one of the interactions of a ticket.
func interaction(i int) string { return fmt.Sprintf("%s/tickets/1/interactions/i%d", acme, i) }
