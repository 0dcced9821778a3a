package survey_test

import (
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

func TestFeedbackIsKeptAsItWasGivenAndReadForItsSentiment(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		given := &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_REVIEW, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED, Customer: ann,
			Text: "VADER is smart, handsome, and funny.", Rating: proto.Int32(7), RatingScale: &surveyv1.Scale{Min: 1, Max: 10, HigherIsBetter: true},
			Language: "EN-us", Emotions: []typev1.Emotion{typev1.Emotion_EMOTION_JOY}, PublicReach: proto.Int64(0), Cluster: "app crash",
			Ticket: acme + "/tickets/1", Touchpoint: ann + "/touchpoints/call", ExternalId: "r-1", Url: "https://example.org/1",
			Channel: typev1.Channel_CHANNEL_SOCIAL, Stage: typev1.Stage_STAGE_ADVOCACY, EventTime: timestamppb.New(noon),
			Attributes: map[string]string{"name": "Zoe\u0308"},
		}
		got := v.say(t, "f1", given)
		want := proto.CloneOf(given)
		want.Name, want.Language, want.Attributes["name"] = acme+"/feedback/f1", "en-US", "Zo\u00eb"
		want.CreateTime, want.UpdateTime, want.Etag = got.GetCreateTime(), got.GetCreateTime(), "1"
		want.Sentiment = &surveyv1.Sentiment{
			Compound: proto.Float64(0.8316), Label: surveyv1.Sentiment_LABEL_POSITIVE, AnalyzedLabel: surveyv1.Sentiment_LABEL_POSITIVE,
			Analyzer: "vader", AnalyzerVersion: got.GetSentiment().GetAnalyzerVersion(),
		}
		if !proto.Equal(got, want) || got.GetSentiment().GetAnalyzerVersion() == "" {
			t.Errorf("it was stored as %v, want %v", got, want)
		}
		again, err := v.GetFeedback(t.Context(), &surveyv1.GetFeedbackRequest{Name: got.GetName()})
		if err != nil || !proto.Equal(again, got) {
			t.Errorf("it was read as %v, %v, want %v", again, err, got)
		}

		bare := v.say(t, "", &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_SOCIAL_REACTION, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			Reaction: surveyv1.Feedback_REACTION_NEGATIVE,
		})
		if bare.Sentiment != nil || bare.PublicReach != nil || bare.Rating != nil || bare.GetLanguage() != "" || bare.GetEventTime() == nil {
			t.Errorf("a reaction alone is kept as %v", bare)
		}
		rated := v.say(t, "", &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_REVIEW, Solicitation: surveyv1.Feedback_SOLICITATION_SOLICITED, Rating: proto.Int32(5),
		})
		if s := rated.GetRatingScale(); s.GetMin() != 1 || s.GetMax() != 5 || !s.GetHigherIsBetter() {
			t.Errorf("a rating without a scale is on %v, want 1 to 5, high is good", s)
		}
	})
}

func TestAnUnreadLanguageIsUnknownAndNeverNeutral(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		for _, tt := range []struct {
			text, given, language string
			label                 surveyv1.Sentiment_Label
		}{
			{"The staff was very friendly and I am happy", "", "en", surveyv1.Sentiment_LABEL_POSITIVE},
			{"I waited for the bus at the station", "", "en", surveyv1.Sentiment_LABEL_NEUTRAL},
			{"Produto muito bom, chegou antes do prazo", "", "pt", surveyv1.Sentiment_LABEL_UNKNOWN},
			{"great", "", "und", surveyv1.Sentiment_LABEL_UNKNOWN},
			{"great", "en", "en", surveyv1.Sentiment_LABEL_POSITIVE},
			{"The staff was very friendly and I am happy", "de", "de", surveyv1.Sentiment_LABEL_UNKNOWN},
			{"The staff was very friendly and I am happy", "und", "und", surveyv1.Sentiment_LABEL_UNKNOWN},
		} {
			f := heard(tt.text, 0)
			f.Language = tt.given
			got := v.say(t, "", f)
			unknown := tt.label == surveyv1.Sentiment_LABEL_UNKNOWN
			if s := got.GetSentiment(); got.GetLanguage() != tt.language || s.GetLabel() != tt.label || (s.Compound == nil) != unknown || (s.GetAnalyzer() == "") != unknown {
				t.Errorf("%q in %q is in %q and sounds like %v, want %q and %v", tt.text, tt.given, got.GetLanguage(), s, tt.language, tt.label)
			}
		}
	})
}

func TestFeedbackIsRefused(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		for _, tt := range []struct {
			name   string
			change func(*surveyv1.Feedback)
			field  string
		}{
			{"nothing", func(f *surveyv1.Feedback) { f.Text = "" }, "feedback"},
			{"too many characters", func(f *surveyv1.Feedback) { f.Text = strings.Repeat("ä", 10_001) }, "feedback.text"},
			{"a NUL", func(f *surveyv1.Feedback) { f.Text = "a\x00b" }, "feedback.text"},
			{"a long language", func(f *surveyv1.Feedback) { f.Language = "xx-invalid-tag-that-is-long" }, "feedback.language"},
			{"no source", func(f *surveyv1.Feedback) { f.Source = 0 }, "feedback.source"},
			{"no solicitation", func(f *surveyv1.Feedback) { f.Solicitation = 0 }, "feedback.solicitation"},
			{"a rating beside its scale", func(f *surveyv1.Feedback) { f.Rating = proto.Int32(6) }, "feedback.rating"},
			{"a rating below its scale", func(f *surveyv1.Feedback) { f.Rating = proto.Int32(0) }, "feedback.rating"},
			{"a scale without a rating", func(f *surveyv1.Feedback) { f.RatingScale = &surveyv1.Scale{Min: 1, Max: 3} }, "feedback.rating_scale"},
			{"a scale of one point", func(f *surveyv1.Feedback) {
				f.Rating, f.RatingScale = proto.Int32(3), &surveyv1.Scale{Min: 3, Max: 3}
			}, "feedback.rating_scale"},
			{"the touchpoint of another", func(f *surveyv1.Feedback) {
				f.Customer, f.Touchpoint = ann, bob+"/touchpoints/call"
			}, "feedback.touchpoint"},
			{"the touchpoint of somebody", func(f *surveyv1.Feedback) { f.Touchpoint = bob + "/touchpoints/call" }, "feedback.touchpoint"},
			{"another year", func(f *surveyv1.Feedback) { f.EventTime = timestamppb.New(time.Now().Add(25 * time.Hour)) }, "feedback.event_time"},
			{"an address that is none", func(f *surveyv1.Feedback) { f.Url = "javascript:alert(1)" }, "feedback.url"},
			{"no reach", func(f *surveyv1.Feedback) { f.PublicReach = proto.Int64(-1) }, "feedback.public_reach"},
		} {
			f := heard("Well.", 0)
			tt.change(f)
			_, err := v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, Feedback: f})
			if got := wrong(err); status.Code(err) != codes.InvalidArgument || len(got) != 1 || got[0] != tt.field {
				t.Errorf("%s: %v about %v, want INVALID_ARGUMENT about %s", tt.name, err, got, tt.field)
			}
		}
		foreign := heard("Well.", 0)
		foreign.Customer = "brands/other/customers/ann"
		_, err := v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, Feedback: foreign})
		refused(t, "a customer of another brand", err, codes.NotFound, "NOT_FOUND")
		_, err = v.GetFeedback(t.Context(), &surveyv1.GetFeedbackRequest{Name: acme + "/feedback/none"})
		refused(t, "no feedback", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestTheSameThingHeardTwiceIsOne(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		f := heard("It works.", 0)
		f.ExternalId = "r-1"
		first := v.say(t, "f1", f)
		_, err := v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: "f2", Feedback: f})
		refused(t, "the same external id", err, codes.AlreadyExists, "EXTERNAL_ID_TAKEN")
		if !strings.Contains(status.Convert(err).Message(), first.GetName()) {
			t.Errorf("%v does not name %s", err, first.GetName())
		}
		_, err = v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: "f1", Feedback: heard("Other.", 0)})
		refused(t, "the same id", err, codes.AlreadyExists, "ALREADY_EXISTS")
		_, err = v.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: "f1", Feedback: f})
		refused(t, "both the same", err, codes.AlreadyExists, "ALREADY_EXISTS")
		elsewhere := proto.CloneOf(f)
		elsewhere.Source = surveyv1.Feedback_SOURCE_EMAIL
		v.say(t, "f3", elsewhere)

		req := &surveyv1.CreateFeedbackRequest{Parent: acme, FeedbackId: "f4", Feedback: heard("Again.", 0), RequestId: uuid.NewString()}
		var wg sync.WaitGroup
		etags := make([]string, 8)
		for i := range etags {
			wg.Go(func() {
				got, err := v.CreateFeedback(t.Context(), req)
				if err != nil {
					t.Error(err)
				}
				etags[i] = got.GetName() + got.GetCreateTime().String()
			})
		}
		wg.Wait()
		for _, e := range etags {
			if e != etags[0] {
				t.Errorf("of 8 of one request one was answered %s and one %s", etags[0], e)
			}
		}
		tried := proto.CloneOf(req)
		tried.FeedbackId, tried.RequestId, tried.ValidateOnly = "f5", "", true
		if _, err := v.CreateFeedback(t.Context(), tried); err != nil {
			t.Error(err)
		}
		if got, want := v.said(t, ""), "f4 f3 f1"; got != want {
			t.Errorf("there is %s, want %s", got, want)
		}
	})
}

func TestWordsAreForThoseWhoMayReadThem(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		words := heard("My card is 4111 1111 1111 1111", 0)
		words.Rating = proto.Int32(1)
		created, err := v.CreateFeedback(may(t.Context(), "feedback:write"), &surveyv1.CreateFeedbackRequest{
			Parent: acme, FeedbackId: "f1", Feedback: words, RequestId: uuid.NewString(),
		})
		if err != nil || created.GetText() != "" || !created.GetTextWithheld() {
			t.Errorf("who may only write is told %v, %v", created, err)
		}
		name := created.GetName()
		for scopes, want := range map[string]bool{"feedback:read": false, "feedback:read,feedback:read_text": true, "*": true} {
			got, err := v.GetFeedback(may(t.Context(), scopes), &surveyv1.GetFeedbackRequest{Name: name})
			if err != nil {
				t.Fatal(err)
			}
			list, err := v.ListFeedback(may(t.Context(), scopes), &surveyv1.ListFeedbackRequest{Parent: acme})
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range []*surveyv1.Feedback{got, list.GetFeedback()[0]} {
				if (f.GetText() != "") != want || f.GetTextWithheld() == want || f.GetSentiment() == nil {
					t.Errorf("with %s the feedback is %v", scopes, f)
				}
			}
		}
		whole, err := v.GetFeedback(may(t.Context(), "feedback:read"), &surveyv1.GetFeedbackRequest{Name: name})
		if err != nil {
			t.Fatal(err)
		}
		whole.Cluster = "cards"
		back, err := v.UpdateFeedback(t.Context(), &surveyv1.UpdateFeedbackRequest{Feedback: whole})
		if err != nil || back.GetText() == "" || back.GetCluster() != "cards" {
			t.Errorf("written back without its words it is %v, %v", back, err)
		}
		silent := v.say(t, "", &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_REVIEW, Solicitation: surveyv1.Feedback_SOLICITATION_SOLICITED, Rating: proto.Int32(1),
		})
		got, err := v.GetFeedback(may(t.Context(), "feedback:read"), &surveyv1.GetFeedbackRequest{Name: silent.GetName()})
		if err != nil || got.GetTextWithheld() {
			t.Errorf("of feedback without words they are withheld: %v, %v", got, err)
		}
	})
}

func TestAPersonsReadingWins(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		f := v.say(t, "f1", heard("The staff was very friendly and I am happy", 0))
		override := func(l surveyv1.Sentiment_Label, reason string) *surveyv1.Feedback {
			t.Helper()
			got, err := v.OverrideSentiment(t.Context(), &surveyv1.OverrideSentimentRequest{Name: f.GetName(), Label: l, Reason: reason})
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		got := override(surveyv1.Sentiment_LABEL_NEGATIVE, "irony").GetSentiment()
		if got.GetLabel() != surveyv1.Sentiment_LABEL_NEGATIVE || got.GetAnalyzedLabel() != surveyv1.Sentiment_LABEL_POSITIVE ||
			got.GetOverride().GetReason() != "irony" || got.GetOverride().GetEventTime() == nil || got.Compound == nil {
			t.Errorf("overridden it is %v", got)
		}
		if got := override(surveyv1.Sentiment_LABEL_NEGATIVE, "irony"); got.GetEtag() != "2" {
			t.Errorf("the same reading again made version %s", got.GetEtag())
		}
		for _, language := range []string{"pt", "en"} {
			patch := proto.CloneOf(f)
			patch.Language, patch.Etag = language, ""
			updated, err := v.UpdateFeedback(t.Context(), &surveyv1.UpdateFeedbackRequest{
				Feedback: patch, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"language"}},
			})
			if err != nil {
				t.Fatal(err)
			}
			analyzed := surveyv1.Sentiment_LABEL_UNKNOWN
			if language == "en" {
				analyzed = surveyv1.Sentiment_LABEL_POSITIVE
			}
			if s := updated.GetSentiment(); s.GetLabel() != surveyv1.Sentiment_LABEL_NEGATIVE || s.GetAnalyzedLabel() != analyzed {
				t.Errorf("in %s it is %v, want NEGATIVE over %v", language, s, analyzed)
			}
		}
		if got := v.said(t, "label=NEGATIVE"); got != "f1" {
			t.Errorf("negative are %q, want f1", got)
		}
		if s := override(0, "").GetSentiment(); s.GetLabel() != surveyv1.Sentiment_LABEL_POSITIVE || s.Override != nil {
			t.Errorf("without the override it is %v", s)
		}
		silent := v.say(t, "f2", &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_SOCIAL_REACTION, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			Reaction: surveyv1.Feedback_REACTION_NEGATIVE,
		})
		one, err := v.OverrideSentiment(t.Context(), &surveyv1.OverrideSentimentRequest{Name: silent.GetName(), Label: surveyv1.Sentiment_LABEL_NEGATIVE})
		if s := one.GetSentiment(); err != nil || s.GetLabel() != surveyv1.Sentiment_LABEL_NEGATIVE || s.GetAnalyzedLabel() != 0 {
			t.Errorf("a reaction that a person read is %v, %v", s, err)
		}
	})
}

func TestOnlyWhatMayChangeChanges(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		f := v.say(t, "f1", heard("Produto muito bom, chegou antes do prazo", 0))
		update := func(f *surveyv1.Feedback, paths ...string) (*surveyv1.Feedback, error) {
			req := &surveyv1.UpdateFeedbackRequest{Feedback: f}
			if len(paths) > 0 {
				req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
			}
			return v.UpdateFeedback(t.Context(), req)
		}
		got, err := update(proto.CloneOf(f))
		if err != nil || !proto.Equal(got, f) {
			t.Errorf("written back as it was read it is %v, %v, want %v", got, err, f)
		}
		for _, path := range []string{
			"source", "solicitation", "customer", "text", "rating", "rating_scale", "reaction", "ticket", "touchpoint", "external_id",
			"event_time", "sentiment", "action", "create_time", "name", "none",
		} {
			_, err := update(f, path)
			if got := wrong(err); len(got) != 1 || got[0] != "update_mask" {
				t.Errorf("%s: %v about %v, want update_mask", path, err, got)
			}
		}
		changed := proto.CloneOf(f)
		changed.Customer = ann
		if _, err := update(changed); len(wrong(err)) != 1 {
			t.Errorf("an update joined it to a customer: %v", err)
		}
		changed = proto.CloneOf(f)
		changed.Language, changed.Emotions, changed.PublicReach = "en", []typev1.Emotion{typev1.Emotion_EMOTION_JOY}, proto.Int64(12)
		changed.Cluster, changed.Url, changed.Channel = "delivery", "http://example.org", typev1.Channel_CHANNEL_WEB
		changed.Stage, changed.Attributes = typev1.Stage_STAGE_DECISION, map[string]string{"tenure": "new"}
		got, err = update(changed, "*")
		if err != nil {
			t.Fatal(err)
		}
		if got.GetLanguage() != "en" || got.GetSentiment().GetLabel() != surveyv1.Sentiment_LABEL_NEUTRAL || got.GetPublicReach() != 12 ||
			got.GetCluster() != "delivery" || got.GetAttributes()["tenure"] != "new" || got.GetText() != f.GetText() || got.GetEtag() != "2" ||
			!proto.Equal(got.GetEventTime(), f.GetEventTime()) {
			t.Errorf("changed it is %v", got)
		}
		_, err = update(f, "cluster")
		refused(t, "an old etag", err, codes.Aborted, "STALE")
		bare := proto.CloneOf(f)
		bare.Language, bare.Etag = "", ""
		got, err = update(bare, "language", "public_reach", "attributes.tenure")
		if err != nil || got.GetLanguage() != "pt" || got.PublicReach != nil || len(got.GetAttributes()) > 0 || got.GetSentiment().GetLabel() != surveyv1.Sentiment_LABEL_UNKNOWN {
			t.Errorf("with its language detected anew it is %v, %v", got, err)
		}
	})
}

func TestALinkIsMadeOnceAndTakenAway(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		f := v.say(t, "f1", heard("Well.", 0))
		if f.GetCustomer() != "" {
			t.Errorf("nobody said who said it, but it is of %s", f.GetCustomer())
		}
		link := func(customer, ticket, touchpoint string) (*surveyv1.Feedback, error) {
			return v.LinkFeedback(t.Context(), &surveyv1.LinkFeedbackRequest{Name: f.GetName(), Customer: customer, Ticket: ticket, Touchpoint: touchpoint})
		}
		_, err := link("", "", ann+"/touchpoints/call")
		if got := wrong(err); len(got) != 1 || got[0] != "touchpoint" {
			t.Errorf("a touchpoint joined it to a customer: %v", err)
		}
		got, err := link(ann, acme+"/tickets/1", ann+"/touchpoints/call")
		if err != nil || got.GetCustomer() != ann || got.GetTicket() != acme+"/tickets/1" || got.GetTouchpoint() != ann+"/touchpoints/call" {
			t.Errorf("linked it is %v, %v", got, err)
		}
		if got, err := link(ann, "", ""); err != nil || got.GetEtag() != "2" {
			t.Errorf("linked again it is %v, %v", got, err)
		}
		_, err = link(bob, "", "")
		refused(t, "another customer", err, codes.FailedPrecondition, "LINKED")
		if got := v.said(t, `customer="`+ann+`" AND ticket="`+acme+`/tickets/1"`); got != "f1" {
			t.Errorf("of Ann is %q, want f1", got)
		}
		got, err = v.UnlinkFeedback(t.Context(), &surveyv1.UnlinkFeedbackRequest{Name: f.GetName(), Customer: true})
		if err != nil || got.GetCustomer() != "" || got.GetTouchpoint() != "" || got.GetTicket() == "" {
			t.Errorf("without its customer it is %v, %v", got, err)
		}
		if _, err := link(bob, "", ""); err != nil {
			t.Error(err)
		}
	})
}

func TestALoopIsClosed(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		f := v.say(t, "f1", heard("The app crashes.", 0))
		assign := func(owner typev1.Function) (*surveyv1.Feedback, error) {
			return v.AssignFeedbackAction(t.Context(), &surveyv1.AssignFeedbackActionRequest{
				Name: f.GetName(), Owner: owner, Assignee: "bo", Note: "look", DueTime: timestamppb.New(noon.Add(48 * time.Hour)),
			})
		}
		complete := func(at *timestamppb.Timestamp) (*surveyv1.Feedback, error) {
			return v.CompleteFeedbackAction(t.Context(), &surveyv1.CompleteFeedbackActionRequest{
				Name: f.GetName(), Outcome: surveyv1.FeedbackAction_OUTCOME_FIXED, EventTime: at,
			})
		}
		_, err := complete(nil)
		refused(t, "without an action", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		first, err := assign(typev1.Function_FUNCTION_SUPPORT)
		if err != nil {
			t.Fatal(err)
		}
		second, err := assign(typev1.Function_FUNCTION_PRODUCT)
		if a := second.GetAction(); err != nil || a.GetOwner() != typev1.Function_FUNCTION_PRODUCT || a.GetStatus() != surveyv1.FeedbackAction_STATUS_OPEN ||
			!proto.Equal(a.GetAssignTime(), first.GetAction().GetAssignTime()) || a.GetAssignee() != "bo" || a.CompleteTime != nil || a.TimeToClose != nil {
			t.Errorf("given to another part the action is %v, %v", a, err)
		}
		if got := v.said(t, "owner=PRODUCT AND status=OPEN"); got != "f1" {
			t.Errorf("open with the product is %q, want f1", got)
		}
		if _, err := complete(timestamppb.New(noon.Add(-time.Second))); len(wrong(err)) != 1 {
			t.Errorf("it was closed before it was said: %v", err)
		}
		done, err := complete(timestamppb.New(noon.Add(26 * time.Hour)))
		if a := done.GetAction(); err != nil || a.GetStatus() != surveyv1.FeedbackAction_STATUS_COMPLETED || a.GetNote() != "look" ||
			a.GetOutcome() != surveyv1.FeedbackAction_OUTCOME_FIXED || a.GetTimeToClose().AsDuration() != 26*time.Hour {
			t.Errorf("completed the action is %v, %v", a, err)
		}
		_, err = complete(nil)
		refused(t, "completed twice", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
		_, err = assign(typev1.Function_FUNCTION_SUPPORT)
		refused(t, "assigned when completed", err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
	})
}

func TestPagesOfFeedbackJoinUpNewestFirst(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		for i := range 7 {
			v.say(t, fmt.Sprint("f", i), heard("Well.", time.Duration(i/2)*time.Hour))
		}
		req := &surveyv1.ListFeedbackRequest{Parent: acme, PageSize: 3, Filter: `event_time < "2013-01-07T15:00:00Z" AND source = REVIEW`}
		var ids []string
		for range 4 {
			got, err := v.ListFeedback(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			for _, f := range got.GetFeedback() {
				ids = append(ids, strings.TrimPrefix(f.GetName(), acme+"/feedback/"))
			}
			if req.PageToken = got.GetNextPageToken(); req.PageToken == "" {
				break
			}
		}
		if got, want := strings.Join(ids, " "), "f5 f4 f3 f2 f1 f0"; got != want {
			t.Errorf("the pages hold %s, want %s", got, want)
		}
	})
}

func TestEventsOfFeedbackCarryNoWords(t *testing.T) {
	eachVoice(t, func(t *testing.T, v voice) {
		events := v.listen(t)
		f := heard("I am very happy with the staff", 0)
		f.Cluster, f.ExternalId, f.Url = "private cluster", "private id", "https://private.example"
		v.say(t, "f1", f)
		ref := &eventv1.FeedbackRef{
			Feedback: acme + "/feedback/f1", Source: surveyv1.Feedback_SOURCE_REVIEW, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			Label: surveyv1.Sentiment_LABEL_POSITIVE,
		}
		hear(t, "what was said", events, &eventv1.Event{
			Brand: acme, Key: ref.GetFeedback(), EventTime: timestamppb.New(noon),
			Payload: &eventv1.Event_FeedbackCreated{FeedbackCreated: &eventv1.FeedbackCreated{Feedback: ref}},
		})
		linked, err := v.LinkFeedback(t.Context(), &surveyv1.LinkFeedbackRequest{Name: ref.GetFeedback(), Customer: ann})
		if err != nil {
			t.Fatal(err)
		}
		ref = proto.CloneOf(ref)
		ref.Customer = ann
		hear(t, "what was linked", events, &eventv1.Event{
			Brand: acme, Key: ann, EventTime: linked.GetUpdateTime(),
			Payload: &eventv1.Event_FeedbackUpdated{FeedbackUpdated: &eventv1.FeedbackUpdated{Feedback: ref}},
		})
	})
}
