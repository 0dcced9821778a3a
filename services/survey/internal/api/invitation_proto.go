package api

import (
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

func toInvitation(v store.Invitation) *surveyv1.Invitation {
	p := &surveyv1.Invitation{
		Name: invitationName(v.Brand, v.Survey, v.ID), Customer: full(v.Brand, v.Customer), Interaction: full(v.Brand, v.Interaction),
		Channel: typev1.Channel(v.Channel), Decision: surveyv1.Invitation_Decision(v.Decision), DecideTime: timestamp(v.DecideTime),
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
	return p
}
