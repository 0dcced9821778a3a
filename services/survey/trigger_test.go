package survey_test

import (
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// rules are rules of the survey with each of the triggers, as they come back.
func rules(survey string) map[string]*surveyv1.TriggerRule {
	conditions := &surveyv1.TriggerRule_Conditions{
		Channels: []typev1.Channel{typev1.Channel_CHANNEL_PHONE}, Stages: []typev1.Stage{typev1.Stage_STAGE_RETENTION},
		Phases: []typev1.Phase{typev1.Phase_PHASE_PURCHASE}, Partners: []string{acme + "/partners/p"}, Teams: []string{acme + "/teams/t"},
		Agents: []string{acme + "/agents/a", acme + "/agents/b"},
	}
	all := map[string]*surveyv1.TriggerRule{
		"stage": afterStage(survey),
		"call": {
			Trigger: &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{
				Kinds:     []ticketv1.Interaction_Kind{ticketv1.Interaction_KIND_CALL, ticketv1.Interaction_KIND_VISIT},
				Handlings: []typev1.Handling{typev1.Handling_HANDLING_BOT},
				Once:      surveyv1.TriggerRule_InteractionTrigger_ONCE_TICKET,
			}},
			Conditions: conditions, Delay: durationpb.New(time.Hour), Inactive: true,
		},
		"solved": {
			Trigger: &surveyv1.TriggerRule_Resolution{Resolution: &surveyv1.TriggerRule_ResolutionTrigger{
				Outcomes: []ticketv1.Ticket_Outcome{ticketv1.Ticket_OUTCOME_SOLVED},
			}},
			Conditions: &surveyv1.TriggerRule_Conditions{},
		},
		"bought": {
			Trigger: &surveyv1.TriggerRule_Touchpoint{Touchpoint: &surveyv1.TriggerRule_TouchpointTrigger{
				Kinds:                 []typev1.TouchpointKind{typev1.TouchpointKind_TOUCHPOINT_KIND_TRANSACTION},
				TouchpointDefinitions: []string{acme + "/touchpointDefinitions/buy"}, Channels: []typev1.Channel{typev1.Channel_CHANNEL_IN_STORE},
			}},
		},
		"yearly": {
			Trigger: &surveyv1.TriggerRule_Schedule{Schedule: &surveyv1.TriggerRule_ScheduleTrigger{
				StartTime: stamp(0), Every: durationpb.New(365 * 24 * time.Hour), Channel: typev1.Channel_CHANNEL_EMAIL,
			}},
		},
		"once": {
			Trigger: &surveyv1.TriggerRule_Schedule{Schedule: &surveyv1.TriggerRule_ScheduleTrigger{StartTime: stamp(0), Channel: typev1.Channel_CHANNEL_EMAIL}},
		},
	}
	for id, r := range all {
		r.Name, r.DisplayName, r.Survey = acme+"/triggerRules/"+id, "Rule "+id, survey
		if r.GetDelay() == nil {
			r.Delay = durationpb.New(0)
		}
	}
	return all
}

func TestATriggerRuleComesBackAsItWentIn(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		survey := c.create(t, "s", ask(surveyv1.Question_KIND_NPS))
		for id, want := range rules(survey) {
			req := &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRuleId: id, TriggerRule: want, RequestId: uuid.NewString()}
			created, err := c.CreateTriggerRule(t.Context(), req)
			if err != nil {
				t.Fatal(err)
			}
			got, err := c.GetTriggerRule(t.Context(), &surveyv1.GetTriggerRuleRequest{Name: want.GetName()})
			if err != nil {
				t.Fatal(err)
			}
			same(t, "rule read", got, created)
			want.CreateTime, want.UpdateTime, want.Etag = got.GetCreateTime(), got.GetCreateTime(), "1"
			same(t, "rule", got, want)
			_, err = c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRuleId: id, TriggerRule: want})
			refused(t, "an id in use", err, codes.AlreadyExists, "ALREADY_EXISTS")
		}
		bare, err := c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: &surveyv1.TriggerRule{
			DisplayName: "x", Survey: survey, Trigger: &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{}},
		}})
		if err != nil || bare.GetInteraction().GetOnce() != surveyv1.TriggerRule_InteractionTrigger_ONCE_INTERACTION || bare.GetName() == "" {
			t.Errorf("rule = %v, %v, want a name and an occasion for each interaction", bare, err)
		}
	})
}

func TestATriggerRuleIsRefused(t *testing.T) {
	type rule = surveyv1.TriggerRule
	each(t, func(t *testing.T, c client) {
		survey := c.create(t, "s", ask(surveyv1.Question_KIND_NPS))
		for _, tt := range []struct {
			name, of string
			change   func(*rule)
			field    string
		}{
			{"no trigger", "stage", func(r *rule) { r.Trigger = nil }, "trigger_rule.trigger"},
			{"no stage", "stage", func(r *rule) { r.GetStage().Stages = nil }, "trigger_rule.stage.stages"},
			{"an unknown stage", "stage", func(r *rule) { r.GetStage().Stages[0] = 77 }, "trigger_rule.stage.stages[0]"},
			{"an unknown kind", "call", func(r *rule) { r.GetInteraction().Kinds[0] = 77 }, "trigger_rule.interaction.kinds[0]"},
			{"an unknown outcome", "solved", func(r *rule) { r.GetResolution().Outcomes[0] = 77 }, "trigger_rule.resolution.outcomes[0]"},
			{"any touchpoint", "bought", func(r *rule) { r.GetTouchpoint().Reset() }, "trigger_rule.touchpoint"},
			{"no first wave", "yearly", func(r *rule) { r.GetSchedule().StartTime = nil }, "trigger_rule.schedule.start_time"},
			{"waves without end", "yearly", func(r *rule) { r.GetSchedule().Every = durationpb.New(time.Minute) }, "trigger_rule.schedule.every"},
			{"a schedule with conditions", "yearly", func(r *rule) { r.Conditions = &surveyv1.TriggerRule_Conditions{} }, "trigger_rule.conditions"},
			{"asked before the occasion", "call", func(r *rule) { r.Delay = durationpb.New(-time.Second) }, "trigger_rule.delay"},
		} {
			r := rules(survey)[tt.of]
			tt.change(r)
			_, err := c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: r})
			refused(t, tt.name, err, codes.InvalidArgument, "INVALID_ARGUMENT")
			if got := wrong(err); !slices.Contains(got, tt.field) {
				t.Errorf("%s: complaints about %v, want %s", tt.name, got, tt.field)
			}
		}
		for _, missing := range []string{acme + "/surveys/none", "brands/other/surveys/s"} {
			_, err := c.CreateTriggerRule(t.Context(), &surveyv1.CreateTriggerRuleRequest{Parent: acme, TriggerRule: afterStage(missing)})
			refused(t, missing, err, codes.NotFound, "NOT_FOUND")
		}
		if n := c.rows(t, "trigger_rule"); n != 0 {
			t.Errorf("%d rules were stored, want none", n)
		}
	})
}

func TestATriggerRuleIsChangedAndDeleted(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		survey, other := c.create(t, "s", ask(surveyv1.Question_KIND_NPS)), c.create(t, "other", ask(surveyv1.Question_KIND_NPS))
		want := c.rule(t, "r", rules(survey)["call"])
		update := func(patch *surveyv1.TriggerRule, paths ...string) (*surveyv1.TriggerRule, error) {
			patch.Name = want.GetName()
			return c.UpdateTriggerRule(t.Context(), &surveyv1.UpdateTriggerRuleRequest{TriggerRule: patch, UpdateMask: &fieldmaskpb.FieldMask{Paths: paths}})
		}
		got, err := update(&surveyv1.TriggerRule{Survey: other, Trigger: afterStage("").GetTrigger(), Etag: "1"}, "survey", "stage", "inactive")
		if err != nil {
			t.Fatal(err)
		}
		want = proto.CloneOf(want)
		want.Survey, want.Trigger, want.Inactive, want.Etag, want.UpdateTime = other, afterStage("").GetTrigger(), false, "2", got.GetUpdateTime()
		same(t, "rule", got, want)
		_, err = update(&surveyv1.TriggerRule{DisplayName: "x", Etag: "1"}, "display_name")
		refused(t, "an old etag", err, codes.Aborted, "STALE")
		_, err = update(&surveyv1.TriggerRule{Survey: acme + "/surveys/none"}, "survey")
		refused(t, "a survey that is none", err, codes.NotFound, "NOT_FOUND")
		_, err = update(&surveyv1.TriggerRule{Trigger: rules(survey)["once"].GetTrigger()}, "schedule")
		refused(t, "conditions of a schedule", err, codes.InvalidArgument, "INVALID_ARGUMENT")

		if _, err := c.DeleteSurvey(t.Context(), &surveyv1.DeleteSurveyRequest{Name: survey}); err != nil {
			t.Errorf("a survey whose rule went to another: %v", err)
		}
		_, err = c.DeleteTriggerRule(t.Context(), &surveyv1.DeleteTriggerRuleRequest{Name: want.GetName(), Etag: "1"})
		refused(t, "deleting by an old etag", err, codes.Aborted, "STALE")
		if _, err := c.DeleteTriggerRule(t.Context(), &surveyv1.DeleteTriggerRuleRequest{Name: want.GetName(), Etag: "2"}); err != nil {
			t.Fatal(err)
		}
		_, err = c.GetTriggerRule(t.Context(), &surveyv1.GetTriggerRuleRequest{Name: want.GetName()})
		refused(t, "a deleted rule", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestTriggerRulesAreListedByFilterAndOrder(t *testing.T) {
	each(t, func(t *testing.T, c client) {
		survey, other := c.create(t, "s", ask(surveyv1.Question_KIND_NPS)), c.create(t, "other", ask(surveyv1.Question_KIND_NPS))
		all := rules(survey)
		all["once"].Survey = other
		for _, id := range slices.Sorted(maps.Keys(all)) {
			c.rule(t, id, all[id])
		}
		for _, tt := range []struct {
			filter, order string
			want          []string
		}{
			{"", "", []string{"bought", "call", "once", "solved", "stage", "yearly"}},
			{"", "display_name desc", []string{"yearly", "stage", "solved", "once", "call", "bought"}},
			{`survey = "` + other + `"`, "", []string{"once"}},
			{"inactive = true", "", []string{"call"}},
			{`display_name = "Rule s*"`, "name desc", []string{"stage", "solved"}},
		} {
			req := &surveyv1.ListTriggerRulesRequest{Parent: acme, PageSize: 4, Filter: tt.filter, OrderBy: tt.order}
			var got []string
			for range 3 {
				page, err := c.ListTriggerRules(t.Context(), req)
				if err != nil {
					t.Fatal(err)
				}
				for _, r := range page.GetTriggerRules() {
					got = append(got, r.GetName()[len(acme+"/triggerRules/"):])
				}
				if req.PageToken = page.GetNextPageToken(); req.GetPageToken() == "" {
					break
				}
			}
			if !slices.Equal(got, tt.want) {
				t.Errorf("filter %q by %q gives %q, want %q", tt.filter, tt.order, got, tt.want)
			}
		}
	})
}
