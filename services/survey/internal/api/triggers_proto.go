package api

import (
	"time"

	"google.golang.org/protobuf/types/known/durationpb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// fromTriggerRule returns the row of a rule.
func fromTriggerRule(p *surveyv1.TriggerRule, r table.Record) store.TriggerRule {
	row := store.TriggerRule{
		Record: r, DisplayName: p.GetDisplayName(), Survey: name.ID(p.GetSurvey()), Inactive: p.GetInactive(),
		Delay: p.GetDelay().AsDuration().Truncate(time.Microsecond),
	}
	if c := p.GetConditions(); c != nil {
		row.Conditions = &store.Conditions{
			Channels: codesOf(c.GetChannels()), Stages: codesOf(c.GetStages()), Phases: codesOf(c.GetPhases()),
			Partners: allWithin(r.Brand, c.GetPartners()), Teams: allWithin(r.Brand, c.GetTeams()), Agents: allWithin(r.Brand, c.GetAgents()),
		}
	}
	switch t := p.GetTrigger().(type) {
	case *surveyv1.TriggerRule_Interaction:
		row.Kind, row.Trigger = store.OnInteraction, store.Trigger{
			Kinds: codesOf(t.Interaction.GetKinds()), Handlings: codesOf(t.Interaction.GetHandlings()), Once: int32(t.Interaction.GetOnce()),
		}
		if t.Interaction.GetOnce() == surveyv1.TriggerRule_InteractionTrigger_ONCE_UNSPECIFIED {
			row.Trigger.Once = int32(surveyv1.TriggerRule_InteractionTrigger_ONCE_INTERACTION)
		}
	case *surveyv1.TriggerRule_Resolution:
		row.Kind, row.Trigger = store.OnResolution, store.Trigger{Outcomes: codesOf(t.Resolution.GetOutcomes())}
	case *surveyv1.TriggerRule_Stage:
		row.Kind, row.Trigger = store.OnStage, store.Trigger{Stages: codesOf(t.Stage.GetStages())}
	case *surveyv1.TriggerRule_Touchpoint:
		row.Kind, row.Trigger = store.OnTouchpoint, store.Trigger{
			Kinds: codesOf(t.Touchpoint.GetKinds()), Channels: codesOf(t.Touchpoint.GetChannels()),
			Definitions: allWithin(r.Brand, t.Touchpoint.GetTouchpointDefinitions()),
		}
	case *surveyv1.TriggerRule_Schedule:
		row.Kind, row.Trigger = store.OnSchedule, store.Trigger{
			Start: stored(t.Schedule.GetStartTime().AsTime()), Every: t.Schedule.GetEvery().AsDuration().Truncate(time.Microsecond),
			Channel: int32(t.Schedule.GetChannel()),
		}
	}
	return row
}

func toTriggerRule(row store.TriggerRule) *surveyv1.TriggerRule {
	p := &surveyv1.TriggerRule{
		Name: name.Join("brands", row.Brand, "triggerRules", row.ID), DisplayName: row.DisplayName,
		Survey: surveyName(row.Brand, row.Survey), Inactive: row.Inactive, Delay: durationpb.New(row.Delay),
		CreateTime: timestamp(row.CreateTime), UpdateTime: timestamp(row.UpdateTime), Etag: resource.Etag(row.Version),
	}
	if c := row.Conditions; c != nil {
		p.Conditions = &surveyv1.TriggerRule_Conditions{
			Channels: enumsOf[typev1.Channel](c.Channels), Stages: enumsOf[typev1.Stage](c.Stages), Phases: enumsOf[typev1.Phase](c.Phases),
			Partners: allFull(row.Brand, c.Partners), Teams: allFull(row.Brand, c.Teams), Agents: allFull(row.Brand, c.Agents),
		}
	}
	t := row.Trigger
	switch row.Kind {
	case store.OnInteraction:
		p.Trigger = &surveyv1.TriggerRule_Interaction{Interaction: &surveyv1.TriggerRule_InteractionTrigger{
			Kinds: enumsOf[ticketv1.Interaction_Kind](t.Kinds), Handlings: enumsOf[typev1.Handling](t.Handlings),
			Once: surveyv1.TriggerRule_InteractionTrigger_Once(t.Once),
		}}
	case store.OnResolution:
		p.Trigger = &surveyv1.TriggerRule_Resolution{Resolution: &surveyv1.TriggerRule_ResolutionTrigger{
			Outcomes: enumsOf[ticketv1.Ticket_Outcome](t.Outcomes),
		}}
	case store.OnStage:
		p.Trigger = &surveyv1.TriggerRule_Stage{Stage: &surveyv1.TriggerRule_StageTrigger{Stages: enumsOf[typev1.Stage](t.Stages)}}
	case store.OnTouchpoint:
		p.Trigger = &surveyv1.TriggerRule_Touchpoint{Touchpoint: &surveyv1.TriggerRule_TouchpointTrigger{
			Kinds: enumsOf[typev1.TouchpointKind](t.Kinds), Channels: enumsOf[typev1.Channel](t.Channels),
			TouchpointDefinitions: allFull(row.Brand, t.Definitions),
		}}
	case store.OnSchedule:
		p.Trigger = &surveyv1.TriggerRule_Schedule{Schedule: toSchedule(t)}
	}
	return p
}

func toSchedule(t store.Trigger) *surveyv1.TriggerRule_ScheduleTrigger {
	p := &surveyv1.TriggerRule_ScheduleTrigger{StartTime: timestamp(t.Start), Channel: typev1.Channel(t.Channel)}
	if t.Every > 0 {
		p.Every = durationpb.New(t.Every)
	}
	return p
}

// allWithin returns references as the store keeps them.
func allWithin(brand string, refs []string) (all []string) {
	for _, ref := range refs {
		all = append(all, within(brand, ref))
	}
	return all
}

// allFull returns the names that allWithin was made of.
func allFull(brand string, refs []string) (all []string) {
	for _, ref := range refs {
		all = append(all, full(brand, ref))
	}
	return all
}
