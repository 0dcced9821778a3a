package api

import (
	"cmp"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// What a survey that does not say is given.
const (
	defaultExpireAfter = 14 * 24 * time.Hour
	defaultLanguage    = "en"
)

// fromSurvey returns the row of a survey, with the defaults of the contract filled in.
func fromSurvey(p *surveyv1.Survey, r table.Record) store.Survey {
	v := store.Survey{
		Record: r, DisplayName: p.GetDisplayName(), Subject: int32(p.GetSubject()), Scope: int32(p.GetScope()),
		Questions: fromQuestions(p.GetQuestions()), SamplingRate: 1, QuietPeriod: p.GetQuietPeriod().AsDuration().Truncate(time.Microsecond),
		Channels: codesOf(p.GetChannels()), State: int32(p.GetState()), Revision: p.GetRevision(),
		Audience:  int32(cmp.Or(p.GetAudience(), surveyv1.Survey_AUDIENCE_TRUSTED)),
		Anonymous: p.GetAnonymous(), ExpireAfter: defaultExpireAfter, Language: cmp.Or(p.GetLanguage(), defaultLanguage),
		Introduction: fromWording(p.GetIntroduction()), Thanks: fromWording(p.GetThanks()), ConsentRequired: p.GetConsentRequired(),
	}
	if p.SamplingRate != nil {
		v.SamplingRate = p.GetSamplingRate()
	}
	if p.GetExpireAfter() != nil {
		v.ExpireAfter = p.GetExpireAfter().AsDuration().Truncate(time.Microsecond)
	}
	if p.GetCloseTime() != nil {
		v.CloseTime = stored(p.GetCloseTime().AsTime())
	}
	return v
}

func fromQuestions(in []*surveyv1.Question) (all []store.Question) {
	for _, q := range in {
		one := store.Question{
			ID: q.GetQuestionId(), Kind: int32(q.GetKind()), Text: cmp.Or(q.GetText(), scale.Kind(q.GetKind()).Wording()),
			Required: q.GetRequired(), Definition: within(name.Brand(q.GetTouchpointDefinition()), q.GetTouchpointDefinition()),
			Translations: q.GetTranslations(),
		}
		for _, c := range q.GetChoices() {
			one.Choices = append(one.Choices, store.Choice{ID: c.GetChoiceId(), Text: c.GetText(), Translations: c.GetTranslations()})
		}
		for _, b := range q.GetBranches() {
			one.Branches = append(one.Branches, store.Branch{
				Min: b.MinRating, Max: b.MaxRating, Choices: b.GetChoiceIds(), Expectation: int32(b.GetExpectation()), Question: b.GetQuestionId(),
			})
		}
		all = append(all, one)
	}
	return all
}

func fromWording(w *surveyv1.Wording) store.Wording {
	return store.Wording{Text: w.GetText(), Translations: w.GetTranslations()}
}

// toSurvey returns the message of v, which shares with v what v refers to.
func toSurvey(v store.Survey) *surveyv1.Survey {
	p := &surveyv1.Survey{
		Name: surveyName(v.Brand, v.ID), DisplayName: v.DisplayName, Subject: toSubject(v.Subject), Scope: surveyv1.Survey_Scope(v.Scope),
		Questions: toQuestions(v.Brand, v.Questions), SamplingRate: &v.SamplingRate, QuietPeriod: durationpb.New(v.QuietPeriod),
		Channels: enumsOf[typev1.Channel](v.Channels), State: surveyv1.Survey_State(v.State), CreateTime: timestamp(v.CreateTime),
		Etag: resource.Etag(v.Version), UpdateTime: timestamp(v.UpdateTime), Revision: v.Revision,
		Audience: surveyv1.Survey_Audience(v.Audience), Anonymous: v.Anonymous, ExpireAfter: durationpb.New(v.ExpireAfter),
		Language: v.Language, Introduction: toWording(v.Introduction), Thanks: toWording(v.Thanks), ConsentRequired: v.ConsentRequired,
	}
	if !v.CloseTime.IsZero() {
		p.CloseTime = timestamp(v.CloseTime)
	}
	return p
}

func toQuestions(brand string, in []store.Question) (all []*surveyv1.Question) {
	for _, q := range in {
		one := &surveyv1.Question{
			QuestionId: q.ID, Kind: surveyv1.Question_Kind(q.Kind), Text: q.Text, Required: q.Required,
			TouchpointDefinition: full(brand, q.Definition), Scale: toScale(scale.Kind(q.Kind)), Translations: q.Translations,
		}
		for _, c := range q.Choices {
			one.Choices = append(one.Choices, &surveyv1.Question_Choice{ChoiceId: c.ID, Text: c.Text, Translations: c.Translations})
		}
		for _, b := range q.Branches {
			one.Branches = append(one.Branches, &surveyv1.Question_Branch{
				MinRating: b.Min, MaxRating: b.Max, ChoiceIds: b.Choices, Expectation: typev1.Expectation(b.Expectation), QuestionId: b.Question,
			})
		}
		all = append(all, one)
	}
	return all
}

// toScale returns the scale that a kind is rated on, or nil if it is not rated.
func toScale(k scale.Kind) *surveyv1.Scale {
	if !k.Rated() {
		return nil
	}
	s, _ := k.Scale()
	return &surveyv1.Scale{Min: s.Min, Max: s.Max, HigherIsBetter: s.HigherIsBetter}
}

func toWording(w store.Wording) *surveyv1.Wording {
	if w.Text == "" && len(w.Translations) == 0 {
		return nil
	}
	return &surveyv1.Wording{Text: w.Text, Translations: w.Translations}
}

// codesOf returns the numbers of enum values.
func codesOf[E ~int32](in []E) (all []int32) {
	for _, v := range in {
		all = append(all, int32(v))
	}
	return all
}

func enumsOf[E ~int32](in []int32) (all []E) {
	for _, v := range in {
		all = append(all, E(v))
	}
	return all
}
