package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/journey/internal/store"
)

// signalRules are the signal rules of a server.
func (s *Server) signalRules() *resource.Resource[*journeyv1.SignalRule, store.SignalRule] {
	return &resource.Resource[*journeyv1.SignalRule, store.SignalRule]{
		DB: s.db, Validator: s.validator, Table: store.SignalRules, Collection: "signalRules", Field: "signal_rule",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "inactive", Kind: filter.Bool},
			{Name: "function_owner", Kind: filter.Enum, Enum: typev1.Function(0).Descriptor()},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
		},
		Message: toSignalRule,
		Row:     newSignalRule,
		Check: func(tx *sqldb.Tx, old store.SignalRule, row *store.SignalRule) error {
			if old.ID == "" {
				if err := room(tx, store.SignalRules, row.Brand, 1); err != nil {
					return err
				}
			}
			return s.store.Watch(tx, row.Brand, row.ID, row)
		},
	}
}

// CreateSignalRule implements SignalService.
func (s *Server) CreateSignalRule(ctx context.Context, req *journeyv1.CreateSignalRuleRequest) (*journeyv1.SignalRule, error) {
	if err := s.definitionsOf(ctx, name.Brand(req.GetParent()), req.GetSignalRule()); err != nil {
		return nil, err
	}
	return s.signalRules().Create(ctx, req, req.GetSignalRule())
}

// GetSignalRule implements SignalService.
func (s *Server) GetSignalRule(ctx context.Context, req *journeyv1.GetSignalRuleRequest) (*journeyv1.SignalRule, error) {
	return s.signalRules().Get(ctx, req.GetName())
}

// ListSignalRules implements SignalService.
func (s *Server) ListSignalRules(ctx context.Context, req *journeyv1.ListSignalRulesRequest) (*journeyv1.ListSignalRulesResponse, error) {
	page, next, err := s.signalRules().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &journeyv1.ListSignalRulesResponse{SignalRules: page, NextPageToken: next}, nil
}

// UpdateSignalRule implements SignalService.
func (s *Server) UpdateSignalRule(ctx context.Context, req *journeyv1.UpdateSignalRuleRequest) (*journeyv1.SignalRule, error) {
	if err := s.definitionsOf(ctx, name.Brand(req.GetSignalRule().GetName()), req.GetSignalRule()); err != nil {
		return nil, err
	}
	return s.signalRules().Update(ctx, req, req.GetSignalRule())
}

// DeleteSignalRule implements SignalService.
func (s *Server) DeleteSignalRule(ctx context.Context, req *journeyv1.DeleteSignalRuleRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, s.db, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		row, err := s.signalRules().Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		store.SignalRules.Delete(tx, row.Brand, row.ID)
		return &emptypb.Empty{}, s.store.Watch(tx, row.Brand, row.ID, nil)
	})
}

// definitionsOf makes sure that the definitions which a rule names exist.
func (s *Server) definitionsOf(ctx context.Context, brand string, p *journeyv1.SignalRule) error {
	var names []string
	switch c := p.GetCondition().(type) {
	case *journeyv1.SignalRule_BrokenTouchpoint_:
		names = c.BrokenTouchpoint.GetTouchpointDefinitions()
	case *journeyv1.SignalRule_UnmetShare_:
		names = c.UnmetShare.GetTouchpointDefinitions()
	case *journeyv1.SignalRule_Silence_:
		names = c.Silence.GetTouchpointDefinitions()
	}
	for _, n := range names {
		if name.Parent(n) != name.Join("brands", brand) {
			continue // refused for its form, once it is merged into what is stored
		}
		if _, err := s.catalog.find(ctx, brand, name.ID(n)); err != nil {
			return err
		}
	}
	return nil
}
