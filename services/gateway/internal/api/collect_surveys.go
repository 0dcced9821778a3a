package api

import (
	"context"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// maxPending is how many surveys an app gets at a time.
const maxPending = 10

// GetPendingSurveys implements CollectService.
func (c *Collect) GetPendingSurveys(ctx context.Context, req *gatewayv1.GetPendingSurveysRequest) (*gatewayv1.GetPendingSurveysResponse, error) {
	brand := name.Brand(req.GetCustomer())
	ctx, customer, err := c.bound(ctx, brand, req.GetCustomer(), "surveys:write", "surveys:read")
	if err != nil {
		return nil, err
	}
	pending, err := c.Invitations.ListPendingInvitations(ctx, &surveyv1.ListPendingInvitationsRequest{Customer: customer, Channel: req.GetChannel()})
	if err != nil {
		return nil, err
	}
	some := pending.GetInvitations()[:min(maxPending, len(pending.GetInvitations()))]
	forms, errs := make([]*surveyv1.Form, len(some)), make([]error, len(some))
	var wg sync.WaitGroup
	for i, v := range some {
		wg.Go(func() {
			forms[i], errs[i] = c.Responses.GetForm(ctx, &surveyv1.GetFormRequest{
				Parent: name.Join("brands", brand), Token: v.GetToken(), Language: req.GetLanguage(),
			})
		})
	}
	wg.Wait()
	res := &gatewayv1.GetPendingSurveysResponse{}
	for i, v := range some {
		switch status.Code(errs[i]) {
		case codes.OK:
			res.Surveys = append(res.Surveys, &gatewayv1.PendingSurvey{Invitation: v.GetName(), Token: v.GetToken(), Form: forms[i]})
		case codes.NotFound, codes.FailedPrecondition: // it was cancelled, answered or paused just now
		default:
			return nil, errs[i]
		}
	}
	return res, nil
}

// SubmitResponse implements CollectService.
func (c *Collect) SubmitResponse(ctx context.Context, req *gatewayv1.SubmitResponseRequest) (*gatewayv1.SubmitResponseResponse, error) {
	ctx, customer, err := c.bound(ctx, name.Brand(req.GetParent()), req.GetCustomer(), "responses:write")
	if err != nil {
		return nil, err
	}
	r, err := c.Responses.SubmitResponse(ctx, &surveyv1.SubmitResponseRequest{
		Parent: req.GetParent(), Token: req.GetToken(), Partial: req.GetPartial(), Supersede: req.GetSupersede(),
		Response:  &surveyv1.Response{Customer: customer, Answers: req.GetAnswers(), SubmitTime: req.GetSubmitTime(), Duration: req.GetDuration()},
		RequestId: req.GetRequestId(), ValidateOnly: req.GetValidateOnly(),
	})
	if err != nil {
		return nil, inner(err)
	}
	if r.GetCustomer() == "" { // its answers are nobody's
		return &gatewayv1.SubmitResponseResponse{}, nil
	}
	return &gatewayv1.SubmitResponseResponse{Response: r.GetName()}, nil
}

// inner takes the paths of what is wrong out of a message that the caller has not sent.
func inner(err error) error {
	fields := fault.Fields(err)
	if status.Code(err) != codes.InvalidArgument || len(fields) == 0 {
		return err
	}
	for i := range fields {
		fields[i].Path = strings.TrimPrefix(fields[i].Path, "response.")
	}
	return fault.Invalid(fields...)
}
