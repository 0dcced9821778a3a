package api

import (
	"context"
	"errors"
	"slices"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// ApplyIndustryProfile implements JourneyMapService.
func (s *Server) ApplyIndustryProfile(ctx context.Context, req *journeyv1.ApplyIndustryProfileRequest) (*journeyv1.ApplyIndustryProfileResponse, error) {
	n := req.GetName()
	brand := name.Brand(n)
	return once.Do(ctx, s.db, brand, req, func(tx *sqldb.Tx) (*journeyv1.ApplyIndustryProfileResponse, error) {
		row, err := store.One(tx, store.IndustryProfiles, brand, name.ID(n))
		if err != nil {
			return nil, resource.Explain(n, err)
		}
		profile := row.Whole()
		answer, err := s.apply(tx, brand, profile.Definitions())
		if err != nil || req.GetJourneyMap() == "" {
			return answer, err
		}
		m, err := s.place(tx, req.GetJourneyMap(), profile, answer.GetTouchpointDefinitions())
		if err != nil {
			return nil, err
		}
		answer.JourneyMap, err = staged(tx, m)
		return answer, err
	})
}

// apply makes those of the definitions that the brand has not.
func (s *Server) apply(tx *sqldb.Tx, brand string, definitions []plan.Definition) (*journeyv1.ApplyIndustryProfileResponse, error) {
	answer, now := &journeyv1.ApplyIndustryProfileResponse{}, resource.Now()
	for _, d := range definitions {
		row, err := store.One(tx, store.Definitions, brand, d.ID)
		if errors.Is(err, store.ErrNotFound) {
			answer.CreatedCount++
			row, err = store.Definitions.Add(tx, store.Definition{
				Record: table.Record{Brand: brand, ID: d.ID, CreateTime: now, UpdateTime: now, Version: 1}, Plan: d,
			})
		}
		if err != nil {
			return nil, resource.Explain(definitionName(brand, d.ID), err)
		}
		answer.TouchpointDefinitions = append(answer.TouchpointDefinitions, definitionToProto(row))
	}
	if answer.GetCreatedCount() == 0 {
		return answer, nil
	}
	s.catalog.forget(tx, brand)
	return answer, room(tx, store.Definitions, brand, 0)
}

// place puts definitions on the map called n and returns it, without its stages.
func (s *Server) place(tx *sqldb.Tx, n string, profile plan.Profile, definitions []*journeyv1.TouchpointDefinition) (*journeyv1.JourneyMap, error) {
	maps, brand := s.maps(), name.Brand(n)
	var wanted []string
	for _, d := range definitions {
		wanted = append(wanted, name.ID(d.GetName()))
	}
	old, err := maps.adopt(tx, n, "")
	if fault.Reason(err) == "NOT_FOUND" {
		if err := room(tx, store.JourneyMaps, brand, 1); err != nil {
			return nil, err
		}
		now := resource.Now()
		made, err := maps.Table.Add(tx, store.JourneyMap{
			Record:      table.Record{Brand: brand, ID: name.ID(n), CreateTime: now, UpdateTime: now, Version: 1},
			DisplayName: profile.DisplayName, Definitions: wanted, IndustryProfile: profile.ID,
		})
		return mapToProto(made), resource.Explain(n, err)
	}
	if err != nil {
		return nil, err
	}
	row := old
	row.IndustryProfile, row.UpdateTime = profile.ID, resource.Now()
	if len(row.Definitions) > 0 { // else it holds them already
		for _, id := range wanted {
			if !slices.Contains(row.Definitions, id) {
				row.Definitions = append(slices.Clip(row.Definitions), id)
			}
		}
	}
	if row.IndustryProfile == old.IndustryProfile && len(row.Definitions) == len(old.Definitions) {
		return mapToProto(old), nil
	}
	row, err = maps.save(tx, old, row)
	return mapToProto(row), err
}
