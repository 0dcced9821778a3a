package api

import (
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// fromSurvey returns what the caller decides about a survey, with the defaults of
// the contract filled in.
func fromSurvey(p *surveyv1.Survey) store.Survey {
	v := store.Survey{
		DisplayName: p.GetDisplayName(), Subject: int32(p.GetSubject()), Scope: int32(p.GetScope()),
		SamplingRate: 1, QuietPeriod: p.GetQuietPeriod().AsDuration().Truncate(time.Microsecond),
	}
	if p.SamplingRate != nil {
		v.SamplingRate = p.GetSamplingRate()
	}
	for _, q := range p.GetQuestions() {
		text := q.GetText()
		if text == "" {
			text = scale.Kind(q.GetKind()).Wording()
		}
		v.Questions = append(v.Questions, store.Question{
			ID: q.GetQuestionId(), Kind: int32(q.GetKind()), Text: text, Required: q.GetRequired(),
			Definition: within(name.Brand(q.GetTouchpointDefinition()), q.GetTouchpointDefinition()),
		})
	}
	for _, c := range p.GetChannels() {
		v.Channels = append(v.Channels, int32(c))
	}
	return v
}

func toSurvey(v store.Survey) *surveyv1.Survey {
	p := &surveyv1.Survey{
		Name: surveyName(v.Brand, v.ID), DisplayName: v.DisplayName,
		Subject: toSubject(v.Subject), Scope: surveyv1.Survey_Scope(v.Scope),
		SamplingRate: &v.SamplingRate, QuietPeriod: durationpb.New(v.QuietPeriod),
		State: surveyv1.Survey_State(v.State), CreateTime: timestamp(v.CreateTime), Etag: strconv.FormatInt(v.Version, 10),
	}
	for _, q := range v.Questions {
		one := &surveyv1.Question{
			QuestionId: q.ID, Kind: surveyv1.Question_Kind(q.Kind), Text: q.Text, Required: q.Required,
			TouchpointDefinition: full(v.Brand, q.Definition),
		}
		if s, ok := scale.Kind(q.Kind).Scale(); ok {
			one.Scale = &surveyv1.Scale{Min: s.Min, Max: s.Max, HigherIsBetter: s.HigherIsBetter}
		}
		p.Questions = append(p.Questions, one)
	}
	for _, c := range v.Channels {
		p.Channels = append(p.Channels, typev1.Channel(c))
	}
	return p
}
