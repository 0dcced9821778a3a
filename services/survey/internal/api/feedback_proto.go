package api

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"golang.org/x/text/unicode/norm"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/survey/internal/sentiment"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// newFeedback makes the row of what somebody has given, with the defaults of the
// contract, and reads how it sounds.
func (s *Server) newFeedback(brand, id string, in *surveyv1.Feedback) (store.Feedback, error) {
	now := s.now()
	said, err := moment("feedback.event_time", in.GetEventTime(), now)
	if err != nil {
		return store.Feedback{}, err
	}
	f := store.Feedback{
		Record: table.Record{Brand: brand, ID: cmp.Or(id, name.NewID()), CreateTime: now, UpdateTime: now, Version: 1},
		Source: int32(in.GetSource()), Solicitation: int32(in.GetSolicitation()), EventTime: said,
		Customer: within(brand, in.GetCustomer()), Ticket: within(brand, in.GetTicket()), Touchpoint: within(brand, in.GetTouchpoint()),
		Reaction: int32(in.GetReaction()), ExternalID: in.GetExternalId(), Words: in.GetText(),
	}
	if err := ofCustomer(f); err != nil {
		return f, resource.Within("feedback", err)
	}
	if f.Rating, f.Scale, err = rated(in); err != nil {
		return f, err
	}
	s.describe(&f, in)
	f.Digest, err = feedbackDigest(in, said)
	return f, err
}

// describe takes over what may change later from in.
func (s *Server) describe(f *store.Feedback, in *surveyv1.Feedback) {
	f.Emotions, f.Attributes = nil, nil
	for _, e := range in.GetEmotions() {
		f.Emotions = append(f.Emotions, int32(e))
	}
	for key, value := range in.GetAttributes() {
		if f.Attributes == nil {
			f.Attributes = map[string]string{}
		}
		f.Attributes[key] = norm.NFC.String(value)
	}
	f.Reach, f.Cluster, f.URL = in.PublicReach, in.GetCluster(), in.GetUrl()
	f.Channel, f.Stage = int32(in.GetChannel()), int32(in.GetStage())
	language := canonical(in.GetLanguage())
	given := language != "" && (language != f.Language || f.LanguageGiven)
	if language == "" && f.Words != "" {
		language = sentiment.Detect(f.Words)
	}
	if language != f.Language {
		f.Language = language
		s.read(f)
	}
	f.LanguageGiven = given
}

// read has the words of f read anew.
func (s *Server) read(f *store.Feedback) {
	reading := s.Sentiment.Read(f.Words, f.Language)
	v := &f.Sentiment
	v.Analyzed, v.Analyzer, v.Version, v.Compound = int32(reading.Label), reading.Analyzer, reading.Version, nil
	if reading.Analyzer != "" {
		v.Compound = &reading.Compound
	}
	v.Label = cmp.Or(v.Override.Label, v.Analyzed)
}

// canonical returns a language tag in the case that BCP 47 recommends.
func canonical(tag string) string {
	parts := strings.Split(strings.ToLower(tag), "-")
	for i, p := range parts[1:] {
		switch len(p) {
		case 4:
			parts[i+1] = strings.ToUpper(p[:1]) + p[1:]
		case 2:
			parts[i+1] = strings.ToUpper(p)
		}
	}
	return strings.Join(parts, "-")
}

// ofCustomer refuses a touchpoint that is not one of the customer.
func ofCustomer(f store.Feedback) error {
	if f.Touchpoint != "" && name.Parent(f.Touchpoint) != f.Customer {
		return fault.Invalid(fault.Field{
			Path: "touchpoint", Description: "must be a touchpoint of the customer", Reason: "touchpoint.customer",
		})
	}
	return nil
}

// rated returns the rating of in and its scale.
func rated(in *surveyv1.Feedback) (*int32, store.FeedbackScale, error) {
	on := store.FeedbackScale{Min: 1, Max: 5}
	if given := in.GetRatingScale(); given != nil {
		on = store.FeedbackScale{Min: given.GetMin(), Max: given.GetMax(), Inverse: !given.GetHigherIsBetter()}
	}
	switch {
	case in.Rating == nil && in.GetRatingScale() != nil:
		return nil, on, fault.Invalid(fault.Field{
			Path: "feedback.rating_scale", Description: "must be absent without a rating", Reason: "rating_scale.rating",
		})
	case in.Rating == nil:
		return nil, store.FeedbackScale{}, nil
	case on.Min >= on.Max:
		return nil, on, fault.Invalid(fault.Field{
			Path: "feedback.rating_scale", Description: "must have a min below its max", Reason: "rating_scale.order",
		})
	case in.GetRating() < on.Min || in.GetRating() > on.Max:
		return nil, on, fault.Invalid(fault.Field{
			Path: "feedback.rating", Description: "must be on the scale", Reason: "rating.scale",
		})
	}
	return in.Rating, on, nil
}

// feedbackDigest covers what somebody has given, said at a time.
func feedbackDigest(in *surveyv1.Feedback, said time.Time) (string, error) {
	given := &surveyv1.Feedback{
		Source: in.GetSource(), Solicitation: in.GetSolicitation(), Customer: in.GetCustomer(), Text: in.GetText(),
		Rating: in.Rating, RatingScale: in.GetRatingScale(), Reaction: in.GetReaction(), Language: in.GetLanguage(),
		Emotions: in.GetEmotions(), PublicReach: in.PublicReach, Cluster: in.GetCluster(), Ticket: in.GetTicket(),
		Touchpoint: in.GetTouchpoint(), ExternalId: in.GetExternalId(), Url: in.GetUrl(), Channel: in.GetChannel(),
		Stage: in.GetStage(), EventTime: timestamp(said), Attributes: in.GetAttributes(),
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(given)
	sum := sha256.Sum256(body)
	return hex.EncodeToString(sum[:]), err
}

func feedbackName(brand, id string) string { return name.Join("brands", brand, "feedback", id) }

// toFeedback returns f with its words.
func toFeedback(f store.Feedback) *surveyv1.Feedback {
	p := &surveyv1.Feedback{
		Name: feedbackName(f.Brand, f.ID), Source: surveyv1.Feedback_Source(f.Source),
		Solicitation: surveyv1.Feedback_Solicitation(f.Solicitation), Customer: full(f.Brand, f.Customer), Text: f.Words,
		Rating: f.Rating, Reaction: surveyv1.Feedback_Reaction(f.Reaction), Language: f.Language,
		Sentiment: toSentiment(f.Sentiment), PublicReach: f.Reach, Cluster: f.Cluster, Ticket: full(f.Brand, f.Ticket),
		Touchpoint: full(f.Brand, f.Touchpoint), ExternalId: f.ExternalID, Url: f.URL, Channel: typev1.Channel(f.Channel),
		Stage: typev1.Stage(f.Stage), EventTime: timestamp(f.EventTime), Action: toAction(f), Attributes: f.Attributes,
		CreateTime: timestamp(f.CreateTime), UpdateTime: timestamp(f.UpdateTime), Etag: resource.Etag(f.Version),
	}
	if f.Rating != nil {
		p.RatingScale = &surveyv1.Scale{Min: f.Scale.Min, Max: f.Scale.Max, HigherIsBetter: !f.Scale.Inverse}
	}
	for _, e := range f.Emotions {
		p.Emotions = append(p.Emotions, typev1.Emotion(e))
	}
	return p
}

func toSentiment(v store.Sentiment) *surveyv1.Sentiment {
	if v.Label == 0 {
		return nil
	}
	p := &surveyv1.Sentiment{
		Compound: v.Compound, Label: surveyv1.Sentiment_Label(v.Label), AnalyzedLabel: surveyv1.Sentiment_Label(v.Analyzed),
		Analyzer: v.Analyzer, AnalyzerVersion: v.Version,
	}
	if o := v.Override; o.Label != 0 {
		p.Override = &surveyv1.Sentiment_Override{
			Label: surveyv1.Sentiment_Label(o.Label), Reason: o.Reason, Principal: o.Principal, EventTime: timestamp(o.Time),
		}
	}
	return p
}

func toAction(f store.Feedback) *surveyv1.FeedbackAction {
	a := f.Action
	if a.Owner == 0 {
		return nil
	}
	p := &surveyv1.FeedbackAction{
		Owner: typev1.Function(a.Owner), Assignee: a.Assignee, Status: surveyv1.FeedbackAction_Status(a.Status),
		Outcome: surveyv1.FeedbackAction_Outcome(a.Outcome), Note: a.Note, DueTime: instant(a.Due),
		AssignTime: instant(a.Assigned), CompleteTime: instant(a.Completed),
	}
	if !a.Completed.IsZero() {
		p.TimeToClose = durationpb.New(a.Completed.Sub(f.EventTime))
	}
	return p
}

// instant returns a time, or nil for none.
func instant(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

// withhold takes the words out of feedback that the caller may not read.
func withhold(ctx context.Context, all ...*surveyv1.Feedback) {
	c, _ := rpc.CallerFrom(ctx)
	if slices.Contains(c.Scopes, "feedback:read_text") || slices.Contains(c.Scopes, "*") {
		return
	}
	for _, f := range all {
		if f.GetText() != "" {
			f.Text, f.TextWithheld = "", true
		}
	}
}
