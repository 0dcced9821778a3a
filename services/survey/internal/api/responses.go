package api

import (
	"context"
	"slices"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// SubmitResponse implements ResponseService.
func (s *Server) SubmitResponse(ctx context.Context, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, error) {
	var sub batched
	sub.submission, sub.err = s.submission(ctx, req)
	if err := s.complete(ctx, name.ID(req.GetParent()), &sub); err != nil {
		return nil, err
	}
	wrong := sub.err
	if wrong != nil && (req.GetRequestId() == "" || !outdated(wrong)) {
		return nil, wrong
	}
	answer, err := once.Do(ctx, s.DB, name.ID(req.GetParent()), req, func(tx *sqldb.Tx) (*surveyv1.Response, error) {
		if wrong != nil {
			return nil, wrong
		}
		return sub.store(tx)
	})
	if sqldb.Unique(err) {
		return nil, fault.Exists(responseName(sub.made.response.Brand, sub.made.response.ID))
	}
	return readable(ctx, answer), err
}

// outdated reports whether a request that is wrong now may have been right when it came
// before: then it is answered as it was.
func outdated(wrong error) bool {
	switch status.Code(wrong) {
	case codes.InvalidArgument, codes.FailedPrecondition:
		return true
	}
	return false
}

// GetResponse implements ResponseService.
func (s *Server) GetResponse(ctx context.Context, req *surveyv1.GetResponseRequest) (*surveyv1.Response, error) {
	r, err := s.Store.Response(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if err != nil {
		return nil, resource.Explain(req.GetName(), err)
	}
	record, err := s.Store.Exclusions(ctx, r)
	if err != nil {
		return nil, err
	}
	answer := toResponse(r)
	answer.Exclusions = toExclusions(record)
	return readable(ctx, answer), nil
}

// readable takes the words out of a response for a caller who may not read them.
func readable(ctx context.Context, r *surveyv1.Response) *surveyv1.Response {
	if r == nil || readsText(ctx) {
		return r
	}
	for _, a := range r.GetAnswers() {
		if a.GetText() != "" {
			a.Value, r.TextWithheld = nil, true
		}
	}
	return r
}

// readsText reports whether the caller may read the words of customers.
func readsText(ctx context.Context) bool {
	caller, _ := rpc.CallerFrom(ctx)
	return slices.Contains(caller.Scopes, "responses:read_text") || slices.Contains(caller.Scopes, "*")
}
