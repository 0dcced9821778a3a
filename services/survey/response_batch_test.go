package survey_test

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// batch returns so many requests to answer the survey, with ids of their numbers.
func batch(survey string, n int) *surveyv1.BatchCreateResponsesRequest {
	req := &surveyv1.BatchCreateResponsesRequest{Parent: acme}
	for i := range n {
		one := submission(survey, rate(nps, int32(i%11)))
		one.ResponseId = fmt.Sprint(i)
		req.Requests = append(req.Requests, one)
	}
	return req
}

func TestABatchIsStoredWholeOrAsFarAsItCanBe(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		invited := ask(nps)
		invited.Audience = surveyv1.Survey_AUDIENCE_INVITED
		closed := c.create(t, "closed", invited)
		asked := c.decide(t, occasion(name, 0))
		req := batch(name, 8)
		req.Requests[1].Response.Answers[0] = rate(nps, 11)
		req.Requests[2].Token = "x"
		req.Requests[3].ResponseId = "0"
		for _, i := range []int{4, 5} {
			req.Requests[i].Response.Invitation, req.Requests[i].Response.SubmitTime = asked.GetName(), stamp(1)
		}
		req.Requests[6].Response.Survey = closed
		req.Requests[7].RequestId = "7c9e6679-7425-40de-944b-e07fc1f90ae7"
		_, err := c.BatchCreateResponses(t.Context(), req)
		if got := wrong(err); !slices.Equal(got, []string{"requests[1].response.answers[0].rating"}) {
			t.Errorf("a batch: %v, want a complaint about its second item", err)
		}
		if n := c.rows(t, "response"); n != 0 {
			t.Fatalf("%d responses, want none", n)
		}
		req.PartialSuccess = true
		got, err := c.BatchCreateResponses(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		want := []codes.Code{
			codes.OK, codes.InvalidArgument, codes.InvalidArgument, codes.AlreadyExists, codes.OK, codes.FailedPrecondition,
			codes.Unauthenticated, codes.InvalidArgument,
		}
		for i, r := range got.GetResults() {
			if code := status.FromProto(r.GetError()).Code(); code != want[i] || (code == codes.OK) != (r.GetResponse() != nil) {
				t.Errorf("item %d: %v, want %v", i, r, want[i])
			}
		}
		if n := c.rows(t, "response"); n != 2 {
			t.Errorf("%d responses, want 2", n)
		}
		large := batch(name, 1000)
		for _, r := range large.GetRequests() {
			r.ResponseId = ""
		}
		if got, err := c.BatchCreateResponses(t.Context(), large); err != nil || len(got.GetResults()) != 1000 || c.rows(t, "answer") != 1002 {
			t.Errorf("1,000 responses: %d, %v", len(got.GetResults()), err)
		}
	})
}

// pastRows returns so many rows of an import.
func pastRows(survey string, n int) (rows []*surveyv1.ImportResponsesRequest) {
	for i := range n {
		r := submission(survey, rate(nps, int32(i%11))).GetResponse()
		r.SubmitTime = stamp(i)
		rows = append(rows, &surveyv1.ImportResponsesRequest{Parent: acme, ResponseId: fmt.Sprint("r", i), Response: r})
	}
	return rows
}

func (c client) take(ctx context.Context, rows ...*surveyv1.ImportResponsesRequest) (*surveyv1.ImportResponsesResponse, error) {
	stream, err := c.ImportResponses(ctx)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		if stream.Send(row) != nil {
			break
		}
	}
	return stream.CloseAndRecv()
}

func TestAnImportIsRepeatable(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		if _, err := c.ArchiveSurvey(t.Context(), &surveyv1.ArchiveSurveyRequest{Name: name}); err != nil {
			t.Fatal(err)
		}
		rows := pastRows(name, 450) // more than two chunks
		for _, tt := range []struct {
			what      string
			validate  bool
			imported  int64
			unchanged int64
		}{{"checked only", true, 450, 0}, {"first", false, 450, 0}, {"again", false, 0, 450}} {
			for _, r := range rows {
				r.ValidateOnly = tt.validate
			}
			got, err := c.take(t.Context(), rows...)
			if err != nil {
				t.Fatal(err)
			}
			same(t, tt.what, got, &surveyv1.ImportResponsesResponse{ImportedCount: tt.imported, UnchangedCount: tt.unchanged})
		}
		for _, table := range []string{"response", "answer", "outbox"} {
			if n := c.rows(t, table); n != 450 {
				t.Errorf("%d rows in %s, want 450", n, table)
			}
		}
		if got := c.rows(t, "rollup_stale"); got == 0 {
			t.Error("no day is marked to be rolled up again")
		}
		draft, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: "draft", Survey: ask(nps), Draft: true})
		if err != nil {
			t.Fatal(err)
		}
		changed, off, late, early := proto.CloneOf(rows[3]), pastRows(name, 1)[0], pastRows(name, 1)[0], pastRows(draft.GetName(), 1)[0]
		changed.Response.Answers[0] = rate(nps, 9)
		off.ResponseId, off.Response.Answers[0] = "off", rate(nps, 11)
		late.ResponseId, late.Response.SubmitTime = "late", nil
		early.ResponseId = "early"
		got, err := c.take(t.Context(), changed, off, late, early, rows[0], pastRows(name, 451)[450])
		if err != nil || got.GetImportedCount() != 1 || got.GetUnchangedCount() != 1 || got.GetRefusedCount() != 4 {
			t.Fatalf("answer = %v, %v, want 1 imported, 1 unchanged and 4 refused", got, err)
		}
		for i, want := range []codes.Code{codes.AlreadyExists, codes.InvalidArgument, codes.InvalidArgument, codes.FailedPrecondition} {
			if r := got.GetResults()[i]; r.GetIndex() != int64(i) || status.FromProto(r.GetError()).Code() != want || r.GetResponse() == "" {
				t.Errorf("row %d: %v, want %v", i, r, want)
			}
		}
	})
}

func TestAnImportKeepsToOneBrand(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		rows := pastRows(name, 2)
		rows[1].ValidateOnly = true
		_, err := c.take(t.Context(), rows...)
		if got := wrong(err); !slices.Equal(got, []string{"validate_only"}) {
			t.Errorf("half of it to check only: %v, want a complaint", err)
		}
		rows[1].ValidateOnly, rows[1].Parent, rows[1].Response.Survey = false, "brands/else", "brands/else/surveys/s"
		_, err = c.take(t.Context(), rows...)
		if got := wrong(err); !slices.Equal(got, []string{"parent"}) {
			t.Errorf("two brands: %v, want a complaint", err)
		}
	})
}

func TestTwoImportsOfTheSameRowsMeet(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		var (
			wg sync.WaitGroup
			mu sync.Mutex
			n  [2]int64
		)
		for range 3 {
			wg.Go(func() {
				got, err := c.take(context.Background(), pastRows(name, 250)...)
				if err != nil {
					t.Error(err)
				}
				mu.Lock()
				defer mu.Unlock()
				n[0], n[1] = n[0]+got.GetImportedCount(), n[1]+got.GetUnchangedCount()
			})
		}
		wg.Wait()
		if n != [2]int64{250, 500} || c.rows(t, "response") != 250 {
			t.Errorf("%d imported and %d unchanged, %d rows, want 250, 500 and 250", n[0], n[1], c.rows(t, "response"))
		}
	})
}

func TestResponsesAreWatched(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name, other := c.open(t, "s", ask(nps, open)), c.open(t, "other", ask(nps))
		all := as(t.Context(), "*")
		post := func(survey, id string, at time.Time, answers ...*surveyv1.Answer) {
			req := submission(survey, answers...)
			req.ResponseId, req.Response.SubmitTime = id, timestamppb.New(at)
			if _, err := c.SubmitResponse(all, req); err != nil {
				t.Fatal(err)
			}
		}
		post(name, "old", time.Now().Add(-25*time.Hour), rate(nps, 1))
		post(name, "known", time.Now().Add(-time.Hour), rate(nps, 1), say("words"))
		ctx, stop := context.WithTimeout(as(t.Context(), "responses:read"), time.Minute)
		defer stop()
		stream, err := c.WatchResponses(ctx, &surveyv1.WatchResponsesRequest{Parent: acme, Survey: name, Snapshot: true})
		if err != nil {
			t.Fatal(err)
		}
		token := ""
		next := func(want surveyv1.WatchResponsesResponse_Change, id string) *surveyv1.Response {
			t.Helper()
			for {
				got, err := stream.Recv()
				if err != nil {
					t.Fatal(err)
				}
				if r := got.GetResponse(); r != nil && r.GetSurvey() != name {
					t.Fatalf("message = %v, want none of another survey", got)
				}
				if got.GetChange() == surveyv1.WatchResponsesResponse_CHANGE_HEARTBEAT && want != got.GetChange() {
					continue
				}
				if got.GetChange() == want && want == surveyv1.WatchResponsesResponse_CHANGE_CHANGED && got.GetResponse().GetName() != acme+"/responses/"+id {
					continue // it may come twice
				}
				if got.GetChange() != want || got.GetResponse() != nil && got.GetResponse().GetName() != acme+"/responses/"+id {
					t.Fatalf("message = %v, want %v of %q", got, want, id)
				}
				token = got.GetResumeToken()
				return got.GetResponse()
			}
		}
		if r := next(surveyv1.WatchResponsesResponse_CHANGE_SNAPSHOT, "known"); !r.GetTextWithheld() || r.GetAnswers()[1].GetText() != "" || token != "" {
			t.Errorf("response = %v, want it without words, and no token", r)
		}
		next(surveyv1.WatchResponsesResponse_CHANGE_SNAPSHOT_COMPLETE, "")
		post(other, "elsewhere", time.Now(), rate(nps, 1))
		post(name, "new", time.Now(), rate(nps, 0))
		if r := next(surveyv1.WatchResponsesResponse_CHANGE_CHANGED, "new"); r.GetState() != surveyv1.Response_STATE_COMPLETE || r.GetAnswers()[0].GetValue() == nil {
			t.Errorf("response = %v, want it complete with the rating 0", r)
		}
		if _, err := c.ExcludeResponse(all, &surveyv1.ExcludeResponseRequest{Name: acme + "/responses/known", Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		if r := next(surveyv1.WatchResponsesResponse_CHANGE_CHANGED, "known"); r.GetState() != surveyv1.Response_STATE_EXCLUDED {
			t.Errorf("response = %v, want it excluded", r)
		}
		stop()
		post(name, "missed", time.Now(), rate(nps, 2))
		ctx, stop = context.WithTimeout(as(t.Context(), "responses:read"), time.Minute)
		defer stop()
		stream, err = c.WatchResponses(ctx, &surveyv1.WatchResponsesRequest{Parent: acme, Survey: name, Snapshot: true, ResumeToken: token})
		if err != nil {
			t.Fatal(err)
		}
		next(surveyv1.WatchResponsesResponse_CHANGE_CHANGED, "missed")
	})
}
