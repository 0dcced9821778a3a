package api

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// errDecided says that there is a decision of the same id.
var errDecided = errors.New("it is decided already")

// keep stores a decision and tells the others of an invitation.
func (s *Server) keep(tx *sqldb.Tx, v store.Invitation) {
	s.Store.AddInvitation(tx, v)
	if v.Decision == int32(surveyv1.Invitation_DECISION_SENT) {
		s.Outbox.Emit(tx, invitationDecided(v))
	}
}

// decide applies the rules in the order of the contract, the last one only where
// sampled is set, and fills in what follows from the decision. It returns errDecided
// where the id of v is taken. Decisions about one customer wait for each other.
//
// An occasion of the past is held back as well by a later invitation that would
// fall into the quiet period of its own survey: between any two invitations sent
// lies the quiet period of the earlier one, in whatever order they were decided, and
// of two at the same instant that of either.
func (s *Server) decide(tx *sqldb.Tx, survey store.Survey, v store.Invitation, sampled bool) (store.Invitation, error) {
	if err := s.refuse(v.Brand, v.Customer); err != nil {
		return store.Invitation{}, err
	}
	v.Subject, v.SurveyRevision, v.Version = survey.Subject, survey.Revision, 1
	available := v.AvailableTime
	v.AvailableTime = time.Time{}
	sent, err := s.Store.Contact(tx, v, survey.QuietPeriod)
	switch {
	case err != nil:
		return store.Invitation{}, err
	case sent.Known:
		return store.Invitation{}, errDecided
	}
	decision := ruling(survey, v, sent, sampled)
	v.Decision = int32(decision)
	switch decision {
	case surveyv1.Invitation_DECISION_DUPLICATE:
		v.DuplicateOf = sent.DuplicateOf
	case surveyv1.Invitation_DECISION_QUIET_PERIOD:
		v.QuietUntil = sent.QuietUntil
	case surveyv1.Invitation_DECISION_SENT:
		if survey.QuietPeriod > 0 {
			v.QuietUntil = v.DecideTime.Add(survey.QuietPeriod)
		}
		if available.Before(v.DecideTime) {
			available = v.DecideTime
		}
		v.State = int32(surveyv1.Invitation_STATE_PENDING)
		v.AvailableTime, v.ExpireTime = available, available.Add(survey.ExpireAfter)
		v.TokenHash = hashed(s.token(v))
	}
	return v, nil
}

// ruling returns the decision about v, of which sent is known.
func ruling(survey store.Survey, v store.Invitation, sent store.Sent, sampled bool) surveyv1.Invitation_Decision {
	consent := surveyv1.OptOut_Consent(sent.Contact.Consent)
	switch {
	case len(survey.Channels) > 0 && !slices.Contains(survey.Channels, v.Channel):
		return surveyv1.Invitation_DECISION_CHANNEL_UNSUPPORTED
	case sent.DuplicateOf != "":
		return surveyv1.Invitation_DECISION_DUPLICATE
	case sent.Contact.OptedOut, slices.Contains(sent.Contact.Channels, v.Channel):
		return surveyv1.Invitation_DECISION_OPTED_OUT
	case consent == surveyv1.OptOut_CONSENT_REFUSED, survey.ConsentRequired && consent != surveyv1.OptOut_CONSENT_GRANTED:
		return surveyv1.Invitation_DECISION_NO_CONSENT
	case !sent.QuietUntil.IsZero():
		return surveyv1.Invitation_DECISION_QUIET_PERIOD
	case sampled && draw(v) >= survey.SamplingRate:
		return surveyv1.Invitation_DECISION_SAMPLED_OUT
	}
	return surveyv1.Invitation_DECISION_SENT
}

// occasion names what must be asked at most once.
func occasion(v store.Invitation) string {
	if v.Interaction != "" {
		return v.Interaction
	}
	return v.DecideTime.Format(time.RFC3339Nano)
}

// draw returns a number in [0, 1) that depends on nothing but the survey, the
// customer and the occasion.
func draw(v store.Invitation) float64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q %q", v.Brand, v.Survey, v.Customer, v.Occasion))
	return float64(binary.BigEndian.Uint64(sum[:8])>>11) / (1 << 53)
}
