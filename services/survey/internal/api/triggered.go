package api

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"time"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

const (
	onceTicket = int32(surveyv1.TriggerRule_InteractionTrigger_ONCE_TICKET)

	// lateness is how much later one may hear of an occasion.
	lateness = 7 * 24 * time.Hour
)

// timely reports whether an occasion of that time is one for r: neither before the
// rule nor too long ago.
func timely(r store.TriggerRule, at, now time.Time) bool {
	return !at.Before(r.CreateTime) && now.Sub(at) <= lateness
}

// trigger takes and stores the decision that r wants about v, unless there is one for
// this occasion of the survey, or the survey takes no answers.
func (s *Server) trigger(tx *sqldb.Tx, r store.TriggerRule, v store.Invitation) error {
	survey, err := s.Store.SurveyIn(tx, r.Brand, r.Survey)
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil
	case err != nil:
		return err
	case !survey.TakesAnswers(s.now()):
		return nil
	}
	v.Survey, v.Rule, v.Origin = r.Survey, r.ID, int32(surveyv1.Invitation_ORIGIN_RULE)
	v.ID, v.AvailableTime = triggeredID(v), v.DecideTime.Add(r.Delay)
	v, err = s.decide(tx, survey, v, true)
	if errors.Is(err, errDecided) || err == nil && v.Decision == int32(surveyv1.Invitation_DECISION_DUPLICATE) {
		return nil
	}
	if err != nil {
		return err
	}
	s.keep(tx, v)
	return nil
}

// triggeredID returns the only id of a decision that rules take about a customer, a
// survey and an occasion: so there is one at most.
func triggeredID(v store.Invitation) string {
	sum := sha256.Sum256(fmt.Appendf(nil, "%q %q %q", v.Survey, v.Customer, v.Occasion))
	return hex.EncodeToString(sum[:16])
}
