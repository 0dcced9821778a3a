package api

import (
	"context"
	"strconv"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// A batched response is one of a batch, of one at least, or why it is refused.
type batched struct {
	submission
	err error
}

// BatchCreateResponses implements ResponseService, in one transaction.
func (s *Server) BatchCreateResponses(ctx context.Context, req *surveyv1.BatchCreateResponsesRequest) (*surveyv1.BatchCreateResponsesResponse, error) {
	brand := name.ID(req.GetParent())
	items, all := make([]batched, len(req.GetRequests())), make([]*batched, len(req.GetRequests()))
	for i, p := range req.GetRequests() {
		b := &items[i]
		all[i] = b
		if b.err = s.single(brand, p); b.err == nil {
			b.submission, b.err = s.submission(ctx, p)
		}
		if b.err != nil && !ofItem(b.err) {
			return nil, resource.Within("requests["+strconv.Itoa(i)+"]", b.err)
		}
	}
	if err := s.complete(ctx, brand, all...); err != nil {
		return nil, err
	}
	effect := func(tx *sqldb.Tx) (*surveyv1.BatchCreateResponsesResponse, error) {
		return s.storeBatch(tx, brand, items, req.GetPartialSuccess())
	}
	answer, err := once.Do(ctx, s.DB, brand, req, effect)
	if sqldb.Unique(err) { // somebody took an id between the look and the leap
		answer, err = once.Do(ctx, s.DB, brand, req, effect)
	}
	for _, r := range answer.GetResults() {
		readable(ctx, r.GetResponse())
	}
	return answer, err
}

// storeBatch stores what can be stored of a batch if it is partial, else all or nothing.
func (s *Server) storeBatch(tx *sqldb.Tx, brand string, items []batched, partial bool) (*surveyv1.BatchCreateResponsesResponse, error) {
	taken, err := chosenIDs(tx, brand, items)
	if err != nil {
		return nil, err
	}
	answer := &surveyv1.BatchCreateResponsesResponse{}
	for i := range items {
		b := &items[i]
		r, err := (*surveyv1.Response)(nil), b.err
		if _, used := taken[b.response.ID]; err == nil && used && b.invitation.ID == "" { // one with an invitation may have been saved before
			err = fault.Exists(responseName(brand, b.response.ID))
		}
		if err == nil {
			r, err = b.store(tx)
		}
		switch {
		case err == nil:
			taken[b.response.ID] = ""
			answer.Results = append(answer.Results, &surveyv1.CreateResponseResult{Response: r})
		case partial && ofItem(err):
			answer.Results = append(answer.Results, &surveyv1.CreateResponseResult{Error: statusOf(err)})
		default:
			return nil, resource.Within("requests["+strconv.Itoa(i)+"]", err)
		}
	}
	return answer, nil
}

// chosenIDs returns those of the ids that callers chose which are in use, with their
// digests.
func chosenIDs(tx *sqldb.Tx, brand string, items []batched) (map[string]string, error) {
	var ids []string
	for i := range items {
		if b := &items[i]; b.chosen && b.response.ID != "" {
			ids = append(ids, b.response.ID)
		}
	}
	if len(ids) == 0 {
		return map[string]string{}, nil
	}
	return store.ImportDigests(tx, brand, ids)
}

// single checks one request of a batch as if it had come alone.
func (s *Server) single(brand string, p *surveyv1.SubmitResponseRequest) error {
	if err := s.item(brand, p.GetParent(), p); err != nil {
		return err
	}
	var wrong []fault.Field
	for _, f := range []struct {
		path string
		set  bool
	}{{"token", p.GetToken() != ""}, {"partial", p.GetPartial()}, {"nonce", p.GetNonce() != ""}} {
		if f.set {
			wrong = append(wrong, fault.Field{Path: f.path, Reason: "BATCH_ITEM", Description: "must be empty in a batch"})
		}
	}
	if len(wrong) > 0 {
		return fault.Invalid(wrong...)
	}
	return nil
}

// ofItem reports whether err is about a response of a batch and not about the batch.
func ofItem(err error) bool { return refusal(err) || fault.Reason(err) == "TOKEN_REQUIRED" }
