package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// profiles are the industry profiles of a server.
func (s *Server) profiles() *begun[*journeyv1.IndustryProfile, store.IndustryProfile] {
	return &begun[*journeyv1.IndustryProfile, store.IndustryProfile]{
		Resource: resource.Resource[*journeyv1.IndustryProfile, store.IndustryProfile]{
			DB: s.db, Validator: s.validator, Table: store.IndustryProfiles, Collection: "industryProfiles", Field: "industry_profile",
			Filters: filter.Fields{
				{Name: "display_name"},
				{Name: "built_in", Kind: filter.Bool, Column: "CASE WHEN create_time = 0 THEN TRUE ELSE FALSE END"},
				{Name: "create_time", Kind: filter.Time},
			},
			Orders: filter.Fields{
				{Name: "name", Kind: filter.Name, Order: "id"},
				{Name: "display_name", Order: "display_name"},
				{Name: "create_time", Kind: filter.Time, Order: "create_time"},
			},
			Message: profileToProto, Row: profileFromProto,
			Check: func(tx *sqldb.Tx, old store.IndustryProfile, row *store.IndustryProfile) error {
				if old.ID != "" {
					return nil
				}
				return room(tx, store.IndustryProfiles, row.Brand, 1)
			},
		},
		store: s.store, revisions: true,
		value: func(p store.IndustryProfile, _ string) any { return p.DisplayName },
	}
}

// CreateIndustryProfile implements JourneyMapService.
func (s *Server) CreateIndustryProfile(ctx context.Context, req *journeyv1.CreateIndustryProfileRequest) (*journeyv1.IndustryProfile, error) {
	return s.profiles().create(ctx, req, req.GetIndustryProfile())
}

// GetIndustryProfile implements JourneyMapService.
func (s *Server) GetIndustryProfile(ctx context.Context, req *journeyv1.GetIndustryProfileRequest) (*journeyv1.IndustryProfile, error) {
	return s.profiles().get(ctx, req.GetName())
}

// ListIndustryProfiles implements JourneyMapService.
func (s *Server) ListIndustryProfiles(ctx context.Context, req *journeyv1.ListIndustryProfilesRequest) (*journeyv1.ListIndustryProfilesResponse, error) {
	page, next, err := s.profiles().list(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListIndustryProfilesResponse{IndustryProfiles: page, NextPageToken: next}, nil
}

// UpdateIndustryProfile implements JourneyMapService.
func (s *Server) UpdateIndustryProfile(ctx context.Context, req *journeyv1.UpdateIndustryProfileRequest) (*journeyv1.IndustryProfile, error) {
	return s.profiles().update(ctx, req, req.GetIndustryProfile())
}

// DeleteIndustryProfile implements JourneyMapService.
func (s *Server) DeleteIndustryProfile(ctx context.Context, req *journeyv1.DeleteIndustryProfileRequest) (*emptypb.Empty, error) {
	return s.profiles().remove(ctx, req)
}

// ListIndustryProfileRevisions implements JourneyMapService.
func (s *Server) ListIndustryProfileRevisions(ctx context.Context, req *journeyv1.ListIndustryProfileRevisionsRequest) (*journeyv1.ListIndustryProfileRevisionsResponse, error) {
	page, next, err := s.profiles().history(ctx, req)
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListIndustryProfileRevisionsResponse{IndustryProfiles: page, NextPageToken: next}, nil
}
