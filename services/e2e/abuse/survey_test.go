package abuse

import (
	"math"
	"strings"
	"testing"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

type surveyRequest = surveyv1.CreateSurveyRequest

// surveyRows are about what is asked, and when.
func surveyRows() []row {
	rows := []row{
		of("S01", "no question", "survey.questions", func(r *surveyRequest) { r.Survey.Questions = nil }),
		of("S02", "NPS on a scale of 1 to 5", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_NPS, 1, 5)),
		of("S03", "CSAT on a scale of 0 to 10", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_CSAT5, 0, 10)),
		of("S04", "a scale upside down", "survey.questions[0].scale", scaled(surveyv1.Question_KIND_CES_V2, 7, 1)),
		of("S05", "a question of 2,001 characters", "survey.questions[0].text", func(r *surveyRequest) {
			r.Survey.Questions[0].Text = strings.Repeat("é", 2001)
		}),
		// Each kind has a wording of its own.
		both("S05", "a question without words", ask{req: newSurvey(func(r *surveyRequest) { r.Survey.Questions[0].Text = "" })}),
		of("S06", "two questions of one id", "survey.questions", func(r *surveyRequest) { r.Survey.Questions[1].QuestionId = "how" }),
		branching("S08", "a branch to the question itself", "how"),
		branching("S08", "branches that loop", "how", "ease"),
		branching("S09", "a branch to no question", "whence"),
		of("S12", "a quiet period below zero", "survey.quiet_period", func(r *surveyRequest) { r.Survey.QuietPeriod = durationpb.New(-1) }),
		of("P32", "a sampling rate of 0", "survey.sampling_rate", func(r *surveyRequest) { r.Survey.SamplingRate = proto.Float64(0) }),
		both("S13", "another brand's survey", ask{req: &surveyv1.GetSurveyRequest{Name: "brands/other/surveys/nps"}, code: notFound}),
		both("S14", "other questions of a survey that is asked", ask{
			req: &surveyv1.UpdateSurveyRequest{Survey: &surveyv1.Survey{Name: nps, Questions: []*surveyv1.Question{
				{QuestionId: "how", Kind: surveyv1.Question_KIND_NPS, Text: "Other?"},
			}}}, code: codes.FailedPrecondition, reason: "REVISION_NEEDED",
		}),
		each("S15", "deleting a survey with responses", func(t *testing.T, s *suite, way surface) {
			must[*surveyv1.Response](t, s, submit())
			ask{req: &surveyv1.DeleteSurveyRequest{Name: nps}, code: codes.FailedPrecondition, reason: "IN_USE"}.on(way)(t, s)
		}),
		of("S56", "a language that is none", "survey.language", func(r *surveyRequest) { r.Survey.Language = noLanguage }),
		of("S56", "a translation into no language", `survey.questions[0].translations["`+noLanguage+`"]`, func(r *surveyRequest) {
			r.Survey.Questions[0].Translations = map[string]string{noLanguage: "Wie?"}
		}),
		both("S56", "an answer in no language", ask{
			req: submit(func(r *responseRequest) { r.Response.Language = noLanguage }), code: invalid, field: "response.language",
		}),
	}
	for _, id := range []string{"a.b", "a/b", "a b", "😀", "", "A"} {
		rows = append(rows, of("S07", "a question's id of "+id, "survey.questions[0].question_id", func(r *surveyRequest) {
			r.Survey.Questions[0].QuestionId = id
		}))
	}
	return append(rows, ruleRows()...)
}

const noLanguage = "xx-invalid-tag-that-is-long"

// ruleRows are about occasions, and about strata.
func ruleRows() []row {
	refused := func(id, name, field string, spoil func(*surveyv1.TriggerRule)) row {
		return both(id, name, ask{
			req: ruled(func(r *surveyv1.CreateTriggerRuleRequest) { spoil(r.TriggerRule) }), code: invalid, field: field,
		})
	}
	return []row{
		refused("S11", "a rule for no occasion", "trigger_rule.trigger", func(r *surveyv1.TriggerRule) { r.Trigger = nil }),
		refused("S11", "a rule for a stage nobody knows", "trigger_rule.stage.stages[0]", func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Stage{Stage: &surveyv1.TriggerRule_StageTrigger{Stages: []typev1.Stage{42}}}
		}),
		refused("S11", "a rule for an outcome nobody knows", "trigger_rule.resolution.outcomes[0]", func(r *surveyv1.TriggerRule) {
			r.Trigger = &surveyv1.TriggerRule_Resolution{Resolution: &surveyv1.TriggerRule_ResolutionTrigger{Outcomes: []ticketv1.Ticket_Outcome{42}}}
		}),
		web("S11", "a rule for an event nobody knows", post("/v1/brands/acme/triggerRules",
			`{"displayName":"x","survey":"`+nps+`","full_moon":{}}`), 400),
		both("S11", "a rule for a survey that is not there", ask{
			req: ruled(func(r *surveyv1.CreateTriggerRuleRequest) { r.TriggerRule.Survey = acme + "/surveys/none" }), code: notFound,
		}),
		refused("S12", "a rule that asks a second before the occasion", "trigger_rule.delay", func(r *surveyv1.TriggerRule) {
			r.Delay = durationpb.New(-1e9)
		}),
		// Questions have no weights: strata have sizes.
		weighed("S10", "strata of no size at all", "strata.strata", 0, 0),
		weighed("S10", "a stratum of a size below zero", "strata.strata[1].size", 1, -1),
		weighed("S10", "a stratum of a size that is no number", "strata.strata[0].size", math.NaN(), 1),
	}
}

// of is a survey that is refused for a field.
func of(id, name, field string, spoil func(*surveyRequest)) row {
	return both(id, name, ask{req: newSurvey(spoil), code: invalid, field: field})
}

// branching is a survey whose questions lead to those.
func branching(id, name string, to ...string) row {
	place := len(to) - 1
	return of(id, name, "survey.questions["+string(rune('0'+place))+"].branches[0].question_id", func(r *surveyRequest) {
		if place > 0 {
			r.Survey.Questions[0].Branches = []*surveyv1.Question_Branch{{QuestionId: to[place]}}
		}
		r.Survey.Questions[place].Branches = []*surveyv1.Question_Branch{{QuestionId: to[0]}}
	})
}

func scaled(kind surveyv1.Question_Kind, min, max int32) func(*surveyRequest) {
	return func(r *surveyRequest) {
		r.Survey.Questions[0].Kind, r.Survey.Questions[0].Scale = kind, &surveyv1.Scale{Min: min, Max: max, HigherIsBetter: true}
	}
}

// weighed measures with strata of those sizes.
func weighed(id, name, field string, sizes ...float64) row {
	strata := &surveyv1.Strata{Dimensions: []string{"channel"}}
	for i, size := range sizes {
		strata.Strata = append(strata.Strata, &surveyv1.Stratum{Values: []string{typev1.Channel(i + 1).String()}, Size: size})
	}
	return both(id, name, ask{req: &surveyv1.QuerySurveyMetricsRequest{Parent: acme, Strata: strata}, code: invalid, field: field})
}
