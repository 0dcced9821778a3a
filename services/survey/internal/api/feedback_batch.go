package api

import (
	"context"
	"strconv"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/survey/internal/store"
)

// BatchCreateFeedback implements FeedbackService, in one transaction.
func (s *Server) BatchCreateFeedback(ctx context.Context, req *surveyv1.BatchCreateFeedbackRequest) (*surveyv1.BatchCreateFeedbackResponse, error) {
	brand, items := name.ID(req.GetParent()), req.GetRequests()
	rows, errs := make([]store.Feedback, len(items)), make([]error, len(items))
	for i, item := range items {
		if errs[i] = s.item(brand, item.GetParent(), item); errs[i] == nil {
			rows[i], errs[i] = s.newFeedback(brand, item.GetFeedbackId(), item.GetFeedback())
		}
		if errs[i] != nil && (!req.GetPartialSuccess() || !refusal(errs[i])) {
			return nil, resource.Within("requests["+strconv.Itoa(i)+"]", errs[i])
		}
	}
	answer, err := once.Do(ctx, s.DB, brand, req, func(tx *sqldb.Tx) (*surveyv1.BatchCreateFeedbackResponse, error) {
		resp := &surveyv1.BatchCreateFeedbackResponse{}
		for i, row := range rows {
			var added *surveyv1.Feedback
			err := errs[i]
			if err == nil {
				added, err = s.addFeedback(tx, row)
			}
			switch {
			case err == nil:
				resp.Results = append(resp.Results, &surveyv1.CreateFeedbackResult{Feedback: added})
			case req.GetPartialSuccess() && refusal(err):
				resp.Results = append(resp.Results, &surveyv1.CreateFeedbackResult{Error: statusOf(err)})
			default:
				return nil, resource.Within("requests["+strconv.Itoa(i)+"]", err)
			}
		}
		return resp, nil
	})
	for _, r := range answer.GetResults() {
		withhold(ctx, r.GetFeedback())
	}
	return answer, err
}
