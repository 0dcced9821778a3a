package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/journey/internal/plan"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// maps are the journey maps of a server. Their messages lack the stages.
func (s *Server) maps() *begun[*journeyv1.JourneyMap, store.JourneyMap] {
	return &begun[*journeyv1.JourneyMap, store.JourneyMap]{
		Resource: resource.Resource[*journeyv1.JourneyMap, store.JourneyMap]{
			DB: s.db, Validator: s.validator, Table: store.JourneyMaps, Collection: "journeyMaps", Field: "journey_map",
			Filters: filter.Fields{
				{Name: "display_name"},
				{Name: "industry_profile", Kind: filter.Name, Collection: "industryProfiles"},
				{Name: "create_time", Kind: filter.Time},
			},
			Orders: filter.Fields{
				{Name: "name", Kind: filter.Name, Order: "id"},
				{Name: "display_name", Order: "display_name"},
				{Name: "create_time", Kind: filter.Time, Order: "create_time"},
			},
			Message: mapToProto, Row: mapFromProto, Check: checkMap,
		},
		store: s.store, revisions: true,
		value: func(m store.JourneyMap, _ string) any { return m.DisplayName },
	}
}

// checkMap sees to it that what row names exists, and that there is room for it.
func checkMap(tx *sqldb.Tx, old store.JourneyMap, row *store.JourneyMap) error {
	if old.ID == "" {
		if err := room(tx, store.JourneyMaps, row.Brand, 1); err != nil {
			return err
		}
	}
	known := make(map[string]bool, len(old.Definitions))
	for _, id := range old.Definitions {
		known[id] = true
	}
	for _, id := range row.Definitions {
		if known[id] {
			continue
		}
		if _, err := store.One(tx, store.Definitions, row.Brand, id); err != nil {
			return resource.Explain(definitionName(row.Brand, id), err)
		}
	}
	if row.IndustryProfile == "" || row.IndustryProfile == old.IndustryProfile {
		return nil
	}
	_, err := store.One(tx, store.IndustryProfiles, row.Brand, row.IndustryProfile)
	return resource.Explain(profileName(row.Brand, row.IndustryProfile), err)
}

// CreateJourneyMap implements JourneyMapService.
func (s *Server) CreateJourneyMap(ctx context.Context, req *journeyv1.CreateJourneyMapRequest) (*journeyv1.JourneyMap, error) {
	m, err := s.maps().create(ctx, req, req.GetJourneyMap())
	return s.staged(ctx, m, err)
}

// GetJourneyMap implements JourneyMapService.
func (s *Server) GetJourneyMap(ctx context.Context, req *journeyv1.GetJourneyMapRequest) (*journeyv1.JourneyMap, error) {
	m, err := s.maps().get(ctx, req.GetName())
	return s.staged(ctx, m, err)
}

// ListJourneyMaps implements JourneyMapService.
func (s *Server) ListJourneyMaps(ctx context.Context, req *journeyv1.ListJourneyMapsRequest) (*journeyv1.ListJourneyMapsResponse, error) {
	page, next, err := s.maps().list(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListJourneyMapsResponse{JourneyMaps: page, NextPageToken: next}, nil
}

// UpdateJourneyMap implements JourneyMapService.
func (s *Server) UpdateJourneyMap(ctx context.Context, req *journeyv1.UpdateJourneyMapRequest) (*journeyv1.JourneyMap, error) {
	m, err := s.maps().update(ctx, req, req.GetJourneyMap())
	return s.staged(ctx, m, err)
}

// DeleteJourneyMap implements JourneyMapService.
func (s *Server) DeleteJourneyMap(ctx context.Context, req *journeyv1.DeleteJourneyMapRequest) (*emptypb.Empty, error) {
	return s.maps().remove(ctx, req)
}

// ListJourneyMapRevisions implements JourneyMapService.
func (s *Server) ListJourneyMapRevisions(ctx context.Context, req *journeyv1.ListJourneyMapRevisionsRequest) (*journeyv1.ListJourneyMapRevisionsResponse, error) {
	page, next, err := s.maps().history(ctx, req)
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListJourneyMapRevisionsResponse{JourneyMaps: page, NextPageToken: next}, nil
}

// staged completes m with its stages, unless err says that there is no m.
func (s *Server) staged(ctx context.Context, m *journeyv1.JourneyMap, err error) (*journeyv1.JourneyMap, error) {
	if err != nil {
		return nil, err
	}
	return staged(s.store.Reader(ctx), m)
}

// staged completes m with its stages, of the definitions as r finds them.
func staged(r store.Reader, m *journeyv1.JourneyMap) (*journeyv1.JourneyMap, error) {
	rows, err := store.Effective(r, store.Definitions, table.Listing{Brand: name.Brand(m.GetName()), By: "id", Limit: all})
	if err != nil {
		return nil, err
	}
	messages := make(map[string]*journeyv1.TouchpointDefinition, len(rows))
	definitions := make([]plan.Definition, len(rows))
	for i := range rows {
		definitions[i] = rows[i].Whole()
		messages[rows[i].ID] = definitionToProto(rows[i])
	}
	for _, stage := range plan.Map(plan.Only(definitions, ids(m.GetTouchpointDefinitions()))) {
		p := &journeyv1.MapStage{Stage: stage.Stage, Phases: stage.Phases}
		for _, d := range stage.Definitions {
			p.TouchpointDefinitions = append(p.TouchpointDefinitions, messages[d.ID])
		}
		m.Stages = append(m.Stages, p)
	}
	return m, nil
}

// all is more than a brand has of anything that it plans with.
const all = 1 << 20

// ids returns the last segments of names.
func ids(names []string) []string {
	all := make([]string, len(names))
	for i, n := range names {
		all[i] = name.ID(n)
	}
	return all
}

func mapName(brand, id string) string { return name.Join("brands", brand, "journeyMaps", id) }

func mapToProto(m store.JourneyMap) *journeyv1.JourneyMap {
	p := &journeyv1.JourneyMap{
		Name: mapName(m.Brand, m.ID), DisplayName: m.DisplayName, TargetEmotion: m.TargetEmotion, Revision: m.Version,
		CreateTime: since(m.Record, sqldb.Micros(m.CreateTime)), UpdateTime: since(m.Record, sqldb.Micros(m.UpdateTime)),
		Etag: resource.Etag(m.Version),
	}
	for _, id := range m.Definitions {
		p.TouchpointDefinitions = append(p.TouchpointDefinitions, definitionName(m.Brand, id))
	}
	if m.IndustryProfile != "" {
		p.IndustryProfile = profileName(m.Brand, m.IndustryProfile)
	}
	return p
}

func mapFromProto(p *journeyv1.JourneyMap, r table.Record) (store.JourneyMap, error) {
	m := store.JourneyMap{Record: r, DisplayName: p.GetDisplayName(), TargetEmotion: p.GetTargetEmotion()}
	if len(p.GetTouchpointDefinitions()) > 0 {
		m.Definitions = ids(p.GetTouchpointDefinitions())
	}
	if p.GetIndustryProfile() != "" {
		m.IndustryProfile = name.ID(p.GetIndustryProfile())
	}
	return m, nil
}
