package survey_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestAResponseIsTakenOutAndPutBack(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps))
		heard := c.listen(t, "response_submitted", "response_excluded")
		req := submission(name, rate(nps, 0))
		req.ResponseId, req.Response.Attribution, req.Response.Customer = "r", &surveyv1.Attribution{Interaction: call}, ann
		want := c.submit(t, req)
		rating := []*eventv1.Rating{{Target: call, Rating: 0, Min: 0, Max: 10}}
		hear(t, "the submission", heard, told(want, rating))
		before := time.Now().Truncate(time.Microsecond)
		out, err := c.ExcludeResponse(t.Context(), &surveyv1.ExcludeResponseRequest{Name: want.GetName(), Reason: "an employee's"})
		if err != nil {
			t.Fatal(err)
		}
		want = proto.CloneOf(want)
		want.State, want.Etag = surveyv1.Response_STATE_EXCLUDED, "2"
		want.Exclusions = []*surveyv1.Response_Exclusion{{Reason: "an employee's", Principal: "local", EventTime: out.GetExclusions()[0].GetEventTime()}}
		same(t, "excluded", out, want)
		if at := want.GetExclusions()[0].GetEventTime().AsTime(); at.Before(before) || at.After(time.Now()) {
			t.Errorf("excluded at %v, want now", at)
		}
		hearOut(t, heard, want, call)
		if got := c.counted(t); got != "" {
			t.Errorf("answers %s count, want none", got)
		}
		again, err := c.ExcludeResponse(t.Context(), &surveyv1.ExcludeResponseRequest{Name: want.GetName(), Reason: "once more"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "excluded again", again, want)
		in, err := c.IncludeResponse(t.Context(), &surveyv1.IncludeResponseRequest{Name: want.GetName(), Reason: "a customer, too"})
		if err != nil {
			t.Fatal(err)
		}
		want = proto.CloneOf(want)
		want.State, want.Etag = surveyv1.Response_STATE_COMPLETE, "3"
		want.Exclusions = append(want.GetExclusions(), &surveyv1.Response_Exclusion{
			Included: true, Reason: "a customer, too", Principal: "local", EventTime: in.GetExclusions()[1].GetEventTime(),
		})
		same(t, "included", in, want)
		read, err := c.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: want.GetName()})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "read", read, want)
		if got := c.counted(t); got != "r:0" {
			t.Errorf("answers %s count, want r:0", got)
		}
		back := told(want, rating)
		back.EventTime, back.GetResponseSubmitted().Version = in.GetExclusions()[1].GetEventTime(), 3
		hear(t, "the inclusion", heard, back)
	})
}

func TestOnlyWhatIsCompleteIsTakenOut(t *testing.T) {
	eachGuarded(t, func(t *testing.T, c client) {
		name := c.open(t, "s", ask(nps))
		token := c.invite(t, name, 0).GetToken()
		req := c.with(t, token, rate(nps, 3))
		req.Partial = true
		saved := c.submit(t, req)
		all := as(t.Context(), "*")
		_, err := c.ExcludeResponse(all, &surveyv1.ExcludeResponseRequest{Name: saved.GetName(), Reason: "x"})
		refused(t, "a partial one", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		req.Partial = false
		first := c.submit(t, req)
		if _, err := c.ExcludeResponse(all, &surveyv1.ExcludeResponseRequest{Name: first.GetName(), Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		req.Supersede = true
		_, err = c.SubmitResponse(t.Context(), req)
		refused(t, "an answer instead of the one taken out", err, codes.FailedPrecondition, "TOKEN_USED")
		if _, err := c.IncludeResponse(all, &surveyv1.IncludeResponseRequest{Name: first.GetName(), Reason: "x"}); err != nil {
			t.Fatal(err)
		}
		c.submit(t, req)
		for what, err := range map[string]error{
			"excluding": func() error {
				_, err := c.ExcludeResponse(all, &surveyv1.ExcludeResponseRequest{Name: first.GetName(), Reason: "x"})
				return err
			}(),
			"including": func() error {
				_, err := c.IncludeResponse(all, &surveyv1.IncludeResponseRequest{Name: first.GetName(), Reason: "x"})
				return err
			}(),
		} {
			refused(t, what+" a superseded one", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		}
		_, err = c.ExcludeResponse(all, &surveyv1.ExcludeResponseRequest{Name: acme + "/responses/none", Reason: "x"})
		refused(t, "an unknown one", err, codes.NotFound, "NOT_FOUND")
		if n := c.rows(t, "exclusion"); n != 2 {
			t.Errorf("%d entries in the record, want 2", n)
		}
	})
}

func TestWhatIsOutOfTheMeasuresIsCountedBesideThem(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		name := c.create(t, "s", ask(nps, open))
		for i := range 5 {
			req := submission(name, rate(nps, 9))
			req.Response.SubmitTime = stamp(i)
			if i < 3 {
				req.Response.Attribution = &surveyv1.Attribution{Channel: phone}
			}
			r := c.submit(t, req)
			if i == 0 || i == 4 {
				if _, err := c.ExcludeResponse(t.Context(), &surveyv1.ExcludeResponseRequest{Name: r.GetName(), Reason: "a test"}); err != nil {
					t.Fatal(err)
				}
			}
		}
		v := c.decide(t, occasion(name, 0))
		for i := range 3 {
			req := submission(name, rate(nps, 1))
			req.Response.Invitation, req.Response.SubmitTime, req.Supersede = v.GetName(), stamp(10+i), true
			c.submit(t, req)
		}
		c.submit(t, submission(c.create(t, "other", ask(nps)), rate(nps, 9)))
		for what, tt := range map[string]struct {
			change   func(*surveyv1.QuerySurveyMetricsRequest)
			included int64
			excluded string
		}{
			"everything":   {func(*surveyv1.QuerySurveyMetricsRequest) {}, 5, "EXCLUDED 2, SUPERSEDED 2"},
			"one survey":   {func(r *surveyv1.QuerySurveyMetricsRequest) { r.Surveys = []string{name} }, 4, "EXCLUDED 2, SUPERSEDED 2"},
			"by a filter":  {func(r *surveyv1.QuerySurveyMetricsRequest) { r.Filter = "channel = CHANNEL_PHONE" }, 2, "EXCLUDED 1"},
			"a population": {func(r *surveyv1.QuerySurveyMetricsRequest) { r.Population = on(phone).GetPopulation() }, 2, "EXCLUDED 1, NO_CHANNEL 3"},
			"a window": {func(r *surveyv1.QuerySurveyMetricsRequest) {
				r.Window = &typev1.Window{StartTime: stamp(4), EndTime: stamp(11)}
			}, 0, "EXCLUDED 1, SUPERSEDED 1"},
			"the other subject": {func(r *surveyv1.QuerySurveyMetricsRequest) { r.Subjects = []typev1.Subject{experience} }, 0, ""},
		} {
			b := c.query(t, tt.change).GetBasis()
			var excluded []string
			for _, e := range b.GetExcluded() {
				excluded = append(excluded, fmt.Sprint(e.GetReason(), " ", e.GetCount()))
			}
			if got := strings.Join(excluded, ", "); got != tt.excluded || b.GetIncluded() != tt.included {
				t.Errorf("%s: %d included, excluded %q, want %d and %q", what, b.GetIncluded(), got, tt.included, tt.excluded)
			}
		}
	})
}
