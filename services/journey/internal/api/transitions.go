package api

import (
	"context"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// transitionFields are the fields that transitions are filtered by.
var transitionFields = filter.Fields{
	{Name: "from_stage", Column: "before", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "to_stage", Column: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
	{Name: "event_time", Kind: filter.Time},
	{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
	{Name: "is_service", Kind: filter.Bool},
}

// ListStageTransitions implements JourneyMapService.
func (s *Server) ListStageTransitions(ctx context.Context, req *journeyv1.ListStageTransitionsRequest) (*journeyv1.ListStageTransitionsResponse, error) {
	brand, size := name.Brand(req.GetParent()), page.Size(req)
	picked, err := transitionFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	var after store.TransitionCursor
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	members, err := s.store.Members(ctx, brand, name.ID(req.GetParent()))
	if err != nil {
		return nil, err
	}
	moves, err := s.store.Transitions(ctx, store.Listing{
		Brand: brand, Customers: members, Where: []filter.Clause{picked.Where(s.db.Postgres())}, Limit: size + 1,
	}, after)
	if err != nil {
		return nil, err
	}
	if len(moves) == 0 { // of a customer without any, or of no customer?
		if err := s.exists(ctx, req.GetParent()); err != nil {
			return nil, err
		}
	}
	answer := &journeyv1.ListStageTransitionsResponse{}
	if len(moves) > size {
		moves = moves[:size]
		last := moves[size-1]
		after = store.TransitionCursor{EventTime: last.EventTime, ID: last.ID, Stage: last.Stage}
		if answer.NextPageToken, err = page.Encode(req, after); err != nil {
			return nil, err
		}
	}
	for _, m := range moves {
		answer.StageTransitions = append(answer.StageTransitions, &journeyv1.StageTransition{
			FromStage: m.From, ToStage: m.Stage, EventTime: stamp(m.EventTime), Touchpoint: touchpointName(brand, m.Customer, m.ID),
			TouchpointDefinition: definitionName(brand, m.Definition), Channel: m.Channel, IsService: m.Service,
		})
	}
	return answer, nil
}
