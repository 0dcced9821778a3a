package survey_test

import (
	"context"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc/metadata"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// A voice is the service as those see it who say something by themselves.
type voice struct {
	surveyv1.FeedbackServiceClient
	client
}

// eachVoice runs f on both databases, over a socket. A caller may do what its credential
// lists, separated by commas, and everything without one.
func eachVoice(t *testing.T, f func(t *testing.T, v voice)) {
	t.Helper()
	each(t, func(t *testing.T, c client) { f(t, newVoice(t, c)) })
}

func newVoice(t testing.TB, c client) voice {
	t.Helper()
	srv := rpc.NewServer(rpc.Config{Auth: func(_ context.Context, credential string) (rpc.Caller, error) {
		if credential == "" {
			credential = "*"
		}
		return rpc.Caller{Scopes: strings.Split(credential, ",")}, nil
	}})
	c.service.Register(srv)
	return voice{surveyv1.NewFeedbackServiceClient(dial(t, srv)), c}
}

// may returns a context of a caller with these scopes only.
func may(ctx context.Context, scopes string) context.Context {
	return metadata.AppendToOutgoingContext(ctx, "authorization", "Bearer "+scopes)
}

// heard is a review said at noon, after so much time.
func heard(text string, after time.Duration) *surveyv1.Feedback {
	return &surveyv1.Feedback{
		Source: surveyv1.Feedback_SOURCE_REVIEW, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
		Text: text, EventTime: timestamppb.New(noon.Add(after)),
	}
}

// say stores f under the id.
func (v voice) say(t testing.TB, id string, f *surveyv1.Feedback) *surveyv1.Feedback {
	t.Helper()
	got, err := v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: id, Feedback: f})
	if err != nil {
		t.Fatal(err)
	}
	return got
}

// said returns the names of the feedback that a filter picks.
func (v voice) said(t *testing.T, filter string) string {
	t.Helper()
	got, err := v.ListFeedback(t.Context(), &surveyv1.ListFeedbackRequest{Parent: acme, Filter: filter})
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, f := range got.GetFeedback() {
		ids = append(ids, strings.TrimPrefix(f.GetName(), acme+"/feedback/"))
	}
	return strings.Join(ids, " ")
}

// bring imports rows and returns what became of them.
func (v voice) bring(t testing.TB, rows ...*surveyv1.ImportFeedbackRequest) *surveyv1.ImportFeedbackResponse {
	t.Helper()
	stream, err := v.ImportFeedback(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range rows {
		if err := stream.Send(r); err != nil {
			break // CloseAndRecv says why
		}
	}
	got, err := stream.CloseAndRecv()
	if err != nil {
		t.Fatal(err)
	}
	return got
}
