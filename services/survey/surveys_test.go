package survey_test

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// everything is a survey with all that a survey can have, as it comes back.
func everything() *surveyv1.Survey {
	words := map[string]string{"de": "Worte", "pt-BR": "Palavras"}
	wording := func(text string) *surveyv1.Wording { return &surveyv1.Wording{Text: text, Translations: words} }
	return &surveyv1.Survey{
		DisplayName: "After a call", Subject: typev1.Subject_SUBJECT_EXPERIENCE, Scope: surveyv1.Survey_SCOPE_RELATIONSHIP,
		Questions: []*surveyv1.Question{
			{
				QuestionId: "nps", Kind: surveyv1.Question_KIND_NPS, Text: "Would you?", Required: true, Translations: words,
				TouchpointDefinition: acme + "/touchpointDefinitions/call", Scale: &surveyv1.Scale{Max: 10, HigherIsBetter: true},
				Branches: []*surveyv1.Question_Branch{
					{MinRating: proto.Int32(0), MaxRating: proto.Int32(6), QuestionId: "why"}, {MinRating: proto.Int32(10)},
				},
			},
			{
				QuestionId: "which", Kind: surveyv1.Question_KIND_CHOICE, Text: "Which?",
				Choices:  []*surveyv1.Question_Choice{{ChoiceId: "a", Text: "A", Translations: words}, {ChoiceId: "b", Text: "B"}},
				Branches: []*surveyv1.Question_Branch{{ChoiceIds: []string{"a", "b"}, QuestionId: "met"}},
			},
			{QuestionId: "all", Kind: surveyv1.Question_KIND_MULTI, Text: "Which ones?", Choices: []*surveyv1.Question_Choice{{ChoiceId: "a", Text: "A"}}},
			{
				QuestionId: "met", Kind: surveyv1.Question_KIND_EXPECTATION, Text: "And?",
				Branches: []*surveyv1.Question_Branch{{Expectation: typev1.Expectation_EXPECTATION_MET}},
			},
			{QuestionId: "why", Kind: surveyv1.Question_KIND_OPEN, Text: "Why?"},
		},
		SamplingRate: proto.Float64(.25), QuietPeriod: durationpb.New(36 * time.Hour),
		Channels: []typev1.Channel{typev1.Channel_CHANNEL_WEB, typev1.Channel_CHANNEL_PHONE},
		Audience: surveyv1.Survey_AUDIENCE_PUBLIC, Anonymous: true, ExpireAfter: durationpb.New(time.Minute), CloseTime: stamp(1),
		Language: "fr", Introduction: wording("Bonjour"), Thanks: wording(""), ConsentRequired: true,
	}
}

func TestASurveyKeepsEverythingItSays(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		req := &surveyv1.CreateSurveyRequest{Parent: acme, SurveyId: "all", Survey: everything(), RequestId: uuid.NewString()}
		created, err := c.CreateSurvey(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		got, err := c.GetSurvey(t.Context(), &surveyv1.GetSurveyRequest{Name: acme + "/surveys/all"})
		if err != nil {
			t.Fatal(err)
		}
		same(t, "survey read", got, created)
		want := everything()
		want.Name, want.State, want.CreateTime, want.Etag = acme+"/surveys/all", surveyv1.Survey_STATE_ACTIVE, got.GetCreateTime(), got.GetEtag()
		want.UpdateTime, want.Revision = got.GetCreateTime(), 1
		same(t, "survey", got, want)
		again, err := c.CreateSurvey(t.Context(), req)
		if err != nil {
			t.Fatal(err)
		}
		same(t, "the answer to a repeat", again, created)

		// Read, changed and written back whole, nothing else changes.
		got.DisplayName = "After a visit"
		updated, err := c.UpdateSurvey(t.Context(), &surveyv1.UpdateSurveyRequest{Survey: got, UpdateMask: &fieldmaskpb.FieldMask{Paths: []string{"*"}}})
		if err != nil {
			t.Fatal(err)
		}
		want.DisplayName, want.Etag, want.UpdateTime = "After a visit", updated.GetEtag(), updated.GetUpdateTime()
		same(t, "survey written back", updated, want)
	})
}

func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	type (
		survey   = surveyv1.Survey
		question = surveyv1.Question
		branch   = surveyv1.Question_Branch
		choice   = surveyv1.Question_Choice
	)
	each(t, func(t *testing.T, c client) {
		for _, tt := range []struct {
			name   string
			change func(*survey)
			field  string
		}{
			{"CSAT from 0 to 10, sold as NPS", func(v *survey) { v.Questions[0].Scale = &surveyv1.Scale{Max: 10, HigherIsBetter: true} }, "survey.questions[0].scale"},
			{"a scale upside down", func(v *survey) { v.Questions[0].Scale = &surveyv1.Scale{Min: 5, Max: 1, HigherIsBetter: true} }, "survey.questions[0].scale"},
			{"low is good", func(v *survey) { v.Questions[0].Scale = &surveyv1.Scale{Min: 1, Max: 5} }, "survey.questions[0].scale"},
			{"a scale for choices", func(v *survey) { v.Questions[2].Scale = &surveyv1.Scale{Min: 1, Max: 2} }, "survey.questions[2].scale"},
			{"an expectation on a scale", func(v *survey) {
				v.Questions[1] = &question{QuestionId: "q", Kind: surveyv1.Question_KIND_EXPECTATION, Scale: &surveyv1.Scale{Min: 1, Max: 3, HigherIsBetter: true}}
			}, "survey.questions[1].scale"},
			{"2,001 characters", func(v *survey) { v.Questions[0].Text = strings.Repeat("ü", 2001) }, "survey.questions[0].text"},
			{"an id with a dot", func(v *survey) { v.Questions[0].QuestionId = "a.b" }, "survey.questions[0].question_id"},
			{"an id with a slash", func(v *survey) { v.Questions[0].QuestionId = "a/b" }, "survey.questions[0].question_id"},
			{"an id with a space", func(v *survey) { v.Questions[0].QuestionId = "a b" }, "survey.questions[0].question_id"},
			{"an id with an emoji", func(v *survey) { v.Questions[0].QuestionId = "a😀" }, "survey.questions[0].question_id"},
			{"an unknown kind", func(v *survey) { v.Questions[0].Kind = 11 }, "survey.questions[0].kind"},
			{"51 questions", func(v *survey) {
				for i := range 48 {
					v.Questions = append(v.Questions, &question{QuestionId: fmt.Sprint("q", i), Kind: surveyv1.Question_KIND_OPEN})
				}
			}, "survey.questions"},
			{"a loop", func(v *survey) { v.Questions[1].Branches = []*branch{{QuestionId: "csat5"}} }, "survey.questions[1].branches[0].question_id"},
			{"a loop of one", func(v *survey) { v.Questions[0].Branches = []*branch{{QuestionId: "csat5"}} }, "survey.questions[0].branches[0].question_id"},
			{"a branch to nowhere", func(v *survey) { v.Questions[0].Branches = []*branch{{QuestionId: "none"}} }, "survey.questions[0].branches[0].question_id"},
			{"a rating off the scale", func(v *survey) { v.Questions[0].Branches = []*branch{{MinRating: proto.Int32(0)}} }, "survey.questions[0].branches[0].min_rating"},
			{"no rating in between", func(v *survey) {
				v.Questions[0].Branches = []*branch{{MinRating: proto.Int32(3), MaxRating: proto.Int32(2)}}
			}, "survey.questions[0].branches[0]"},
			{"a choice that is not offered", func(v *survey) { v.Questions[2].Branches = []*branch{{ChoiceIds: []string{"c"}}} }, "survey.questions[2].branches[0].choice_ids[0]"},
			{"one choice", func(v *survey) { v.Questions[2].Choices = v.Questions[2].GetChoices()[:1] }, "survey.questions[2].choices"},
			{"a choice twice", func(v *survey) { v.Questions[2].Choices[1].ChoiceId = "a" }, "survey.questions[2].choices[1].choice_id"},
			{"a choice without words", func(v *survey) { v.Questions[2].Choices[1].Text = "" }, "survey.questions[2].choices[1].text"},
			{"choices for words", func(v *survey) { v.Questions[1].Choices = []*choice{{ChoiceId: "a", Text: "A"}} }, "survey.questions[1].choices"},
			{"asked by a share that is no number", func(v *survey) { v.SamplingRate = proto.Float64(math.NaN()) }, "survey.sampling_rate"},
			{"asked by a negative share", func(v *survey) { v.SamplingRate = proto.Float64(-.1) }, "survey.sampling_rate"},
			{"a quiet period of -1 s", func(v *survey) { v.QuietPeriod = durationpb.New(-time.Second) }, "survey.quiet_period"},
			{"invitations that end within a minute", func(v *survey) { v.ExpireAfter = durationpb.New(59 * time.Second) }, "survey.expire_after"},
			{"no language", func(v *survey) { v.Language = "xx-invalid-tag-that-is-long" }, "survey.language"},
			{"an unknown audience", func(v *survey) { v.Audience = 9 }, "survey.audience"},
		} {
			v := ask(surveyv1.Question_KIND_CSAT5, surveyv1.Question_KIND_OPEN, surveyv1.Question_KIND_CHOICE)
			v.Questions[2].Choices = []*choice{{ChoiceId: "a", Text: "A"}, {ChoiceId: "b", Text: "B"}}
			tt.change(v)
			_, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, Survey: v})
			refused(t, tt.name, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Contains(got, tt.field) {
				t.Errorf("%s: complaints about %v, want %s", tt.name, got, tt.field)
			}
		}
		if n := c.rows(t, "survey") + c.rows(t, "survey_revision"); n != 0 {
			t.Errorf("%d rows were stored, want none", n)
		}
	})
}

// in returns a survey in a state.
func (c client) in(t *testing.T, state surveyv1.Survey_State) *surveyv1.Survey {
	t.Helper()
	v, err := c.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{Parent: acme, Survey: ask(surveyv1.Question_KIND_NPS), Draft: state == surveyv1.Survey_STATE_DRAFT})
	switch {
	case err != nil:
	case state == surveyv1.Survey_STATE_PAUSED:
		v, err = c.PauseSurvey(t.Context(), &surveyv1.PauseSurveyRequest{Name: v.GetName(), Etag: v.GetEtag()})
	case state == surveyv1.Survey_STATE_ARCHIVED:
		v, err = c.ArchiveSurvey(t.Context(), &surveyv1.ArchiveSurveyRequest{Name: v.GetName()})
	}
	if err != nil || v.GetState() != state {
		t.Fatalf("survey = %v, %v, want it in %v", v, err, state)
	}
	return v
}

func TestASurveyMovesAsItsStateAllows(t *testing.T) {
	const (
		draft, active    = surveyv1.Survey_STATE_DRAFT, surveyv1.Survey_STATE_ACTIVE
		paused, archived = surveyv1.Survey_STATE_PAUSED, surveyv1.Survey_STATE_ARCHIVED
	)
	each(t, func(t *testing.T, c client) {
		moves := map[string]func(name, etag string) (*surveyv1.Survey, error){
			"publish": func(name, etag string) (*surveyv1.Survey, error) {
				return c.PublishSurvey(t.Context(), &surveyv1.PublishSurveyRequest{Name: name, Etag: etag})
			},
			"pause": func(name, etag string) (*surveyv1.Survey, error) {
				return c.PauseSurvey(t.Context(), &surveyv1.PauseSurveyRequest{Name: name, Etag: etag})
			},
			"resume": func(name, etag string) (*surveyv1.Survey, error) {
				return c.ResumeSurvey(t.Context(), &surveyv1.ResumeSurveyRequest{Name: name, Etag: etag})
			},
			"archive": func(name, etag string) (*surveyv1.Survey, error) {
				return c.ArchiveSurvey(t.Context(), &surveyv1.ArchiveSurveyRequest{Name: name, Etag: etag})
			},
		}
		for _, tt := range []struct {
			from    surveyv1.Survey_State
			allowed string
			to      map[string]surveyv1.Survey_State
		}{
			{draft, "STATE_ACTIVE", map[string]surveyv1.Survey_State{"publish": active}},
			{active, "STATE_PAUSED, STATE_ARCHIVED", map[string]surveyv1.Survey_State{"pause": paused, "archive": archived}},
			{paused, "STATE_ACTIVE, STATE_ARCHIVED", map[string]surveyv1.Survey_State{"resume": active, "archive": archived}},
			{archived, "", nil},
		} {
			for verb, move := range moves {
				v := c.in(t, tt.from)
				_, err := move(v.GetName(), "99")
				refused(t, verb+" with an old etag", err, codes.Aborted, "STALE")
				got, err := move(v.GetName(), v.GetEtag())
				if to, ok := tt.to[verb]; ok {
					if err != nil || got.GetState() != to || got.GetEtag() == v.GetEtag() || got.GetRevision() != 1 {
						t.Errorf("%s from %v = %v, %v, want %v in another version", verb, tt.from, got, err, to)
					}
					continue
				}
				refused(t, fmt.Sprint(verb, " from ", tt.from), err, codes.FailedPrecondition, "ILLEGAL_TRANSITION")
				info, _ := status.Convert(err).Details()[0].(*errdetails.ErrorInfo)
				if got := info.GetMetadata(); got["state"] != tt.from.String() || got["allowed"] != tt.allowed || got["name"] != v.GetName() {
					t.Errorf("%s from %v: metadata %v, want %q allowed", verb, tt.from, got, tt.allowed)
				}
			}
		}
		_, err := moves["pause"](acme+"/surveys/none", "")
		refused(t, "a survey that is none", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestOnlyAnActiveSurveyTakesAnswers(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for _, state := range []surveyv1.Survey_State{
			surveyv1.Survey_STATE_DRAFT, surveyv1.Survey_STATE_PAUSED, surveyv1.Survey_STATE_ARCHIVED,
		} {
			v := c.in(t, state)
			_, err := c.SubmitResponse(t.Context(), submission(v.GetName(), rate(surveyv1.Question_KIND_NPS, 0)))
			refused(t, state.String(), err, codes.FailedPrecondition, "SURVEY_NOT_ACTIVE")
		}
		v := c.in(t, surveyv1.Survey_STATE_ACTIVE) // each change shows in the next call
		for range 3 {
			c.submit(t, submission(v.GetName(), rate(surveyv1.Question_KIND_NPS, 0)))
			if _, err := c.PauseSurvey(t.Context(), &surveyv1.PauseSurveyRequest{Name: v.GetName()}); err != nil {
				t.Fatal(err)
			}
			_, err := c.SubmitResponse(t.Context(), submission(v.GetName(), rate(surveyv1.Question_KIND_NPS, 0)))
			refused(t, "paused", err, codes.FailedPrecondition, "SURVEY_NOT_ACTIVE")
			if _, err := c.ResumeSurvey(t.Context(), &surveyv1.ResumeSurveyRequest{Name: v.GetName()}); err != nil {
				t.Fatal(err)
			}
		}
	})
}

func TestSurveysAreListedByFilterAndOrder(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for id, change := range map[string]func(*surveyv1.Survey){
			"a": func(v *surveyv1.Survey) { v.DisplayName = "Z" },
			"b": func(v *surveyv1.Survey) { v.DisplayName, v.Anonymous = "Y", true },
			"c": func(v *surveyv1.Survey) {
				v.DisplayName, v.Subject, v.Scope = "X", typev1.Subject_SUBJECT_EXPERIENCE, surveyv1.Survey_SCOPE_STAGE
			},
			"d": func(v *surveyv1.Survey) { v.DisplayName, v.Audience = "W", surveyv1.Survey_AUDIENCE_INVITED },
		} {
			v := ask(surveyv1.Question_KIND_NPS)
			change(v)
			c.create(t, id, v)
		}
		if _, err := c.PauseSurvey(t.Context(), &surveyv1.PauseSurveyRequest{Name: acme + "/surveys/a"}); err != nil {
			t.Fatal(err)
		}
		for _, tt := range []struct{ filter, order, want string }{
			{"", "", "abcd"},
			{"", "name desc", "dcba"},
			{"", "display_name", "dcba"},
			{`display_name = "X"`, "", "c"},
			{"subject = EXPERIENCE", "", "c"},
			{"scope = SCOPE_STAGE", "", "c"},
			{"state = ACTIVE", "create_time", "bcd"},
			{"audience = TRUSTED AND NOT anonymous = true", "", "ac"},
			{"anonymous = true", "", "b"},
			{`create_time < "2020-01-01T00:00:00Z"`, "", ""},
		} {
			req, got := &surveyv1.ListSurveysRequest{Parent: acme, PageSize: 2, Filter: tt.filter, OrderBy: tt.order}, ""
			for range 5 {
				page, err := c.ListSurveys(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, v := range page.GetSurveys() {
					got += v.GetName()[len(acme+"/surveys/"):]
				}
				if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
					break
				}
			}
			if tt.order == "create_time" { // they were created in any order
				got = string(slices.Sorted(slices.Values([]byte(got))))
			}
			if got != tt.want {
				t.Errorf("filter %q by %q gives %q, want %q", tt.filter, tt.order, got, tt.want)
			}
		}
		if page, err := c.ListSurveys(t.Context(), &surveyv1.ListSurveysRequest{Parent: "brands/other"}); err != nil || len(page.GetSurveys()) > 0 {
			t.Errorf("another brand's surveys = %v, %v, want none", page, err)
		}
	})
}

func TestASurveyThatWasNeverAskedCanBeDeleted(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		remove := func(name, etag string) error {
			_, err := c.DeleteSurvey(t.Context(), &surveyv1.DeleteSurveyRequest{Name: name, Etag: etag})
			return err
		}
		answered := c.create(t, "answered", ask(surveyv1.Question_KIND_NPS))
		c.submit(t, submission(answered, rate(surveyv1.Question_KIND_NPS, 0)))
		invited := c.create(t, "invited", ask(surveyv1.Question_KIND_NPS))
		_, err := c.CheckEligibility(t.Context(), &surveyv1.CheckEligibilityRequest{Survey: invited, Customer: ann, Channel: typev1.Channel_CHANNEL_PHONE})
		if err != nil {
			t.Fatal(err)
		}
		ruled := c.create(t, "ruled", ask(surveyv1.Question_KIND_NPS))
		c.rule(t, "r", afterStage(ruled))
		for _, name := range []string{answered, invited, ruled} {
			refused(t, name, remove(name, ""), codes.FailedPrecondition, "IN_USE")
		}
		free := c.create(t, "free", ask(surveyv1.Question_KIND_NPS))
		refused(t, "an old etag", remove(free, "2"), codes.Aborted, "STALE")
		if err := remove(free, "1"); err != nil {
			t.Fatal(err)
		}
		if n := c.rows(t, "survey_revision"); n != 3 {
			t.Errorf("%d revisions are kept, want those of the surveys in use", n)
		}
		refused(t, "deleted already", remove(free, ""), codes.NotFound, "NOT_FOUND")
		refused(t, "another brand's", remove("brands/other/surveys/ruled", ""), codes.NotFound, "NOT_FOUND")
		_, err = c.SubmitResponse(t.Context(), submission(free, rate(surveyv1.Question_KIND_NPS, 0)))
		refused(t, "an answer to a deleted survey", err, codes.NotFound, "NOT_FOUND")
		c.create(t, "free", ask(surveyv1.Question_KIND_CSAT5))
		c.submit(t, submission(free, rate(surveyv1.Question_KIND_CSAT5, 1)))
	})
}

func TestASurveyIsDeletedOrHasARuleButNeverBoth(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		for i := range 8 {
			name := c.create(t, fmt.Sprint("s", i), ask(surveyv1.Question_KIND_NPS))
			var (
				wg            sync.WaitGroup
				deleted, made error
			)
			wg.Go(func() { _, deleted = c.DeleteSurvey(t.Context(), &surveyv1.DeleteSurveyRequest{Name: name}) })
			wg.Go(func() {
				_, made = c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: afterStage(name)})
			})
			wg.Wait()
			switch {
			case deleted == nil:
				refused(t, "a rule for a deleted survey", made, codes.NotFound, "NOT_FOUND")
			case made == nil:
				refused(t, "deleting a survey with a rule", deleted, codes.FailedPrecondition, "IN_USE")
			default:
				t.Errorf("neither: %v, %v", deleted, made)
			}
		}
	})
}

// afterStage is a rule of the survey.
func afterStage(survey string) *surveyv1.TriggerRule {
	return &surveyv1.TriggerRule{
		DisplayName: "When they decide", Survey: survey,
		Trigger: &surveyv1.TriggerRule_Stage{Stage: &surveyv1.TriggerRule_StageTrigger{Stages: []typev1.Stage{typev1.Stage_STAGE_DECISION}}},
	}
}

// rule stores r as the rule of the id.
func (c client) rule(t *testing.T, id string, r *surveyv1.TriggerRule) *surveyv1.TriggerRule {
	t.Helper()
	got, err := c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRuleId: id, TriggerRule: r})
	if err != nil {
		t.Fatal(err)
	}
	return got
}
