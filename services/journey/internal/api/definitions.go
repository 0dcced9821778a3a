package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// definitions are the touchpoint definitions of a server.
func (s *Server) definitions() *begun[*journeyv1.TouchpointDefinition, store.Definition] {
	return &begun[*journeyv1.TouchpointDefinition, store.Definition]{
		Resource: resource.Resource[*journeyv1.TouchpointDefinition, store.Definition]{
			DB: s.db, Validator: s.validator, Table: store.Definitions,
			Collection: "touchpointDefinitions", Field: "touchpoint_definition",
			Filters: filter.Fields{
				{Name: "display_name"},
				{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
				{Name: "phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
				{Name: "kind", Kind: filter.Enum, Enum: typev1.TouchpointKind(0).Descriptor()},
				{Name: "component", Kind: filter.Enum, Enum: typev1.Component(0).Descriptor()},
				{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
				{Name: "function_owner", Kind: filter.Enum, Enum: typev1.Function(0).Descriptor()},
				{Name: "control_level", Kind: filter.Enum, Enum: typev1.ControlLevel(0).Descriptor()},
				{Name: "is_service", Kind: filter.Bool},
				{Name: "weight", Kind: filter.Number},
				{Name: "criterion"},
				{Name: "create_time", Kind: filter.Time},
			},
			Orders: filter.Fields{
				{Name: "name", Kind: filter.Name, Order: "id"},
				{Name: "display_name", Order: "display_name"},
				{Name: "weight", Kind: filter.Number, Order: "weight"},
				{Name: "create_time", Kind: filter.Time, Order: "create_time"},
			},
			Message: definitionToProto, Row: definitionFromProto,
			Check: func(tx *sqldb.Tx, old store.Definition, row *store.Definition) error {
				if old.ID != "" {
					return nil
				}
				return room(tx, store.Definitions, row.Brand, 1)
			},
		},
		store: s.store, changed: s.catalog.forget,
		value: func(d store.Definition, field string) any {
			if field == "weight" {
				return d.Plan.Weight
			}
			return d.Plan.DisplayName
		},
		used: func(tx *sqldb.Tx, d store.Definition) error {
			mapped, err := store.Mapped(tx, d.Brand, d.ID)
			if mapped {
				n := definitionName(d.Brand, d.ID)
				err = fault.Precondition("IN_USE", n, "%s is on a journey map", n)
			}
			return err
		},
	}
}

// CreateTouchpointDefinition implements JourneyMapService.
func (s *Server) CreateTouchpointDefinition(ctx context.Context, req *journeyv1.CreateTouchpointDefinitionRequest) (*journeyv1.TouchpointDefinition, error) {
	return s.definitions().create(ctx, req, req.GetTouchpointDefinition())
}

// GetTouchpointDefinition implements JourneyMapService.
func (s *Server) GetTouchpointDefinition(ctx context.Context, req *journeyv1.GetTouchpointDefinitionRequest) (*journeyv1.TouchpointDefinition, error) {
	return s.definitions().get(ctx, req.GetName())
}

// ListTouchpointDefinitions implements JourneyMapService.
func (s *Server) ListTouchpointDefinitions(ctx context.Context, req *journeyv1.ListTouchpointDefinitionsRequest) (*journeyv1.ListTouchpointDefinitionsResponse, error) {
	page, next, err := s.definitions().list(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListTouchpointDefinitionsResponse{TouchpointDefinitions: page, NextPageToken: next}, nil
}

// UpdateTouchpointDefinition implements JourneyMapService.
func (s *Server) UpdateTouchpointDefinition(ctx context.Context, req *journeyv1.UpdateTouchpointDefinitionRequest) (*journeyv1.TouchpointDefinition, error) {
	return s.definitions().update(ctx, req, req.GetTouchpointDefinition())
}

// DeleteTouchpointDefinition implements JourneyMapService. Whether there are
// touchpoints is looked up beforehand, since it may take long: one that is recorded
// in that moment is not on any plan.
func (s *Server) DeleteTouchpointDefinition(ctx context.Context, req *journeyv1.DeleteTouchpointDefinitionRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	brand, id := name.Brand(n), name.ID(n)
	if _, builtin := s.catalog.builtin[id]; !builtin {
		recorded, err := s.store.Recorded(ctx, brand, id)
		if err != nil {
			return nil, err
		}
		if recorded {
			return nil, fault.Precondition("IN_USE", n, "%s has touchpoints", n)
		}
	}
	return s.definitions().remove(ctx, req)
}
