package api

import (
	"cmp"
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// aboutFeedback makes an event of f, still without its payload. It is of the customer,
// or of the feedback where nobody knows who that is. No event carries words.
func aboutFeedback(f store.Feedback, at time.Time) (*eventv1.Event, *eventv1.FeedbackRef) {
	ref := &eventv1.FeedbackRef{
		Feedback: feedbackName(f.Brand, f.ID), Customer: full(f.Brand, f.Customer), Source: surveyv1.Feedback_Source(f.Source),
		Solicitation: surveyv1.Feedback_Solicitation(f.Solicitation), Label: surveyv1.Sentiment_Label(f.Sentiment.Label),
	}
	return &eventv1.Event{
		Brand: name.Join("brands", f.Brand), Key: cmp.Or(ref.GetCustomer(), ref.GetFeedback()), EventTime: timestamp(at),
	}, ref
}

func feedbackCreated(f store.Feedback) *eventv1.Event {
	e, ref := aboutFeedback(f, f.EventTime)
	e.Payload = &eventv1.Event_FeedbackCreated{FeedbackCreated: &eventv1.FeedbackCreated{Feedback: ref}}
	return e
}

func feedbackUpdated(f store.Feedback) *eventv1.Event {
	e, ref := aboutFeedback(f, f.UpdateTime)
	e.Payload = &eventv1.Event_FeedbackUpdated{FeedbackUpdated: &eventv1.FeedbackUpdated{Feedback: ref}}
	return e
}

// feedbackOf returns the feedback that e says is new or has changed, or "".
func feedbackOf(e *eventv1.Event) string {
	switch p := e.GetPayload().(type) {
	case *eventv1.Event_FeedbackCreated:
		return p.FeedbackCreated.GetFeedback().GetFeedback()
	case *eventv1.Event_FeedbackUpdated:
		return p.FeedbackUpdated.GetFeedback().GetFeedback()
	}
	return ""
}
