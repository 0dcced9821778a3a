package api

import (
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/codes"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// ExcludeResponse implements ResponseService.
func (s *Server) ExcludeResponse(ctx context.Context, req *surveyv1.ExcludeResponseRequest) (*surveyv1.Response, error) {
	return s.count(ctx, req, store.ResponseExcluded)
}

// IncludeResponse implements ResponseService.
func (s *Server) IncludeResponse(ctx context.Context, req *surveyv1.IncludeResponseRequest) (*surveyv1.Response, error) {
	return s.count(ctx, req, store.ResponseComplete)
}

// A countRequest says why a response is taken out of the measures or put back.
type countRequest interface {
	once.Request
	GetName() string
	GetReason() string
}

// count makes a response count, or not, and keeps the record of it.
func (s *Server) count(ctx context.Context, req countRequest, to int32) (*surveyv1.Response, error) {
	n := req.GetName()
	caller, _ := rpc.CallerFrom(ctx)
	answer, err := once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*surveyv1.Response, error) {
		r, err := s.Store.LockResponse(tx, name.Brand(n), name.ID(n))
		if err != nil {
			return nil, resource.Explain(n, err)
		}
		record, err := s.Store.ExclusionsIn(tx, r)
		if err != nil {
			return nil, err
		}
		if !slices.Contains([]int32{store.ResponseComplete, store.ResponseExcluded}, r.State) {
			return nil, uncountable(r)
		}
		if r.State != to {
			e := store.Exclusion{Included: to == store.ResponseComplete, Reason: req.GetReason(), Principal: caller.Subject, Time: s.now()}
			s.Store.AddExclusion(tx, r, len(record), e)
			r.State, record = to, append(record, e)
			if err := s.recount(tx, r, e.Time); err != nil {
				return nil, err
			}
			r.Version++
		}
		answer := toResponse(r)
		answer.Exclusions = toExclusions(record)
		return answer, nil
	})
	return readable(ctx, answer), err
}

// recount writes the next version of r, which the transaction has locked and which
// counts from now on or no more, and tells the others.
func (s *Server) recount(tx *sqldb.Tx, r store.Response, now time.Time) error {
	survey, err := s.Store.SurveyRevisionIn(tx, r.Brand, r.Survey, r.SurveyRevision)
	if err != nil {
		return err
	}
	r.Version++
	s.Store.MoveResponse(tx, r)
	store.MarkAnswers(tx, r.Brand, r.SubmitTime, now)
	if survey.Anonymous {
		return nil
	}
	event := submitted(survey, r)
	if r.State != store.ResponseComplete {
		event = excluded(event.GetResponseSubmitted())
	}
	event.EventTime = timestamp(now)
	s.Outbox.Emit(tx, event)
	return nil
}

// uncountable says that r is in a state in which nobody decides whether it counts.
func uncountable(r store.Response) error {
	n, state := responseName(r.Brand, r.ID), surveyv1.Response_State(r.State).String()
	return &fault.Error{
		Code: codes.FailedPrecondition, Reason: "ILLEGAL_TRANSITION",
		Message:  n + " is in " + state + " and counts for nothing; only what is complete is excluded and included",
		Metadata: map[string]string{"name": n, "state": state, "allowed": ""},
	}
}

func toExclusions(record []store.Exclusion) (all []*surveyv1.Response_Exclusion) {
	for _, e := range record {
		all = append(all, &surveyv1.Response_Exclusion{
			Included: e.Included, Reason: e.Reason, Principal: e.Principal, EventTime: timestamp(e.Time),
		})
	}
	return all
}
