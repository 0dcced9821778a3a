package survey_test

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	nps  = surveyv1.Question_KIND_NPS
	ease = surveyv1.Question_KIND_CES_EASE
	open = surveyv1.Question_KIND_OPEN
)

func TestAResponseIsKeptAsItWasGiven(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps, ease, open))
		req := submission(name, say("naja"), rate(nps, 0))
		req.ResponseId = "r"
		r := req.GetResponse()
		r.Customer, r.SubmitTime = ann, stamp(1)
		r.Answers[1].Touchpoint = ann + "/touchpoints/own"
		r.Attribution = &surveyv1.Attribution{
			Ticket: acme + "/tickets/1", Interaction: call, Touchpoint: ann + "/touchpoints/t",
			Agent: acme + "/agents/a", Team: acme + "/teams/t", Partner: acme + "/partners/p",
			Channel: typev1.Channel_CHANNEL_PHONE, Stage: typev1.Stage_STAGE_RETENTION, Phase: typev1.Phase_PHASE_POST_PURCHASE,
		}
		r.Attributes = map[string]string{"tenure": "31-60", "ville": "Orle\u0301ans"} // not in NFC
		before := time.Now().Truncate(time.Microsecond)
		got := c.submit(t, req)
		if at := got.GetCreateTime().AsTime(); at.Before(before) || at.After(time.Now()) {
			t.Errorf("create_time = %v, want now", at)
		}
		want := proto.CloneOf(r)
		want.Name, want.Subject, want.CreateTime = acme+"/responses/r", typev1.Subject_SUBJECT_SERVICE, got.GetCreateTime()
		want.State, want.SurveyRevision, want.Etag = surveyv1.Response_STATE_COMPLETE, 1, "1"
		want.Attributes["ville"] = "Orl\u00e9ans"
		same(t, "answer", got, want)
		read, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: want.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "response read", read, want)
		list, err := c.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: acme})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "list", list, &surveyv1.ListResponsesResponse{Responses: []*surveyv1.Response{want}})
		if text := protojson.Format(read); !strings.Contains(strings.ReplaceAll(text, " ", ""), `"rating":0`) {
			t.Errorf("JSON = %s, want the rating 0 in it", text)
		}
	})
}

func TestEachKindTakesItsScaleAndNothingElse(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for _, tt := range []struct {
			kind     surveyv1.Question_Kind
			min, max int32
		}{
			{nps, 0, 10},
			{surveyv1.Question_KIND_CSAT5, 1, 5},
			{surveyv1.Question_KIND_STAR5, 1, 5},
			{surveyv1.Question_KIND_CES_V2, 1, 7},
			{surveyv1.Question_KIND_CES_V1, 1, 5},
			{ease, 1, 7},
		} {
			name := c.create(t, id(tt.kind), ask(tt.kind))
			for _, fine := range []int32{tt.min, tt.max} {
				if got := c.submit(t, submission(name, rate(tt.kind, fine))).GetAnswers()[0].GetRating(); got != fine {
					t.Errorf("%v of %d came back as %d", tt.kind, fine, got)
				}
			}
			for _, off := range []int32{tt.min - 1, tt.max + 1, math.MinInt32, math.MaxInt32} {
				_, err := c.SubmitResponse(t.Context(), submission(name, rate(tt.kind, off)))
				refused(t, fmt.Sprintf("%v of %d", tt.kind, off), err, codes.InvalidArgument, "INVALID_ARGUMENT")
				if got := wrong(err); !slices.Equal(got, []string{"response.answers[0].rating"}) {
					t.Errorf("complaints about %v, want the rating", got)
				}
			}
		}
		if got := c.rows(t, "answer"); got != 12 {
			t.Errorf("%d answers were stored, want 12", got)
		}
	})
}

func TestAResponseIsRefused(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		v := ask(nps, ease, open)
		v.Questions[1].Required = true
		name := c.create(t, "s", v)
		other := c.create(t, "other", ask(nps))
		silent := occasion(name, 1)
		c.decide(t, silent)
		refusal := c.decide(t, silent)
		asked := c.decide(t, occasion(name, 5))
		words := say("x")
		words.QuestionId = "nps"
		rated := rate(open, 1)
		for _, tt := range []struct {
			name   string
			change func(*surveyv1.Response)
			fields []string
		}{
			{"an unknown question", func(r *surveyv1.Response) { r.Answers[0].QuestionId = "why" }, []string{"response.answers[0].question_id"}},
			{
				"words for a rating, a rating for words", func(r *surveyv1.Response) { r.Answers = append(r.GetAnswers()[1:], words, rated) },
				[]string{"response.answers[1].text", "response.answers[2].rating"},
			},
			{"a required question left out", func(r *surveyv1.Response) { r.Answers = r.GetAnswers()[:1] }, []string{"response.answers"}},
			{"a question answered twice", func(r *surveyv1.Response) { r.Answers = append(r.GetAnswers(), r.GetAnswers()[0]) }, []string{"response.answers"}},
			{"no answer", func(r *surveyv1.Response) { r.Answers = nil }, []string{"response.answers"}},
			{"two days ahead", func(r *surveyv1.Response) { r.SubmitTime = timestamppb.New(time.Now().Add(48 * time.Hour)) }, []string{"response.submit_time"}},
			{"an invitation of another survey", func(r *surveyv1.Response) { r.Survey, r.Invitation = other, asked.GetName() }, []string{"response.invitation"}},
			{"an invitation that was not sent", func(r *surveyv1.Response) { r.Invitation = refusal.GetName() }, []string{"response.invitation"}},
			{"somebody else's invitation", func(r *surveyv1.Response) { r.Invitation, r.Customer = asked.GetName(), bob }, []string{"response.customer"}},
			{"a touchpoint of another customer", func(r *surveyv1.Response) {
				r.Customer, r.Attribution = bob, &surveyv1.Attribution{Touchpoint: ann + "/touchpoints/t"}
				r.Answers[1].Touchpoint = ann + "b/touchpoints/t"
			}, []string{"response.attribution.touchpoint", "response.answers[1].touchpoint"}},
			{"a touchpoint of a customer whose name goes on", func(r *surveyv1.Response) {
				r.Customer, r.Answers[0].Touchpoint = ann, ann+"b/touchpoints/t"
			}, []string{"response.answers[0].touchpoint"}},
			{"a touchpoint of a customer nobody knows", func(r *surveyv1.Response) {
				r.Attribution, r.Answers[0].Touchpoint = &surveyv1.Attribution{Touchpoint: ann + "/touchpoints/t"}, ann+"/touchpoints/t"
			}, []string{"response.attribution.touchpoint", "response.answers[0].touchpoint"}},
			{"a touchpoint of somebody else than was invited", func(r *surveyv1.Response) {
				r.Invitation, r.Answers[0].Touchpoint = asked.GetName(), bob+"/touchpoints/t"
			}, []string{"response.answers[0].touchpoint"}},
			{"before the invitation", func(r *surveyv1.Response) { r.Invitation, r.SubmitTime = asked.GetName(), stamp(4) }, []string{"response.submit_time"}},
		} {
			req := submission(name, rate(nps, 3), rate(ease, 3))
			tt.change(req.GetResponse())
			if req.GetResponse().GetSurvey() == other {
				req.Response.Answers = req.GetResponse().GetAnswers()[:1]
			}
			_, err := c.SubmitResponse(t.Context(), req)
			refused(t, tt.name, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Equal(got, tt.fields) {
				t.Errorf("%s: complaints about %v, want %v", tt.name, got, tt.fields)
			}
		}
		for _, missing := range []string{acme + "/surveys/none", "brands/else/surveys/s"} {
			_, err := c.SubmitResponse(t.Context(), submission(missing, rate(nps, 3)))
			refused(t, missing, err, codes.NotFound, "NOT_FOUND")
		}
		req := submission(name, rate(ease, 3))
		req.Response.Invitation = name + "/invitations/none"
		_, err := c.SubmitResponse(t.Context(), req)
		refused(t, "an unknown invitation", err, codes.NotFound, "NOT_FOUND")
		_, err = c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: acme + "/responses/none"})
		refused(t, "an unknown response", err, codes.NotFound, "NOT_FOUND")
		for table, want := range map[string]int{"response": 0, "answer": 0, "outbox": 2} { // of the invitations
			if n := c.rows(t, table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
	})
}

func TestAnInvitationIsAnsweredOnce(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for round := range 8 {
			asked := c.decide(t, occasion(name, round))
			var (
				wg  sync.WaitGroup
				mu  sync.Mutex
				won []string
			)
			for i := range 16 {
				wg.Go(func() {
					req := submission(name, rate(nps, int32(i%11)))
					req.Response.Invitation, req.Response.SubmitTime = asked.GetName(), stamp(round)
					got, err := c.SubmitResponse(context.Background(), req) // each with a request_id of its own
					mu.Lock()
					defer mu.Unlock()
					if err == nil {
						won = append(won, got.GetName())
						return
					}
					refused(t, "a second answer", err, codes.FailedPrecondition, "ALREADY_ANSWERED")
				})
			}
			wg.Wait()
			if len(won) != 1 {
				t.Fatalf("%d responses were accepted, want 1", len(won))
			}
			read, err := c.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: asked.GetName()})
			if err != nil {
				t.Fatal(err)
			}
			if read.GetResponse() != won[0] || read.GetState() != surveyv1.Invitation_STATE_COMPLETED || !proto.Equal(read.GetCompleteTime(), stamp(round)) {
				t.Errorf("invitation = %v, want it completed by %s", read, won[0])
			}
			again := submission(name, rate(nps, 1))
			again.ResponseId, again.Response.Invitation = won[0][strings.LastIndex(won[0], "/")+1:], asked.GetName()
			_, err = c.SubmitResponse(t.Context(), again)
			refused(t, "the same id once more", err, codes.FailedPrecondition, "ALREADY_ANSWERED")
			again.Response.Invitation = ""
			_, err = c.SubmitResponse(t.Context(), again)
			refused(t, "the same id without the invitation", err, codes.AlreadyExists, "ALREADY_EXISTS")
		}
		for table, want := range map[string]int{"response": 8, "answer": 8, "outbox": 3 * 8} { // asked, answered, completed
			if n := c.rows(t, table); n != want {
				t.Errorf("%d rows in %s, want %d", n, table, want)
			}
		}
	})
}

func TestAnAnsweredInvitationLendsWhatItKnows(t *testing.T) {
	about := func(i int) *surveyv1.Attribution {
		return &surveyv1.Attribution{Ticket: acme + "/tickets/1", Interaction: interaction(i)}
	}
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		for i, tt := range []struct {
			given, want *surveyv1.Attribution
		}{
			{nil, about(0)},
			{
				&surveyv1.Attribution{Channel: typev1.Channel_CHANNEL_CHAT},
				&surveyv1.Attribution{Ticket: acme + "/tickets/1", Interaction: interaction(1), Channel: typev1.Channel_CHANNEL_CHAT},
			},
			{&surveyv1.Attribution{Ticket: acme + "/tickets/1"}, about(2)},
			{&surveyv1.Attribution{Ticket: acme + "/tickets/2"}, about(3)},
			{&surveyv1.Attribution{Interaction: call}, about(4)},
			{
				&surveyv1.Attribution{Touchpoint: ann + "/touchpoints/t", Agent: acme + "/agents/a"},
				&surveyv1.Attribution{Ticket: acme + "/tickets/1", Touchpoint: ann + "/touchpoints/t", Agent: acme + "/agents/a"},
			},
		} {
			req := submission(name, rate(nps, 3))
			req.Response.Invitation, req.Response.Attribution = c.decide(t, occasion(name, i)).GetName(), tt.given
			req.Response.SubmitTime = stamp(i)
			got := c.submit(t, req)
			if got.GetCustomer() != ann {
				t.Errorf("customer = %q, want ann", got.GetCustomer())
			}
			same(t, "attribution", got.GetAttribution(), tt.want)
		}
	})
}

func TestPagesOfResponsesJoinUp(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name, other := c.create(t, "s", ask(nps)), c.create(t, "s2", ask(nps))
		for i := range 9 { // three share each time
			req := submission(name, rate(nps, 3))
			req.ResponseId = fmt.Sprint(i)
			req.Response.SubmitTime = stamp(i / 3)
			if i%2 == 0 {
				req.Response.Customer = ann
			}
			if i == 4 {
				req.Response.Survey = other
			}
			c.submit(t, req)
		}
		for _, tt := range []struct {
			req  *surveyv1.ListResponsesRequest
			want string
		}{
			{&surveyv1.ListResponsesRequest{}, "876543210"},
			{&surveyv1.ListResponsesRequest{Customer: ann}, "86420"},
			{&surveyv1.ListResponsesRequest{Customer: ann, Survey: other}, "4"},
			{&surveyv1.ListResponsesRequest{Customer: bob}, ""},
			{&surveyv1.ListResponsesRequest{Customers: []string{ann, bob}}, "86420"},
			{&surveyv1.ListResponsesRequest{Customers: []string{ann, bob}, PerCustomer: 2}, "86"},
			{&surveyv1.ListResponsesRequest{Customers: []string{ann}, PerCustomer: 1, Survey: other}, "4"},
		} {
			for _, size := range []int32{1, 2, 7, 0} {
				req := proto.CloneOf(tt.req)
				req.Parent, req.PageSize = acme, size
				if got := c.walk(t, req); got != tt.want {
					t.Errorf("pages of %d of %v = %s, want %s", size, tt.req, got, tt.want)
				}
			}
		}
		first, err := c.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: acme, PageSize: 2})
		if err != nil {
			t.Fatal(err)
		}
		for _, req := range []*surveyv1.ListResponsesRequest{
			{Parent: acme, PageToken: first.GetNextPageToken(), Customer: ann},
			{Parent: "brands/other", PageToken: first.GetNextPageToken()},
			{Parent: acme, PageToken: "junk"},
		} {
			_, err := c.ListResponses(t.Context(), req)
			if status.Code(err) != codes.InvalidArgument || !slices.Equal(wrong(err), []string{"page_token"}) {
				t.Errorf("a token of another request: %v, want a complaint about page_token", err)
			}
		}
	})
}

// walk reads the pages of req and joins the last characters of the names.
func (c client) walk(t *testing.T, req *surveyv1.ListResponsesRequest) (ids string) {
	t.Helper()
	for range 12 {
		page, err := c.ListResponses(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range page.GetResponses() {
			ids += r.GetName()[len(r.GetName())-1:]
		}
		if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
			return ids
		}
	}
	t.Fatal("the pages do not end")
	return ""
}
