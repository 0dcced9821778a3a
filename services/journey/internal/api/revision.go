package api

import (
	"context"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/bus"
)

// Kinds are the events that the service listens to. The last of them nobody emits any more:
// without it the consumers would have other names, and all events came again.
func Kinds() []string {
	return []string{"interaction_created", "ticket_resolved", "response_submitted", "response_excluded", "score_shard_requested"}
}

// WaitRevision implements InsightService.
func (s *Server) WaitRevision(ctx context.Context, req *journeyv1.WaitRevisionRequest) (*journeyv1.WaitRevisionResponse, error) {
	ids, err := bus.Awaited(req.GetRevisions(), Kinds(), "revisions")
	if err != nil {
		return nil, err
	}
	reached, err := bus.Await(ctx, s.db, ids, req.GetTimeout().AsDuration())
	return &journeyv1.WaitRevisionResponse{Reached: reached}, err
}
