package survey_test

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// row is a row of an import, with a rating.
func row(id, externalID, text string) *surveyv1.ImportFeedbackRequest {
	f := heard(text, 0)
	f.ExternalId, f.Rating = externalID, proto.Int32(3)
	return &surveyv1.ImportFeedbackRequest{Parent: acme, FeedbackId: id, Feedback: f}
}

// outcome is what became of an import, in short.
func outcome(r *surveyv1.ImportFeedbackResponse) string {
	s := fmt.Sprintf("%d new, %d old, %d refused", r.GetImportedCount(), r.GetUnchangedCount(), r.GetRefusedCount())
	for _, one := range r.GetResults() {
		s += fmt.Sprintf("; %d %s", one.GetIndex(), codes.Code(one.GetError().GetCode())) //nolint:gosec // it is a code
	}
	return s
}

func TestAnImportIsRepeatedWithoutEffect(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		rows := []*surveyv1.ImportFeedbackRequest{
			row("a", "1", "I am very happy with this."), row("", "2", "It is not what I wanted."), row("c", "", "It is fine."),
			row("", "", "Who said that?"), row("d", "", ""), row("", "2", "It is not what I wanted."), row("e", "2", "Other words."),
		}
		rows[4].Feedback.Rating = nil
		if got, want := outcome(v.bring(t, rows...)), "3 new, 1 old, 3 refused; 3 InvalidArgument; 4 InvalidArgument; 6 AlreadyExists"; got != want {
			t.Errorf("the first time: %s, want %s", got, want)
		}
		if got, want := outcome(v.bring(t, rows...)), "0 new, 4 old, 3 refused; 3 InvalidArgument; 4 InvalidArgument; 6 AlreadyExists"; got != want {
			t.Errorf("the second time: %s, want %s", got, want)
		}
		changed := row("a", "1", "I am not happy with this.")
		later := row("c", "", "It is fine.")
		later.Feedback.Attributes = map[string]string{"tenure": "new"}
		if got, want := outcome(v.bring(t, changed, later)), "0 new, 0 old, 2 refused; 0 AlreadyExists; 1 AlreadyExists"; got != want {
			t.Errorf("with other content: %s, want %s", got, want)
		}
		if _, err := v.LinkFeedback(t.Context(), &surveyv1.LinkFeedbackRequest{Name: acme + "/feedback/c", Customer: ann}); err != nil {
			t.Fatal(err)
		}
		if got, want := outcome(v.bring(t, rows[2])), "0 new, 1 old, 0 refused"; got != want {
			t.Errorf("after a link: %s, want %s", got, want)
		}
		tried := row("z", "", "It is fine.")
		tried.ValidateOnly = true
		if got, want := outcome(v.bring(t, tried)), "1 new, 0 old, 0 refused"; got != want {
			t.Errorf("only tried: %s, want %s", got, want)
		}
		if got := v.said(t, "external_id=1 OR external_id=2"); !strings.HasPrefix(got, "a ") || strings.Count(got, " ") != 1 {
			t.Errorf("there is %q, want a and another", got)
		}
		single := v.say(t, "s", heard("It is fine.", 0))
		same := &surveyv1.ImportFeedbackRequest{Parent: acme, FeedbackId: "s", Feedback: heard("It is fine.", 0)}
		if got, want := outcome(v.bring(t, same)), "0 new, 1 old, 0 refused"; got != want {
			t.Errorf("what was created as %s: %s, want %s", single.GetName(), got, want)
		}
	})
}

func TestAnImportIsOfOneBrandAndHasAnEnd(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		for _, tt := range []struct {
			name   string
			change func(i int, r *surveyv1.ImportFeedbackRequest)
			rows   int
			field  string
		}{
			{"another brand", func(i int, r *surveyv1.ImportFeedbackRequest) {
				if i == 1 {
					r.Parent = "brands/other"
				}
			}, 2, "parent"},
			{"a trial halfway", func(i int, r *surveyv1.ImportFeedbackRequest) { r.ValidateOnly = i == 1 }, 2, "validate_only"},
			{"too many", func(int, *surveyv1.ImportFeedbackRequest) {}, 10_001, "feedback"},
		} {
			stream, err := v.ImportFeedback(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			for i := range tt.rows {
				r := row(fmt.Sprint("r", i), "", "Fine.")
				r.ValidateOnly = tt.rows > 2
				tt.change(i, r)
				if err := stream.Send(r); errors.Is(err, io.EOF) {
					break
				}
			}
			_, err = stream.CloseAndRecv()
			if got := wrong(err); status.Code(err) != codes.InvalidArgument || len(got) != 1 || got[0] != tt.field {
				t.Errorf("%s: %v, want INVALID_ARGUMENT about %s", tt.name, err, tt.field)
			}
		}
	})
}

func TestABatchOfFeedbackIsStoredWholeOrInPart(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		v.say(t, "old", heard("Fine.", 0))
		item := func(id, text string) *surveyv1.CreateFeedbackRequest {
			return &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: id, Feedback: heard(text, time.Hour)}
		}
		mixed := &surveyv1.BatchCreateFeedbackRequest{
			Parent: acme, Requests: []*surveyv1.CreateFeedbackRequest{item("a", "Good."), item("old", "Good."), item("b", "")},
		}
		_, err := v.BatchCreateFeedback(t.Context(), mixed)
		if got := wrong(err); len(got) != 1 || got[0] != "requests[2].feedback" {
			t.Errorf("a batch with a wrong item: %v about %v", err, got)
		}
		if got := v.said(t, ""); got != "old" {
			t.Errorf("a refused batch left %s", got)
		}
		mixed.PartialSuccess, mixed.RequestId = true, uuid.NewString()
		for range 2 {
			got, err := v.BatchCreateFeedback(may(t.Context(), "feedback:write"), mixed)
			if err != nil {
				t.Fatal(err)
			}
			r := got.GetResults()
			if len(r) != 3 || r[0].GetFeedback().GetName() != acme+"/feedback/a" || !r[0].GetFeedback().GetTextWithheld() ||
				codes.Code(r[1].GetError().GetCode()) != codes.AlreadyExists || codes.Code(r[2].GetError().GetCode()) != codes.InvalidArgument { //nolint:gosec // codes
				t.Errorf("in part: %v", got)
			}
		}
		if got := v.said(t, ""); got != "a old" {
			t.Errorf("there is %s, want a old", got)
		}
	})
}
