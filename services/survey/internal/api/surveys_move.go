package api

import (
	"context"
	"slices"
	"strings"

	"google.golang.org/grpc/codes"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// surveyMoves says where each state may go.
var surveyMoves = map[surveyv1.Survey_State][]surveyv1.Survey_State{
	surveyv1.Survey_STATE_DRAFT:  {surveyv1.Survey_STATE_ACTIVE},
	surveyv1.Survey_STATE_ACTIVE: {surveyv1.Survey_STATE_PAUSED, surveyv1.Survey_STATE_ARCHIVED},
	surveyv1.Survey_STATE_PAUSED: {surveyv1.Survey_STATE_ACTIVE, surveyv1.Survey_STATE_ARCHIVED},
}

// PublishSurvey implements SurveyService.
func (s *Server) PublishSurvey(ctx context.Context, req *surveyv1.PublishSurveyRequest) (*surveyv1.Survey, error) {
	return s.move(ctx, req, surveyv1.Survey_STATE_ACTIVE, surveyv1.Survey_STATE_DRAFT)
}

// PauseSurvey implements SurveyService.
func (s *Server) PauseSurvey(ctx context.Context, req *surveyv1.PauseSurveyRequest) (*surveyv1.Survey, error) {
	return s.move(ctx, req, surveyv1.Survey_STATE_PAUSED, surveyv1.Survey_STATE_ACTIVE)
}

// ResumeSurvey implements SurveyService.
func (s *Server) ResumeSurvey(ctx context.Context, req *surveyv1.ResumeSurveyRequest) (*surveyv1.Survey, error) {
	return s.move(ctx, req, surveyv1.Survey_STATE_ACTIVE, surveyv1.Survey_STATE_PAUSED)
}

// ArchiveSurvey implements SurveyService.
func (s *Server) ArchiveSurvey(ctx context.Context, req *surveyv1.ArchiveSurveyRequest) (*surveyv1.Survey, error) {
	return s.move(ctx, req, surveyv1.Survey_STATE_ARCHIVED, surveyv1.Survey_STATE_ACTIVE, surveyv1.Survey_STATE_PAUSED)
}

// A moveRequest names a survey to be moved.
type moveRequest interface {
	once.Request
	GetName() string
	GetEtag() string
}

// move takes the survey that req names to a state, if it is in one of from.
func (s *Server) move(ctx context.Context, req moveRequest, to surveyv1.Survey_State, from ...surveyv1.Survey_State) (*surveyv1.Survey, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*surveyv1.Survey, error) {
		v, err := s.surveys(nil).Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		state := surveyv1.Survey_State(v.State)
		if !slices.Contains(from, state) {
			return nil, illegal(n, state)
		}
		v.State, v.UpdateTime = int32(to), resource.Now()
		if state == surveyv1.Survey_STATE_DRAFT {
			store.AddRevision(tx, v)
		}
		if v, err = store.Surveys.Update(tx, v); err != nil {
			return nil, resource.Explain(n, err)
		}
		s.Store.ForgetSurveys(tx)
		return toSurvey(v), nil
	})
}

// illegal says in which state the survey is and where it may go from there.
func illegal(survey string, state surveyv1.Survey_State) error {
	var moves []string
	for _, to := range surveyMoves[state] {
		moves = append(moves, to.String())
	}
	allowed := strings.Join(moves, ", ")
	message := survey + " is in " + state.String()
	if allowed == "" {
		message += ", which is final; create a new survey instead"
	} else {
		message += "; it may only go to " + allowed
	}
	return &fault.Error{
		Code: codes.FailedPrecondition, Reason: "ILLEGAL_TRANSITION", Message: message,
		Metadata: map[string]string{"name": survey, "state": state.String(), "allowed": allowed},
	}
}
