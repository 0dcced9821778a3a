package api

import (
	"context"
	"strings"
	"time"

	"google.golang.org/grpc/codes"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// CancelInvitation implements InvitationService. Canceling twice is not an error.
func (s *Server) CancelInvitation(ctx context.Context, req *surveyv1.CancelInvitationRequest) (*surveyv1.Invitation, error) {
	n := req.GetName()
	brand, survey, id := invitationKey(n)
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.Invitation, error) {
		v, err := s.Store.LockInvitation(tx, brand, survey, id)
		if err != nil {
			return nil, resource.Explain(n, err)
		}
		if want := resource.Version(req.GetEtag()); want != 0 && want != v.Version {
			return nil, fault.Stale(n)
		}
		now := s.now()
		switch surveyv1.Invitation_State(v.State) {
		case surveyv1.Invitation_STATE_UNSPECIFIED, surveyv1.Invitation_STATE_COMPLETED:
			return nil, immovable(v, now)
		case surveyv1.Invitation_STATE_CANCELLED:
			return toInvitation(v, now), nil
		}
		after := v
		after.State, after.TokenHash, after.EndTime = int32(surveyv1.Invitation_STATE_CANCELLED), "", now
		return toInvitation(s.moved(tx, v, after, now), now), nil
	})
}

// RecordInvitationEvent implements InvitationService.
func (s *Server) RecordInvitationEvent(ctx context.Context, req *surveyv1.RecordInvitationEventRequest) (*surveyv1.Invitation, error) {
	now := s.now()
	at, err := moment("event_time", req.GetEventTime(), now)
	if err != nil {
		return nil, err
	}
	brand, survey, id := invitationKey(req.GetName())
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.Invitation, error) {
		v, err := s.Store.LockInvitation(tx, brand, survey, id)
		if err == nil {
			err = belongs(v, req)
		}
		if err != nil {
			return nil, resource.Explain(req.GetName(), err)
		}
		after, err := s.recorded(tx, v, req, at)
		if err != nil {
			return nil, err
		}
		return toInvitation(after, now), nil
	})
}

// BatchRecordInvitationEvents implements InvitationService, in one transaction.
func (s *Server) BatchRecordInvitationEvents(ctx context.Context, req *surveyv1.BatchRecordInvitationEventsRequest) (*surveyv1.BatchRecordInvitationEventsResponse, error) {
	brand, now := name.Brand(req.GetParent()), s.now()
	times, errs := make([]time.Time, len(req.GetRequests())), make([]error, len(req.GetRequests()))
	var keys [][2]string
	for i, item := range req.GetRequests() {
		if errs[i] = s.item(brand, item.GetName(), item); errs[i] == nil {
			times[i], errs[i] = moment("event_time", item.GetEventTime(), now)
		}
		switch {
		case errs[i] == nil:
			_, survey, id := invitationKey(item.GetName())
			keys = append(keys, [2]string{survey, id})
		case !refusal(errs[i]):
			return nil, errs[i]
		}
	}
	return once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.BatchRecordInvitationEventsResponse, error) {
		rows, err := s.Store.LockInvitations(tx, brand, keys)
		if err != nil {
			return nil, err
		}
		answer := &surveyv1.BatchRecordInvitationEventsResponse{}
		for i, item := range req.GetRequests() {
			result, err := &surveyv1.RecordInvitationEventResult{}, errs[i]
			if err == nil {
				result.Invitation, err = s.recordedAmong(tx, rows, item, times[i], now)
			}
			if err != nil {
				result.Error = statusOf(err)
			}
			answer.Results = append(answer.Results, result)
		}
		return answer, nil
	})
}

// recorded records an event about v and returns what has become of it. A device whose
// clock is behind the invitation saw it when it was made.
func (s *Server) recorded(tx *sqldb.Tx, v store.Invitation, req *surveyv1.RecordInvitationEventRequest, at time.Time) (store.Invitation, error) {
	if at.Before(v.DecideTime.Add(-fault.Lead)) {
		return v, fault.Invalid(fault.Field{
			Path: "event_time", Reason: "BEFORE_INVITATION", Description: "must not be more than 24 hours before the invitation",
		})
	}
	if at.Before(v.DecideTime) {
		at = v.DecideTime
	}
	after, err := happened(v, req.GetEvent(), at)
	if err != nil {
		return v, err
	}
	return s.moved(tx, v, after, at), nil
}

// recordedAmong records one event of a batch about one of the invitations in rows, and
// leaves there what has become of it.
func (s *Server) recordedAmong(tx *sqldb.Tx, rows map[[2]string]store.Invitation, item *surveyv1.RecordInvitationEventRequest, at, now time.Time) (*surveyv1.Invitation, error) {
	_, survey, id := invitationKey(item.GetName())
	v, ok := rows[[2]string{survey, id}]
	if !ok {
		return nil, fault.NotFound(item.GetName())
	}
	if err := belongs(v, item); err != nil {
		return nil, err
	}
	after, err := s.recorded(tx, v, item, at)
	if err != nil {
		return nil, err
	}
	rows[[2]string{survey, id}] = after
	return toInvitation(after, now), nil
}

// belongs reports an invitation that is not of the customer the caller acts for as one
// that is not there.
func belongs(v store.Invitation, req *surveyv1.RecordInvitationEventRequest) error {
	if c := req.GetCustomer(); c != "" && c != full(v.Brand, v.Customer) {
		return fault.NotFound(req.GetName())
	}
	return nil
}

// moved writes what has become of an invitation at a time, if anything, and tells the
// others of a new state.
func (s *Server) moved(tx *sqldb.Tx, before, after store.Invitation, at time.Time) store.Invitation {
	if after == before {
		return after
	}
	after = s.Store.UpdateInvitation(tx, after)
	if after.State != before.State {
		s.Outbox.Emit(tx, invitationStateChanged(after, at))
	}
	return after
}

// happened returns v after an event. Of each event the earliest time counts, and none
// takes back a later state; nothing moves an invitation that has bounced but an answer.
func happened(v store.Invitation, event surveyv1.InvitationEvent, at time.Time) (store.Invitation, error) {
	state := surveyv1.Invitation_State(v.State)
	if state == surveyv1.Invitation_STATE_UNSPECIFIED || state == surveyv1.Invitation_STATE_CANCELLED ||
		state == surveyv1.Invitation_STATE_COMPLETED && event == surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED {
		return v, immovable(v, at)
	}
	reached := state
	switch event {
	case surveyv1.InvitationEvent_INVITATION_EVENT_SENT:
		reached = surveyv1.Invitation_STATE_SENT
		earliest(&v.SendTime, at)
	case surveyv1.InvitationEvent_INVITATION_EVENT_DELIVERED:
		reached = surveyv1.Invitation_STATE_DELIVERED
		earliest(&v.DeliverTime, at)
	case surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED:
		reached = surveyv1.Invitation_STATE_DISPLAYED
		earliest(&v.DisplayTime, at)
	case surveyv1.InvitationEvent_INVITATION_EVENT_STARTED:
		reached = surveyv1.Invitation_STATE_STARTED
		earliest(&v.StartTime, at)
	case surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED:
		earliest(&v.DismissTime, at)
	case surveyv1.InvitationEvent_INVITATION_EVENT_BOUNCED:
		if state < surveyv1.Invitation_STATE_DISPLAYED || state == surveyv1.Invitation_STATE_BOUNCED {
			v.State = int32(surveyv1.Invitation_STATE_BOUNCED)
			earliest(&v.EndTime, at)
		}
		return v, nil
	}
	v.State = max(v.State, int32(reached))
	return v, nil
}

// earliest makes t at, if that is earlier or t is the zero time.
func earliest(t *time.Time, at time.Time) {
	if t.IsZero() || at.Before(*t) {
		*t = at
	}
}

// immovable reports that the state of v does not allow a move.
func immovable(v store.Invitation, now time.Time) error {
	n, state := invitationName(v.Brand, v.Survey, v.ID), stateAt(v, now)
	message := n + " was not sent"
	if state != surveyv1.Invitation_STATE_UNSPECIFIED {
		message = n + " is " + strings.ToLower(strings.TrimPrefix(state.String(), "STATE_"))
	}
	return &fault.Error{
		Code: codes.FailedPrecondition, Reason: "ILLEGAL_TRANSITION", Message: message,
		Metadata: map[string]string{"name": n, "state": state.String()},
	}
}

// invitationKey takes the name of an invitation apart.
func invitationKey(n string) (brand, survey, id string) {
	return name.Brand(n), name.ID(name.Parent(n)), name.ID(n)
}
