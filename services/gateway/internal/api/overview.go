package api

import (
	"context"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// latest is how many rows of each kind an overview shows.
const latest = 20

// GetCustomerOverview implements ViewService.
func (v *Views) GetCustomerOverview(ctx context.Context, req *gatewayv1.GetCustomerOverviewRequest) (*gatewayv1.CustomerOverview, error) {
	brand := name.Join("brands", name.Brand(req.GetName()))
	customer := req.GetName()[:len(req.GetName())-len("/overview")]
	o := &gatewayv1.CustomerOverview{Name: req.GetName()}
	p := &parts{}
	p.ask(
		ctx, 1,
		question{gatewayv1.Part_PART_TICKET, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Tickets.ListTickets(ctx, &ticketv1.ListTicketsRequest{Parent: brand, Customer: customer, PageSize: latest})
			o.Tickets = r.GetTickets()
			return timestamppb.Now(), err
		}},
		question{gatewayv1.Part_PART_SURVEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Responses.ListResponses(ctx, &surveyv1.ListResponsesRequest{Parent: brand, Customer: customer, PageSize: latest})
			o.Responses = r.GetResponses()
			return timestamppb.Now(), err
		}},
		question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (*timestamppb.Timestamp, error) {
			r, err := v.Touchpoints.ListTouchpoints(ctx, &journeyv1.ListTouchpointsRequest{Parent: customer, PageSize: latest})
			o.Touchpoints = r.GetTouchpoints()
			return timestamppb.Now(), err
		}},
		question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
			o.Score, err = v.Scoring.GetScore(ctx, &journeyv1.GetScoreRequest{Name: customer + "/score"})
			if status.Code(err) == codes.NotFound {
				o.Score, err = nil, nil // nobody has met this customer yet
			}
			return timestamppb.Now(), err
		}},
	)
	if !p.ok(gatewayv1.Part_PART_JOURNEY) { // what only half answered is missing
		o.Touchpoints, o.Score = nil, nil
	}
	var err error
	o.Parts, err = p.list()
	return o, err
}
