package api

import (
	"context"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// OverrideSentiment implements FeedbackService.
func (s *Server) OverrideSentiment(ctx context.Context, req *surveyv1.OverrideSentimentRequest) (*surveyv1.Feedback, error) {
	now := s.now()
	caller, _ := rpc.CallerFrom(ctx)
	return s.changeFeedback(ctx, req, req, func(f *store.Feedback) (bool, error) {
		v := &f.Sentiment
		if v.Override.Label == int32(req.GetLabel()) && (req.GetLabel() == 0 || v.Override.Reason == req.GetReason()) {
			return false, nil
		}
		v.Override = store.Override{}
		v.Label = v.Analyzed
		if req.GetLabel() != 0 {
			v.Override = store.Override{Label: int32(req.GetLabel()), Reason: req.GetReason(), Principal: caller.Subject, Time: now}
			v.Label = v.Override.Label
		}
		return true, nil
	})
}

// LinkFeedback implements FeedbackService.
func (s *Server) LinkFeedback(ctx context.Context, req *surveyv1.LinkFeedbackRequest) (*surveyv1.Feedback, error) {
	brand := name.Brand(req.GetName())
	return s.changeFeedback(ctx, req, req, func(f *store.Feedback) (bool, error) {
		changed := false
		for _, link := range []struct {
			to   string
			from *string
		}{{req.GetCustomer(), &f.Customer}, {req.GetTicket(), &f.Ticket}, {req.GetTouchpoint(), &f.Touchpoint}} {
			to := within(brand, link.to)
			switch {
			case to == "" || to == *link.from:
				continue
			case *link.from != "":
				return false, fault.Precondition("LINKED", req.GetName(), "%s is linked to another one; unlink it first", req.GetName())
			}
			*link.from, changed = to, true
		}
		return changed, ofCustomer(*f)
	})
}

// UnlinkFeedback implements FeedbackService.
func (s *Server) UnlinkFeedback(ctx context.Context, req *surveyv1.UnlinkFeedbackRequest) (*surveyv1.Feedback, error) {
	return s.changeFeedback(ctx, req, req, func(f *store.Feedback) (bool, error) {
		changed := false
		for _, link := range []struct {
			away bool
			from *string
		}{{req.GetCustomer(), &f.Customer}, {req.GetTicket(), &f.Ticket}, {req.GetTouchpoint() || req.GetCustomer(), &f.Touchpoint}} {
			if link.away && *link.from != "" {
				*link.from, changed = "", true
			}
		}
		return changed, nil
	})
}

// AssignFeedbackAction implements FeedbackService.
func (s *Server) AssignFeedbackAction(ctx context.Context, req *surveyv1.AssignFeedbackActionRequest) (*surveyv1.Feedback, error) {
	now := s.now()
	return s.changeFeedback(ctx, req, req, func(f *store.Feedback) (bool, error) {
		if f.Action.Status == int32(surveyv1.FeedbackAction_STATUS_COMPLETED) {
			return false, fault.Precondition("ILLEGAL_TRANSITION", req.GetName(), "the action of %s is completed", req.GetName())
		}
		a := store.Action{
			Owner: int32(req.GetOwner()), Assignee: req.GetAssignee(), Status: int32(surveyv1.FeedbackAction_STATUS_OPEN),
			Note: req.GetNote(), Assigned: f.Action.Assigned,
		}
		if a.Assigned.IsZero() {
			a.Assigned = now
		}
		if req.GetDueTime() != nil {
			a.Due = stored(req.GetDueTime().AsTime())
		}
		changed := a != f.Action
		f.Action = a
		return changed, nil
	})
}

// CompleteFeedbackAction implements FeedbackService.
func (s *Server) CompleteFeedbackAction(ctx context.Context, req *surveyv1.CompleteFeedbackActionRequest) (*surveyv1.Feedback, error) {
	done, err := moment("event_time", req.GetEventTime(), s.now())
	if err != nil {
		return nil, err
	}
	return s.changeFeedback(ctx, req, req, func(f *store.Feedback) (bool, error) {
		if f.Action.Status != int32(surveyv1.FeedbackAction_STATUS_OPEN) {
			return false, fault.Precondition("ILLEGAL_TRANSITION", req.GetName(), "%s has no open action", req.GetName())
		}
		at, err := completion(f.EventTime, done, req.GetEventTime() != nil)
		if err != nil {
			return false, err
		}
		f.Action.Status, f.Action.Outcome = int32(surveyv1.FeedbackAction_STATUS_COMPLETED), int32(req.GetOutcome())
		f.Action.Completed = at
		if req.GetNote() != "" {
			f.Action.Note = req.GetNote()
		}
		return true, nil
	})
}

// completion returns when something was done about what was said: never before that.
func completion(said, done time.Time, given bool) (time.Time, error) {
	switch {
	case !done.Before(said):
		return done, nil
	case given:
		return done, fault.Invalid(fault.Field{
			Path: "event_time", Reason: "timestamp.order", Description: "must not be before the feedback was said",
		})
	}
	return said, nil // whose clock is ahead of ours
}
