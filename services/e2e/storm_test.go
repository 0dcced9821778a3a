package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// socialStorm: an app crashes, and 1,500 comments say so that nobody asked for, after 500
// of calmer days. What was asked for stays apart and as good as it was.
func socialStorm(t *testing.T, c *clients) {
	brand, storm := c.brand(t), time.Now().UTC().Truncate(time.Hour).Add(-48*time.Hour)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	watch := must(c.feedback.WatchFeedback(ctx, &surveyv1.WatchFeedbackRequest{Parent: brand, Filter: `external_id = "c1999"`, Snapshot: true}))(t)
	if m := must(watch.Recv())(t); m.GetChange() != surveyv1.WatchFeedbackResponse_CHANGE_SNAPSHOT_COMPLETE {
		t.Fatalf("the watch begins with %v, want nothing there", m)
	}
	rows := comments(brand, storm)
	if got := c.comment(t, rows); got.GetImportedCount() != 2000 || got.GetRefusedCount() != 0 {
		t.Fatalf("imported %v, want 2,000", got)
	}
	if got := c.comment(t, rows); got.GetUnchangedCount() != 2000 || got.GetImportedCount() != 0 {
		t.Errorf("imported again %v, want 2,000 unchanged", got)
	}
	crash := seen(t, watch)
	if crash.GetSentiment().GetLabel() != surveyv1.Sentiment_LABEL_NEGATIVE || crash.GetCluster() != "app crash" {
		t.Errorf("the watch shows %v, want a negative comment about the crash", crash)
	}

	calm := &typev1.Window{StartTime: timestamppb.New(storm.Add(-72 * time.Hour)), EndTime: timestamppb.New(storm)}
	loud := &typev1.Window{StartTime: timestamppb.New(storm), EndTime: timestamppb.New(storm.Add(24 * time.Hour))}
	for _, tt := range []struct {
		window             *typev1.Window
		read               int64 // by the analyzer, which is none but of English
		negative, unknown  float64
		comments, reaching float64
	}{{calm, 450, 60.0 / 450, 50.0 / 500, 500, 50_000}, {loud, 1350, 600.0 / 1350, 150.0 / 1500, 1500, 150_000}} {
		said := c.said(t, brand, tt.window)
		holds(t, said, typev1.Metric_METRIC_FEEDBACK_COUNT, tt.comments)
		holds(t, said, typev1.Metric_METRIC_NEGATIVE_SHARE, tt.negative)
		holds(t, said, typev1.Metric_METRIC_UNREADABLE_SHARE, tt.unknown)
		holds(t, said, typev1.Metric_METRIC_PUBLIC_REACH, tt.reaching)
		if n := find(t, said, typev1.Metric_METRIC_NEGATIVE_SHARE).GetEstimate().GetN(); n != tt.read {
			t.Errorf("the negative share is of %d comments, want %d", n, tt.read)
		}
	}
	c.asked(t, brand, calm, loud)
	c.closed(t, brand, crash)
}

// comments are what people said in the three days before the storm and on its first
// day: every tenth in German, and of the others some negative.
func comments(brand string, storm time.Time) (rows []*surveyv1.ImportFeedbackRequest) {
	reach := int64(100)
	for i := range 2000 {
		f := &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_SOCIAL_COMMENT, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			Text: "I love this app, it is great!", Language: "en", PublicReach: &reach, ExternalId: fmt.Sprint("c", i),
			EventTime: timestamppb.New(storm.Add(time.Duration(i-500) * time.Minute / 2)),
		}
		switch {
		case i%10 == 0:
			f.Text, f.Language = "Die App stürzt dauernd ab.", "de"
		case i < 500 && i%500 > 433, i >= 500 && i%10 > 5:
			f.Text, f.Cluster = "The app crashes all the time, this is terrible.", "app crash"
		}
		rows = append(rows, &surveyv1.ImportFeedbackRequest{Parent: brand, Feedback: f})
	}
	return rows
}

// comment imports feedback.
func (c *clients) comment(t *testing.T, rows []*surveyv1.ImportFeedbackRequest) *surveyv1.ImportFeedbackResponse {
	t.Helper()
	stream := must(c.feedback.ImportFeedback(t.Context()))(t)
	for _, r := range rows {
		if err := stream.Send(r); errors.Is(err, io.EOF) {
			break // CloseAndRecv says why
		} else if err != nil {
			t.Fatal(err)
		}
	}
	return must(stream.CloseAndRecv())(t)
}

// seen returns the next feedback of a watch.
func seen(t *testing.T, watch grpc.ServerStreamingClient[surveyv1.WatchFeedbackResponse]) *surveyv1.Feedback {
	t.Helper()
	for {
		m := must(watch.Recv())(t)
		if m.GetChange() == surveyv1.WatchFeedbackResponse_CHANGE_CHANGED {
			return m.GetFeedback()
		}
	}
}

// said returns what unsolicited feedback of a window comes to.
func (c *clients) said(t *testing.T, brand string, w *typev1.Window) []*typev1.Measure {
	t.Helper()
	got := must(c.feedback.QueryFeedbackMetrics(t.Context(), &surveyv1.QueryFeedbackMetricsRequest{Parent: brand, Window: w}))(t)
	if len(got.GetGroups()) != 1 || got.GetGroups()[0].GetKeys()[0].GetValue() != "SOLICITATION_UNSOLICITED" {
		t.Fatalf("the groups are %v, want unsolicited feedback alone", got.GetGroups())
	}
	return got.GetGroups()[0].GetMeasures()
}

// asked finds that what customers were asked is as it was, and holds none of the storm.
func (c *clients) asked(t *testing.T, brand string, calm, loud *typev1.Window) {
	t.Helper()
	survey := c.survey(t, brand, surveyv1.Question_KIND_CSAT5, typev1.Subject_SUBJECT_EXPERIENCE)
	for i := range 80 {
		at := calm.GetEndTime().AsTime().Add(time.Duration(i%2)*2*time.Hour - time.Hour)
		c.answer(t, survey, fmt.Sprint(brand, "/customers/c", i), int32(3+i/2%3), &surveyv1.Response{SubmitTime: timestamppb.New(at)}) //nolint:gosec // small
	}
	got := must(c.answers.CompareSurveyMetrics(t.Context(), &surveyv1.CompareSurveyMetricsRequest{
		Parent: brand, Metric: typev1.Metric_METRIC_CSAT,
		A: &surveyv1.CompareSurveyMetricsRequest_Side{Window: calm}, B: &surveyv1.CompareSurveyMetricsRequest_Side{Window: loud},
	}))(t)
	if got.GetVerdict() != surveyv1.CompareSurveyMetricsResponse_VERDICT_NOT_DISTINGUISHABLE || got.GetA().GetEstimate().GetN() != 40 || got.GetB().GetEstimate().GetN() != 40 {
		t.Errorf("compared are %v, want 40 answers on both sides that do not differ", got)
	}
}

// closed gives a comment to those who can mend it, and says that they have.
func (c *clients) closed(t *testing.T, brand string, f *surveyv1.Feedback) {
	t.Helper()
	const took = 26 * time.Hour
	open := must(c.feedback.AssignFeedbackAction(t.Context(), &surveyv1.AssignFeedbackActionRequest{
		Name: f.GetName(), Owner: typev1.Function_FUNCTION_PRODUCT, Note: "Find the crash.", Etag: f.GetEtag(),
	}))(t)
	if a := open.GetAction(); a.GetStatus() != surveyv1.FeedbackAction_STATUS_OPEN || a.GetTimeToClose() != nil {
		t.Errorf("the action is %v, want it open", a)
	}
	done := must(c.feedback.CompleteFeedbackAction(t.Context(), &surveyv1.CompleteFeedbackActionRequest{
		Name: f.GetName(), Outcome: surveyv1.FeedbackAction_OUTCOME_FIXED, EventTime: timestamppb.New(f.GetEventTime().AsTime().Add(took)),
	}))(t)
	same(t, done.GetAction().GetTimeToClose(), durationpb.New(took))
	list := must(c.feedback.ListFeedback(t.Context(), &surveyv1.ListFeedbackRequest{Parent: brand, Filter: `owner = PRODUCT AND status = COMPLETED`}))(t)
	if len(list.GetFeedback()) != 1 || list.GetFeedback()[0].GetName() != f.GetName() {
		t.Errorf("mended are %v, want %s", list.GetFeedback(), f.GetName())
	}
}
