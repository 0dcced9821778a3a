package api

import (
	"errors"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// supersedable is how long after an answer another may take its place.
const supersedable = 24 * time.Hour

// store adds the response. Of those who race for one invitation the first gets it.
func (b *submission) store(tx *sqldb.Tx) (*surveyv1.Response, error) {
	if err := b.takesAnswers(); err != nil {
		return nil, err
	}
	m, invited := b.made, b.invitation
	if invited.ID == "" {
		return m.answer, b.add(tx, m)
	}
	v, err := b.server.Store.LockInvitation(tx, invited.Brand, invited.Survey, invited.ID)
	if err == nil {
		err = b.awaited(v)
	}
	if err != nil {
		return nil, resource.Explain(b.invited(), err)
	}
	switch {
	case v.State == int32(surveyv1.Invitation_STATE_COMPLETED):
		m, err = b.supplant(tx, v)
	case !v.StartTime.IsZero():
		m, err = b.resume(tx, v)
	}
	if err != nil {
		return nil, err
	}
	b.note(tx, v, m.response)
	return m.answer, b.add(tx, m)
}

// takesAnswers refuses what comes when the survey takes no answers.
func (b *submission) takesAnswers() error {
	if b.survey.TakesAnswers(b.at) || b.imported && b.survey.State != int32(surveyv1.Survey_STATE_DRAFT) {
		return nil
	}
	survey := surveyName(b.survey.Brand, b.survey.ID)
	return fault.Precondition("SURVEY_NOT_ACTIVE", survey, "%s takes no answers", survey)
}

// awaited refuses an answer that the invitation does not wait for.
func (b *submission) awaited(v store.Invitation) error {
	switch {
	case v.State == int32(surveyv1.Invitation_STATE_CANCELLED) && b.token:
		return unknownToken()
	case v.State == int32(surveyv1.Invitation_STATE_CANCELLED):
		return notInvited("was cancelled")
	case v.State == int32(surveyv1.Invitation_STATE_COMPLETED) && !b.supersede:
		return b.answered()
	case v.State == int32(surveyv1.Invitation_STATE_COMPLETED): // an answer to it has its own time to be replaced
		return nil
	case !b.at.Before(v.ExpireTime):
		return b.late("TOKEN_EXPIRED", v.ExpireTime)
	}
	return nil
}

// supplant puts what has been answered out of the measures. An answer that somebody has
// taken out of them already stays the last one.
func (b *submission) supplant(tx *sqldb.Tx, v store.Invitation) (m made, err error) {
	s := b.server
	old, err := s.Store.LockResponse(tx, v.Brand, v.Response)
	if err != nil {
		return m, resource.Explain(responseName(v.Brand, v.Response), err)
	}
	if old.State != store.ResponseComplete {
		return m, b.answered()
	}
	if until := old.SubmitTime.Add(supersedable); b.at.After(until) {
		return m, b.late("SUPERSEDE_TOO_LATE", until)
	}
	r := b.response
	old.State, old.SupersededBy, r.Supersedes = store.ResponseSuperseded, r.ID, old.ID
	return b.make(r), s.recount(tx, old, s.now())
}

// resume lets the response take the place of what was saved, under its name.
func (b *submission) resume(tx *sqldb.Tx, v store.Invitation) (made, error) {
	saved, err := b.server.Store.PartialResponseIn(tx, v)
	if errors.Is(err, store.ErrNotFound) {
		return b.made, nil
	}
	if err != nil {
		return made{}, err
	}
	r := b.response
	if b.chosen && r.ID != saved.ID {
		return made{}, fault.Invalid(fault.Field{
			Path: "response_id", Reason: "SAVED_BEFORE", Description: "must be empty or that of what was saved before",
		})
	}
	r.ID, r.CreateTime, r.Version = saved.ID, saved.CreateTime, saved.Version+1
	return b.make(r), nil
}

// note tells the invitation that r has come.
func (b *submission) note(tx *sqldb.Tx, v store.Invitation, r store.Response) {
	s, now := b.server, v
	switch {
	case r.State == store.ResponsePartial:
		now = s.Store.StartInvitation(tx, v, r.SubmitTime)
	case b.survey.Anonymous:
		now = s.Store.CompleteInvitation(tx, v, "", r.SubmitTime)
	case r.Supersedes != "":
		now = s.Store.CompleteInvitation(tx, v, r.ID, v.CompleteTime)
	default:
		now = s.Store.CompleteInvitation(tx, v, r.ID, r.SubmitTime)
	}
	store.MarkInvitation(tx, v.Brand, v.DecideTime, s.now())
	if now.State != v.State && !b.survey.Anonymous {
		s.Outbox.Emit(tx, invitationStateChanged(now, r.SubmitTime))
	}
}

// add stores a response, or what has become of a partial one, and says so if it counts.
func (b *submission) add(tx *sqldb.Tx, m made) error {
	s, write := b.server, b.server.Store.AddResponse
	if err := s.refuse(m.response.Brand, m.response.Customer); err != nil {
		return err
	}
	if m.response.Version > 1 {
		write = s.Store.UpdatePartial
	}
	if err := write(tx, m.response); err != nil || m.response.State == store.ResponsePartial {
		return err
	}
	store.MarkAnswers(tx, m.response.Brand, m.response.SubmitTime, s.now())
	if !b.survey.Anonymous {
		s.Outbox.Emit(tx, m.event)
	}
	return nil
}

// answered says that the invitation has its answer.
func (b *submission) answered() error {
	if b.token {
		return fault.Precondition("TOKEN_USED", b.invited(), "the token has its answer")
	}
	return fault.Precondition("ALREADY_ANSWERED", b.invited(), "%s has been answered", b.invited())
}

func (b *submission) late(reason string, until time.Time) error {
	return fault.Precondition(reason, b.invited(), "%s could be answered until %s", b.invited(), until.Format(time.RFC3339))
}

func (b *submission) invited() string {
	return invitationName(b.invitation.Brand, b.invitation.Survey, b.invitation.ID)
}
