package api

import (
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// toInvitation returns v as it is at a time, without its token.
func toInvitation(v store.Invitation, now time.Time) *surveyv1.Invitation {
	p := &surveyv1.Invitation{
		Name: invitationName(v.Brand, v.Survey, v.ID), Customer: full(v.Brand, v.Customer), Interaction: full(v.Brand, v.Interaction),
		Channel: typev1.Channel(v.Channel), Decision: surveyv1.Invitation_Decision(v.Decision), DecideTime: timestamp(v.DecideTime),
		State: stateAt(v, now), Origin: surveyv1.Invitation_Origin(v.Origin), SurveyRevision: v.SurveyRevision,
		AvailableTime: given(v.AvailableTime), ExpireTime: given(v.ExpireTime), SendTime: given(v.SendTime),
		DeliverTime: given(v.DeliverTime), DisplayTime: given(v.DisplayTime), StartTime: given(v.StartTime),
		DismissTime: given(v.DismissTime), CompleteTime: given(v.CompleteTime), EndTime: given(v.EndTime),
		Language: v.Language, Etag: resource.Etag(v.Version),
	}
	if p.GetDecision() == surveyv1.Invitation_DECISION_QUIET_PERIOD {
		p.QuietUntilTime = timestamp(v.QuietUntil)
	}
	if v.DuplicateOf != "" {
		p.DuplicateOf = invitationName(v.Brand, v.Survey, v.DuplicateOf)
	}
	if v.Response != "" {
		p.Response = responseName(v.Brand, v.Response)
	}
	if v.Rule != "" {
		p.TriggerRule = full(v.Brand, "triggerRules/"+v.Rule)
	}
	about := v.Attribution
	about.Interaction = v.Interaction
	if about != (store.Attribution{}) {
		p.Attribution = toAttribution(v.Brand, about)
	}
	return p
}

// stateAt returns how far v has come at a time.
func stateAt(v store.Invitation, now time.Time) surveyv1.Invitation_State {
	state := surveyv1.Invitation_State(v.State)
	if awaits(state) && !now.Before(v.ExpireTime) {
		return surveyv1.Invitation_STATE_EXPIRED
	}
	return state
}

// awaits reports whether an invitation in the state waits for an answer, if it is not
// expired.
func awaits(state surveyv1.Invitation_State) bool {
	return state >= surveyv1.Invitation_STATE_PENDING && state <= surveyv1.Invitation_STATE_STARTED
}

// given returns t, or nothing for the zero time.
func given(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamp(t)
}

func fromAttribution(brand string, a *surveyv1.Attribution) store.Attribution {
	return store.Attribution{
		Ticket: within(brand, a.GetTicket()), Interaction: within(brand, a.GetInteraction()), Touchpoint: within(brand, a.GetTouchpoint()),
		Agent: within(brand, a.GetAgent()), Team: within(brand, a.GetTeam()), Partner: within(brand, a.GetPartner()),
		Channel: int32(a.GetChannel()), Stage: int32(a.GetStage()), Phase: int32(a.GetPhase()),
	}
}
