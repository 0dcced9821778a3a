package api

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"slices"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// CheckEligibility implements InvitationService.
//
// An occasion of the past is held back as well by a later invitation that would
// fall into the quiet period of its own survey: between any two invitations sent
// lies the quiet period of the earlier one, in whatever order they were decided.
// Decisions about one customer wait for each other.
func (s *Server) CheckEligibility(ctx context.Context, req *surveyv1.CheckEligibilityRequest) (*surveyv1.Invitation, error) {
	survey, err := s.active(ctx, req.GetSurvey())
	if err != nil {
		return nil, err
	}
	at, err := moment("decide_time", req.GetDecideTime(), s.now())
	if err != nil {
		return nil, err
	}
	asked := store.Invitation{
		Brand: survey.Brand, Survey: survey.ID, ID: name.NewID(), Subject: survey.Subject,
		Customer:    within(survey.Brand, req.GetCustomer()),
		Interaction: within(survey.Brand, req.GetInteraction()),
		Channel:     int32(req.GetChannel()),
		DecideTime:  at,
	}
	asked.Occasion = occasion(asked)
	return once.Do(ctx, s.DB, survey.Brand, req, func(tx *sqldb.Tx) (*surveyv1.Invitation, error) {
		v, err := s.decide(tx, survey, asked)
		if err != nil {
			return nil, err
		}
		s.Store.AddInvitation(tx, v)
		return toInvitation(v), nil
	})
}

// GetInvitation implements InvitationService.
func (s *Server) GetInvitation(ctx context.Context, req *surveyv1.GetInvitationRequest) (*surveyv1.Invitation, error) {
	survey := name.Parent(req.GetName())
	v, err := s.Store.Invitation(ctx, name.Brand(survey), name.ID(survey), name.ID(req.GetName()))
	if err != nil {
		return nil, explain(req.GetName(), err)
	}
	return toInvitation(v), nil
}

// decide applies the rules in the order of the contract.
func (s *Server) decide(tx *sqldb.Tx, survey store.Survey, v store.Invitation) (store.Invitation, error) {
	if len(survey.Channels) > 0 && !slices.Contains(survey.Channels, v.Channel) {
		v.Decision = int32(surveyv1.Invitation_DECISION_CHANNEL_UNSUPPORTED)
		return v, nil
	}
	sent, err := s.Store.Contact(tx, v, survey.QuietPeriod)
	if err != nil {
		return store.Invitation{}, err
	}
	switch {
	case sent.DuplicateOf != "":
		v.Decision, v.DuplicateOf = int32(surveyv1.Invitation_DECISION_DUPLICATE), sent.DuplicateOf
	case !sent.QuietUntil.IsZero():
		v.Decision, v.QuietUntil = int32(surveyv1.Invitation_DECISION_QUIET_PERIOD), sent.QuietUntil
	case draw(v) >= survey.SamplingRate:
		v.Decision = int32(surveyv1.Invitation_DECISION_SAMPLED_OUT)
	default:
		v.Decision = int32(surveyv1.Invitation_DECISION_SENT)
		if survey.QuietPeriod > 0 {
			v.QuietUntil = v.DecideTime.Add(survey.QuietPeriod)
		}
	}
	return v, nil
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
