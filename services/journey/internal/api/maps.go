package api

import (
	"context"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
)

// GetJourneyMap implements JourneyMapService. The only map of a brand is the
// default one.
func (s *Server) GetJourneyMap(ctx context.Context, req *journeyv1.GetJourneyMapRequest) (*journeyv1.JourneyMap, error) {
	if name.ID(req.GetName()) != plan.DefaultMap {
		return nil, fault.NotFound(req.GetName())
	}
	brand := name.Brand(req.GetName())
	definitions, err := s.catalog.all(ctx, brand)
	if err != nil {
		return nil, err
	}
	m := &journeyv1.JourneyMap{Name: req.GetName()}
	for _, stage := range plan.Map(definitions) {
		p := &journeyv1.MapStage{Stage: stage.Stage, Phases: stage.Phases}
		for _, d := range stage.Definitions {
			p.TouchpointDefinitions = append(p.TouchpointDefinitions, definitionToProto(brand, d))
		}
		m.Stages = append(m.Stages, p)
	}
	return m, nil
}

// CreateTouchpointDefinition implements JourneyMapService.
func (s *Server) CreateTouchpointDefinition(ctx context.Context, req *journeyv1.CreateTouchpointDefinitionRequest) (*journeyv1.TouchpointDefinition, error) {
	brand := name.Brand(req.GetParent())
	d := definitionFromProto(req.GetTouchpointDefinition())
	d.ID = req.GetTouchpointDefinitionId()
	if d.ID == "" {
		d.ID = name.NewID()
	}
	if _, builtin := s.catalog.builtin[d.ID]; builtin {
		return nil, fault.Exists(definitionName(brand, d.ID))
	}
	d.CreateTime = sqldb.Time(sqldb.Micros(s.now()))
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.TouchpointDefinition, error) {
		added, err := s.store.CreateDefinition(tx, brand, d)
		if err != nil {
			return nil, err
		}
		if !added {
			return nil, fault.Exists(definitionName(brand, d.ID))
		}
		return definitionToProto(brand, d), nil
	})
}

// GetTouchpointDefinition implements JourneyMapService.
func (s *Server) GetTouchpointDefinition(ctx context.Context, req *journeyv1.GetTouchpointDefinitionRequest) (*journeyv1.TouchpointDefinition, error) {
	brand := name.Brand(req.GetName())
	d, err := s.catalog.find(ctx, brand, name.ID(req.GetName()))
	if err != nil {
		return nil, err
	}
	return definitionToProto(brand, d), nil
}
