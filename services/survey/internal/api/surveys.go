package api

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/emptypb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/survey/internal/questionnaire"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// surveys are the surveys of a server. check completes a row that is written.
func (s *Server) surveys(check func(tx *sqldb.Tx, old store.Survey, row *store.Survey) error) *resource.Resource[*surveyv1.Survey, store.Survey] {
	return &resource.Resource[*surveyv1.Survey, store.Survey]{
		DB: s.DB, Validator: s.Validator, Table: store.Surveys, Collection: "surveys", Field: "survey",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "subject", Kind: filter.Enum, Enum: typev1.Subject(0).Descriptor()},
			{Name: "scope", Kind: filter.Enum, Enum: surveyv1.Survey_Scope(0).Descriptor()},
			{Name: "state", Kind: filter.Enum, Enum: surveyv1.Survey_State(0).Descriptor()},
			{Name: "audience", Kind: filter.Enum, Enum: surveyv1.Survey_Audience(0).Descriptor()},
			{Name: "anonymous", Kind: filter.Bool},
			{Name: "create_time", Kind: filter.Time},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
		},
		Message: toSurvey,
		Row:     newSurvey,
		Check:   check,
	}
}

// newSurvey returns the row of a survey whose questions make sense. A scale is
// refused unless it is the one of its question's kind: whoever sends another expects
// answers that would mean something else.
func newSurvey(p *surveyv1.Survey, r table.Record) (store.Survey, error) {
	v := fromSurvey(p, r)
	wrong := append(wrongScales(p.GetQuestions()), questionnaire.Check(v.Questions)...)
	if len(wrong) > 0 {
		return v, resource.Within("survey", fault.Invalid(wrong...))
	}
	return v, nil
}

func wrongScales(questions []*surveyv1.Question) (wrong []fault.Field) {
	for i, q := range questions {
		if q.GetScale() != nil && !proto.Equal(q.GetScale(), toScale(scale.Kind(q.GetKind()))) {
			wrong = append(wrong, fault.Field{
				Path: fmt.Sprintf("questions[%d].scale", i), Reason: "FIXED_BY_KIND",
				Description: "is fixed by the question's kind; leave it out",
			})
		}
	}
	return wrong
}

// CreateSurvey implements SurveyService.
func (s *Server) CreateSurvey(ctx context.Context, req *surveyv1.CreateSurveyRequest) (*surveyv1.Survey, error) {
	r := s.surveys(func(tx *sqldb.Tx, _ store.Survey, row *store.Survey) error {
		row.State, row.Revision = int32(surveyv1.Survey_STATE_DRAFT), 1
		if !req.GetDraft() {
			row.State = int32(surveyv1.Survey_STATE_ACTIVE)
			store.AddRevision(tx, *row)
		}
		s.Store.ForgetSurveys(tx)
		return nil
	})
	return r.Create(ctx, req, req.GetSurvey())
}

// GetSurvey implements SurveyService.
func (s *Server) GetSurvey(ctx context.Context, req *surveyv1.GetSurveyRequest) (*surveyv1.Survey, error) {
	return s.surveys(nil).Get(ctx, req.GetName())
}

// ListSurveys implements SurveyService.
func (s *Server) ListSurveys(ctx context.Context, req *surveyv1.ListSurveysRequest) (*surveyv1.ListSurveysResponse, error) {
	page, next, err := s.surveys(nil).List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &surveyv1.ListSurveysResponse{Surveys: page, NextPageToken: next}, nil
}

// DeleteSurvey implements SurveyService.
func (s *Server) DeleteSurvey(ctx context.Context, req *surveyv1.DeleteSurveyRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		v, err := s.surveys(nil).Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		used, err := store.SurveyInUse(tx, v.Brand, v.ID)
		if err != nil {
			return nil, err
		}
		if used {
			return nil, fault.Precondition("IN_USE", n, "%s has invitations, responses or trigger rules; archive it instead", n)
		}
		store.DeleteRevisions(tx, v.Brand, v.ID)
		store.Surveys.Delete(tx, v.Brand, v.ID)
		s.Store.ForgetSurveys(tx)
		return &emptypb.Empty{}, nil
	})
}

func surveyName(brand, id string) string { return name.Join("brands", brand, "surveys", id) }

// question returns the question of v with the id, and its place.
func question(v store.Survey, id string) (q store.Question, place int, ok bool) {
	for i, q := range v.Questions {
		if q.ID == id {
			return q, i, true
		}
	}
	return store.Question{}, 0, false
}
