package api

import (
	"time"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// ofInvitation makes an event of the customer of v, still without its payload.
func ofInvitation(v store.Invitation, at time.Time) *eventv1.Event {
	return &eventv1.Event{Brand: name.Join("brands", v.Brand), Key: full(v.Brand, v.Customer), EventTime: timestamp(at)}
}

// invitationDecided says that the customer of v is to be asked.
func invitationDecided(v store.Invitation) *eventv1.Event {
	e := ofInvitation(v, v.DecideTime)
	e.Payload = &eventv1.Event_InvitationDecided{InvitationDecided: &eventv1.InvitationDecided{
		Invitation: invitationName(v.Brand, v.Survey, v.ID), Survey: surveyName(v.Brand, v.Survey), Customer: e.GetKey(),
		Channel: typev1.Channel(v.Channel), AvailableTime: timestamp(v.AvailableTime), ExpireTime: timestamp(v.ExpireTime),
	}}
	return e
}

// invitationStateChanged says how far v has come. Nothing is said of an answer to an
// anonymous survey: it would tell whose answer it is.
func invitationStateChanged(v store.Invitation, at time.Time) *eventv1.Event {
	e := ofInvitation(v, at)
	e.Payload = &eventv1.Event_InvitationStateChanged{InvitationStateChanged: &eventv1.InvitationStateChanged{
		Invitation: invitationName(v.Brand, v.Survey, v.ID), Survey: surveyName(v.Brand, v.Survey), Customer: e.GetKey(),
		State: surveyv1.Invitation_State(v.State),
	}}
	return e
}
