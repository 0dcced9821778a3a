package api

import (
	"context"
	"errors"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// feedbackFields are the fields that feedback is filtered by.
var feedbackFields = filter.Fields{
	{Name: "source", Kind: filter.Enum, Enum: surveyv1.Feedback_Source(0).Descriptor()},
	{Name: "solicitation", Kind: filter.Enum, Enum: surveyv1.Feedback_Solicitation(0).Descriptor()},
	{Name: "customer", Kind: filter.Name, Column: "substr(customer, 11)", Collection: "customers"},
	{Name: "language"},
	{Name: "label", Kind: filter.Enum, Enum: surveyv1.Sentiment_Label(0).Descriptor()},
	{Name: "cluster"},
	{Name: "ticket", Kind: filter.Name, Column: "substr(ticket, 9)", Collection: "tickets"},
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "external_id", Nullable: true},
	{Name: "owner", Kind: filter.Enum, Column: "action_owner", Enum: typev1.Function(0).Descriptor()},
	{Name: "status", Kind: filter.Enum, Column: "action_status", Enum: surveyv1.FeedbackAction_Status(0).Descriptor()},
	{Name: "event_time", Kind: filter.Time, Order: "event_time"},
	{Name: "attributes", Kind: filter.Map},
}

// feedback returns what feedback has in common with other resources.
func (s *Server) feedback() *resource.Resource[*surveyv1.Feedback, store.Feedback] {
	return &resource.Resource[*surveyv1.Feedback, store.Feedback]{
		DB: s.DB, Validator: s.Validator, Table: &store.FeedbackTable, Collection: "feedback", Field: "feedback",
		Filters: feedbackFields, Orders: feedbackFields, Message: toFeedback,
	}
}

// CreateFeedback implements FeedbackService.
func (s *Server) CreateFeedback(ctx context.Context, req *surveyv1.CreateFeedbackRequest) (*surveyv1.Feedback, error) {
	brand := name.ID(req.GetParent())
	f, err := s.newFeedback(brand, req.GetFeedbackId(), req.GetFeedback())
	if err != nil {
		return nil, err
	}
	answer, err := once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.Feedback, error) { return s.addFeedback(tx, f) })
	withhold(ctx, answer)
	return answer, err
}

// addFeedback stores f and says so.
func (s *Server) addFeedback(tx *sqldb.Tx, f store.Feedback) (*surveyv1.Feedback, error) {
	if err := s.refuse(f.Brand, f.Customer); err != nil {
		return nil, err
	}
	added, taken, err := store.AddFeedback(tx, f)
	switch {
	case errors.Is(err, store.ErrExternalID):
		return nil, externalIDTaken(feedbackName(f.Brand, taken))
	case err != nil:
		return nil, resource.Explain(feedbackName(f.Brand, f.ID), err)
	}
	s.Outbox.Emit(tx, feedbackCreated(added))
	return toFeedback(added), nil
}

// externalIDTaken reports that the feedback called n has the external id already.
func externalIDTaken(n string) error {
	return &fault.Error{
		Code: codes.AlreadyExists, Reason: "EXTERNAL_ID_TAKEN",
		Message: n + " has this external_id already", Metadata: map[string]string{"name": n},
	}
}

// GetFeedback implements FeedbackService.
func (s *Server) GetFeedback(ctx context.Context, req *surveyv1.GetFeedbackRequest) (*surveyv1.Feedback, error) {
	f, err := s.feedback().Get(ctx, req.GetName())
	withhold(ctx, f)
	return f, err
}

// ListFeedback implements FeedbackService.
func (s *Server) ListFeedback(ctx context.Context, req *surveyv1.ListFeedbackRequest) (*surveyv1.ListFeedbackResponse, error) {
	all, next, err := s.feedback().List(ctx, req, "event_time desc")
	if err != nil {
		return nil, err
	}
	withhold(ctx, all...)
	return &surveyv1.ListFeedbackResponse{Feedback: all, NextPageToken: next}, nil
}

// UpdateFeedback implements FeedbackService.
func (s *Server) UpdateFeedback(ctx context.Context, req *surveyv1.UpdateFeedbackRequest) (*surveyv1.Feedback, error) {
	patch := req.GetFeedback()
	return s.changeFeedback(ctx, patch, req, func(f *store.Feedback) (bool, error) {
		if err := s.refuse(f.Brand, f.Customer); err != nil {
			return false, err
		}
		before := toFeedback(*f)
		merged := proto.CloneOf(before)
		if err := applyFeedback(merged, before, req); err != nil {
			return false, err
		}
		if proto.Equal(merged, before) {
			return false, nil
		}
		if err := s.Validator.Message(merged); err != nil {
			return false, resource.Within("feedback", err)
		}
		s.describe(f, merged)
		return true, nil
	})
}

// fixedFeedback are the fields of a feedback that no update changes, though a caller sets
// them when it is created.
var fixedFeedback = []string{
	"source", "solicitation", "customer", "text", "rating", "rating_scale", "reaction", "ticket", "touchpoint", "external_id", "event_time",
}

// applyFeedback changes the fields of merged that an update may change, and refuses
// others. That a whole feedback is written back as it was read is fine.
func applyFeedback(merged, stored *surveyv1.Feedback, req *surveyv1.UpdateFeedbackRequest) error {
	patch := req.GetFeedback()
	for _, path := range req.GetUpdateMask().GetPaths() {
		if slices.Contains(fixedFeedback, path) {
			return fault.Invalid(fault.Field{Path: "update_mask", Reason: "mask.output_only", Description: `"` + path + `" cannot be changed`})
		}
	}
	if err := mask.Apply(merged, patch, req.GetUpdateMask()); err != nil {
		return err
	}
	to, from, given := merged.ProtoReflect(), stored.ProtoReflect(), patch.ProtoReflect()
	for _, f := range fixedFeedback {
		fd := to.Descriptor().Fields().ByName(protoreflect.Name(f))
		if given.Has(fd) && !given.Get(fd).Equal(from.Get(fd)) {
			return fault.Invalid(fault.Field{Path: "feedback." + f, Reason: "mask.output_only", Description: "cannot be changed"})
		}
		to.Clear(fd)
		if from.Has(fd) {
			to.Set(fd, from.Get(fd))
		}
	}
	return nil
}

// A feedbackVersion is what says which version of which feedback is meant.
type feedbackVersion interface {
	GetName() string
	GetEtag() string
}

// changeFeedback changes the feedback that which names, unless change says that it is
// so already.
func (s *Server) changeFeedback(
	ctx context.Context, which feedbackVersion, req once.Request, change func(*store.Feedback) (bool, error),
) (*surveyv1.Feedback, error) {
	n := which.GetName()
	answer, err := once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*surveyv1.Feedback, error) {
		f, err := s.feedback().Lock(tx, n, which.GetEtag())
		if err != nil {
			return nil, err
		}
		changed, err := change(&f)
		if err != nil || !changed {
			return toFeedback(f), err
		}
		f.UpdateTime = s.now()
		if f, err = store.FeedbackTable.Update(tx, f); err != nil {
			return nil, resource.Explain(n, err)
		}
		s.Outbox.Emit(tx, feedbackUpdated(f))
		return toFeedback(f), nil
	})
	withhold(ctx, answer)
	return answer, err
}
