package api

import (
	"context"
	"slices"
	"strings"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// maxPending is how many surveys an app gets at a time.
const maxPending = 10

// GetPendingSurveys implements CollectService.
func (c *Collect) GetPendingSurveys(ctx context.Context, req *gatewayv1.GetPendingSurveysRequest) (*gatewayv1.GetPendingSurveysResponse, error) {
	brand := name.Brand(req.GetCustomer())
	ctx, customer, err := c.bound(ctx, brand, req.GetCustomer(), "surveys:write", "surveys:read", "customers:read")
	if err != nil {
		return nil, err
	}
	some, err := c.pending(ctx, customer, req.GetChannel())
	if err != nil {
		return nil, err
	}
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

// pending returns the first invitations that wait for an answer of the customer, under
// whatever name it was asked.
func (c *Collect) pending(ctx context.Context, customer string, channel typev1.Channel) ([]*surveyv1.Invitation, error) {
	names, err := c.namesSoon(ctx, customer)
	if err != nil {
		return nil, err
	}
	var all []*surveyv1.Invitation
	for some := range slices.Chunk(names, maxPending) {
		found, errs := make([]*surveyv1.ListPendingInvitationsResponse, len(some)), make([]error, len(some))
		var wg sync.WaitGroup
		for i, n := range some {
			wg.Go(func() {
				found[i], errs[i] = c.Invitations.ListPendingInvitations(ctx, &surveyv1.ListPendingInvitationsRequest{Customer: n, Channel: channel})
			})
		}
		wg.Wait()
		for i := range some {
			if errs[i] != nil {
				return nil, errs[i]
			}
			all = append(all, found[i].GetInvitations()...)
		}
	}
	slices.SortStableFunc(all, func(a, b *surveyv1.Invitation) int {
		return a.GetDecideTime().AsTime().Compare(b.GetDecideTime().AsTime())
	})
	return all[:min(maxPending, len(all))], nil
}

// SubmitResponse implements CollectService.
func (c *Collect) SubmitResponse(ctx context.Context, req *gatewayv1.SubmitResponseRequest) (*gatewayv1.SubmitResponseResponse, error) {
	ctx, customer, err := c.bound(ctx, name.Brand(req.GetParent()), req.GetCustomer(), "responses:write", "customers:read")
	if err != nil {
		return nil, err
	}
	var r *surveyv1.Response
	submit := func(customer string) (err error) {
		r, err = c.Responses.SubmitResponse(ctx, &surveyv1.SubmitResponseRequest{
			Parent: req.GetParent(), Token: req.GetToken(), Partial: req.GetPartial(), Supersede: req.GetSupersede(),
			Response:  &surveyv1.Response{Customer: customer, Answers: req.GetAnswers(), SubmitTime: req.GetSubmitTime(), Duration: req.GetDuration()},
			RequestId: req.GetRequestId(), ValidateOnly: req.GetValidateOnly(),
		})
		return err
	}
	if err := submit(customer); err != nil {
		if err = c.elsewise(ctx, customer, err, submit); err != nil {
			return nil, inner(err)
		}
	}
	if r.GetCustomer() == "" { // its answers are nobody's
		return &gatewayv1.SubmitResponseResponse{}, nil
	}
	return &gatewayv1.SubmitResponseResponse{Response: r.GetName()}, nil
}

// elsewise calls f with the other names of a customer for whom it failed as the question was
// put to another name, or a repeat was answered under that. It returns nil once one succeeds,
// and otherwise the first error.
func (c *Collect) elsewise(ctx context.Context, customer string, failed error, f func(string) error) error {
	if r := fault.Reason(failed); r != "OTHER_CUSTOMER" && r != "IDEMPOTENCY_MISMATCH" {
		return failed
	}
	names, err := c.namesSoon(ctx, customer)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == customer {
			continue
		}
		if err := f(n); err == nil || fault.Reason(err) != fault.Reason(failed) {
			return err
		}
	}
	return failed
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
