package survey_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
)

// An eye is a watcher of feedback.
type eye struct {
	surveyv1.FeedbackService_WatchFeedbackClient
	t     *testing.T
	token string
}

func (v voice) watch(ctx context.Context, t *testing.T, req *surveyv1.WatchFeedbackRequest) *eye {
	t.Helper()
	ctx, cancel := context.WithTimeout(ctx, time.Minute)
	t.Cleanup(cancel)
	req.Parent = acme
	stream, err := v.WatchFeedback(ctx, req)
	if err != nil {
		t.Fatal(err)
	}
	return &eye{stream, t, ""}
}

// next returns the next message but heartbeats, in short.
func (e *eye) next() string {
	e.t.Helper()
	for {
		m, err := e.Recv()
		if err != nil {
			e.t.Fatal(err)
		}
		if m.GetResumeToken() != "" {
			e.token = m.GetResumeToken()
		}
		if m.GetChange() != surveyv1.WatchFeedbackResponse_CHANGE_HEARTBEAT {
			return fmt.Sprint(m.GetChange().String()[len("CHANGE_"):], " ", m.GetFeedback().GetName(), " ", m.GetFeedback().GetText())
		}
	}
}

func (e *eye) expect(want string) {
	e.t.Helper()
	if got := e.next(); got != want {
		e.t.Errorf("the watcher saw %q, want %q", got, want)
	}
}

// until reads up to want. What happened shortly before a watch began, and what the watcher
// has seen already, may come again.
func (e *eye) until(want string, again ...string) {
	e.t.Helper()
	for range 20 {
		got := e.next()
		if got == want {
			return
		}
		if !slices.Contains(again, got) {
			e.t.Fatalf("the watcher saw %q, want %q", got, want)
		}
	}
	e.t.Fatalf("the watcher never saw %q", want)
}

func TestAWatcherSeesWhatMatchesAndWhatNoLongerDoes(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		fresh := heard("It is awful.", 0)
		fresh.EventTime = timestamppb.Now()
		v.say(t, "old", heard("It is awful.", 0))
		v.say(t, "one", fresh)
		e := v.watch(t.Context(), t, &surveyv1.WatchFeedbackRequest{Filter: "label = NEGATIVE", Snapshot: true})
		e.expect("SNAPSHOT " + acme + "/feedback/one It is awful.")
		e.expect("SNAPSHOT_COMPLETE  ")
		v.say(t, "fine", heard("It is very good.", 0))
		v.say(t, "two", heard("I hate it and it is bad.", 0))
		override := func(id string, l surveyv1.Sentiment_Label) {
			t.Helper()
			if _, err := v.OverrideSentiment(t.Context(), &surveyv1.OverrideSentimentRequest{Name: acme + "/feedback/" + id, Label: l}); err != nil {
				t.Fatal(err)
			}
		}
		one, old := "CHANGED "+acme+"/feedback/one It is awful.", "CHANGED "+acme+"/feedback/old It is awful."
		two, gone := "CHANGED "+acme+"/feedback/two I hate it and it is bad.", "GONE "+acme+"/feedback/two "
		e.until(two, one, old)
		override("two", surveyv1.Sentiment_LABEL_POSITIVE)
		e.until(gone, one, old, two)
		override("fine", surveyv1.Sentiment_LABEL_NEUTRAL)
		override("fine", surveyv1.Sentiment_LABEL_NEGATIVE)
		fine := "CHANGED " + acme + "/feedback/fine It is very good."
		e.until(fine, one, old)

		blind := v.watch(may(t.Context(), "feedback:read"), t, &surveyv1.WatchFeedbackRequest{Filter: "label = NEGATIVE", Snapshot: true})
		blind.expect("SNAPSHOT " + acme + "/feedback/one ")
		again := v.watch(t.Context(), t, &surveyv1.WatchFeedbackRequest{Filter: "label = NEGATIVE", Snapshot: true, ResumeToken: e.token})
		v.say(t, "three", heard("It is terrible.", 0))
		again.until("CHANGED "+acme+"/feedback/three It is terrible.", one, old, fine, gone)
	})
}

func TestATokenGoesWithItsFilter(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		e := v.watch(t.Context(), t, &surveyv1.WatchFeedbackRequest{Snapshot: true})
		e.expect("SNAPSHOT_COMPLETE  ")
		other := v.watch(t.Context(), t, &surveyv1.WatchFeedbackRequest{Snapshot: true, Filter: "source = REVIEW", ResumeToken: e.token})
		_, err := other.Recv()
		if got := wrong(err); len(got) != 1 || got[0] != "resume_token" {
			t.Errorf("a token of another filter: %v", err)
		}
		bad := v.watch(t.Context(), t, &surveyv1.WatchFeedbackRequest{Filter: "text = secret"})
		_, err = bad.Recv()
		refused(t, "a filter on the words", err, codes.InvalidArgument, "INVALID_ARGUMENT")
	})
}

func TestWatchersSideBySideSeeWhatIsTheirs(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		type side struct {
			*eye
			all, blind bool
		}
		var sides []side
		for i := range 8 {
			one, ctx, req := side{all: i%2 == 0, blind: i%4 < 2}, t.Context(), &surveyv1.WatchFeedbackRequest{Snapshot: true}
			if !one.all {
				req.Filter = "label = NEGATIVE"
			}
			if one.blind {
				ctx = may(ctx, "feedback:read")
			}
			one.eye = v.watch(ctx, t, req)
			one.expect("SNAPSHOT_COMPLETE  ")
			sides = append(sides, one)
		}
		for i := range 6 {
			v.say(t, fmt.Sprint("bad", i), heard("It is awful.", 0))
			v.say(t, fmt.Sprint("fine", i), heard("It is very good.", 0))
		}
		for _, one := range sides {
			var seen []string
			for i := range 6 {
				for id, words := range map[string]string{"bad": "It is awful.", "fine": "It is very good."} {
					if id == "fine" && !one.all {
						continue
					}
					if one.blind {
						words = ""
					}
					seen = append(seen, fmt.Sprint("CHANGED ", acme, "/feedback/", id, i, " ", words))
				}
			}
			one.until("CHANGED "+acme+"/feedback/bad5 "+map[bool]string{false: "It is awful."}[one.blind], seen...)
		}
	})
}
