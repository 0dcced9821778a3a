package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// triggerRules are the trigger rules of a server.
func (s *Server) triggerRules() *resource.Resource[*surveyv1.TriggerRule, store.TriggerRule] {
	return &resource.Resource[*surveyv1.TriggerRule, store.TriggerRule]{
		DB: s.DB, Validator: s.Validator, Table: store.TriggerRules, Collection: "triggerRules", Field: "trigger_rule",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "survey", Kind: filter.Name, Collection: "surveys"},
			{Name: "inactive", Kind: filter.Bool},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
		},
		Message: toTriggerRule,
		Row:     newTriggerRule,
		Check:   s.checkTriggerRule,
	}
}

// newTriggerRule returns the row of a rule that can apply.
func newTriggerRule(p *surveyv1.TriggerRule, r table.Record) (store.TriggerRule, error) {
	row := fromTriggerRule(p, r)
	if row.Kind == store.OnSchedule && row.Conditions != nil {
		return row, fault.Invalid(fault.Field{
			Path: "trigger_rule.conditions", Reason: "OF_SCHEDULE", Description: "must be absent: a schedule has no conditions",
		})
	}
	return row, nil
}

// checkTriggerRule locks the survey of row, so that it is not deleted meanwhile.
func (s *Server) checkTriggerRule(tx *sqldb.Tx, old store.TriggerRule, row *store.TriggerRule) error {
	s.Store.ForgetRules(tx)
	if row.Survey == old.Survey {
		return nil
	}
	_, err := store.Surveys.Lock(tx, row.Brand, row.Survey)
	return resource.Explain(surveyName(row.Brand, row.Survey), err)
}

// CreateTriggerRule implements SurveyService.
func (s *Server) CreateTriggerRule(ctx context.Context, req *surveyv1.CreateTriggerRuleRequest) (*surveyv1.TriggerRule, error) {
	return s.triggerRules().Create(ctx, req, req.GetTriggerRule())
}

// GetTriggerRule implements SurveyService.
func (s *Server) GetTriggerRule(ctx context.Context, req *surveyv1.GetTriggerRuleRequest) (*surveyv1.TriggerRule, error) {
	return s.triggerRules().Get(ctx, req.GetName())
}

// ListTriggerRules implements SurveyService.
func (s *Server) ListTriggerRules(ctx context.Context, req *surveyv1.ListTriggerRulesRequest) (*surveyv1.ListTriggerRulesResponse, error) {
	page, next, err := s.triggerRules().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &surveyv1.ListTriggerRulesResponse{TriggerRules: page, NextPageToken: next}, nil
}

// UpdateTriggerRule implements SurveyService.
func (s *Server) UpdateTriggerRule(ctx context.Context, req *surveyv1.UpdateTriggerRuleRequest) (*surveyv1.TriggerRule, error) {
	return s.triggerRules().Update(ctx, req, req.GetTriggerRule())
}

// DeleteTriggerRule implements SurveyService.
func (s *Server) DeleteTriggerRule(ctx context.Context, req *surveyv1.DeleteTriggerRuleRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		row, err := s.triggerRules().Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		store.TriggerRules.Delete(tx, row.Brand, row.ID)
		s.Store.ForgetRules(tx)
		return &emptypb.Empty{}, nil
	})
}
