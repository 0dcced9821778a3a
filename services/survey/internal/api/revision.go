package api

import (
	"context"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
)

// Kinds are the events that the service listens to.
func Kinds() []string {
	return []string{"interaction_created", "ticket_resolved", "touchpoints_recorded", "consent_changed"}
}

// WaitRevision implements SurveyMetricsService.
func (s *Server) WaitRevision(ctx context.Context, req *surveyv1.WaitRevisionRequest) (*surveyv1.WaitRevisionResponse, error) {
	ids, err := bus.Awaited(req.GetRevisions(), Kinds(), "revisions")
	if err != nil {
		return nil, err
	}
	reached, err := bus.Await(ctx, s.DB, ids, req.GetTimeout().AsDuration())
	return &surveyv1.WaitRevisionResponse{Reached: reached}, err
}
