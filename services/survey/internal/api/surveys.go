package api

import (
	"context"
	"fmt"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/scale"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// CreateSurvey implements SurveyService. A scale in the request is refused
// unless it is the one of its question's kind: whoever sends another expects
// answers that would mean something else.
func (s *Server) CreateSurvey(ctx context.Context, req *surveyv1.CreateSurveyRequest) (*surveyv1.Survey, error) {
	if wrong := wrongScales(req.GetSurvey().GetQuestions()); len(wrong) > 0 {
		return nil, fault.Invalid(wrong...)
	}
	v := fromSurvey(req.GetSurvey())
	v.Brand, v.ID = name.ID(req.GetParent()), req.GetSurveyId()
	if v.ID == "" {
		v.ID = name.NewID()
	}
	v.State, v.CreateTime, v.Version = int32(surveyv1.Survey_STATE_ACTIVE), s.now(), 1
	answer, err := once.Do(ctx, s.DB, v.Brand, req, func(tx *sqldb.Tx) (*surveyv1.Survey, error) {
		if err := s.Store.AddSurvey(tx, v); err != nil {
			return nil, err
		}
		return toSurvey(v), nil
	})
	if sqldb.Unique(err) {
		return nil, fault.Exists(surveyName(v.Brand, v.ID))
	}
	return answer, err
}

// GetSurvey implements SurveyService.
func (s *Server) GetSurvey(ctx context.Context, req *surveyv1.GetSurveyRequest) (*surveyv1.Survey, error) {
	v, err := s.Store.Survey(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if err != nil {
		return nil, explain(req.GetName(), err)
	}
	return toSurvey(v), nil
}

func wrongScales(questions []*surveyv1.Question) []fault.Field {
	var wrong []fault.Field
	for i, q := range questions {
		if q.GetScale() == nil {
			continue
		}
		s, ok := scale.Kind(q.GetKind()).Scale()
		given := scale.Scale{Min: q.GetScale().GetMin(), Max: q.GetScale().GetMax(), HigherIsBetter: q.GetScale().GetHigherIsBetter()}
		if !ok || s != given {
			wrong = append(wrong, fault.Field{
				Path: fmt.Sprintf("survey.questions[%d].scale", i), Reason: "FIXED_BY_KIND",
				Description: "is fixed by the question's kind; leave it out",
			})
		}
	}
	return wrong
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
