package api

import (
	"context"

	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/page"
)

// A quadrantCursor is where the next page begins: in a window that stays, at a token of the
// journey service.
type quadrantCursor struct{ Window, Token string }

// ListQuadrantCustomers implements ViewService.
func (v *Views) ListQuadrantCustomers(ctx context.Context, req *gatewayv1.ListQuadrantCustomersRequest) (*gatewayv1.ListQuadrantCustomersResponse, error) {
	var cursor quadrantCursor
	if err := page.Decode(req, &cursor); err != nil {
		return nil, err
	}
	window, p := req.GetWindow(), &parts{}
	switch {
	case cursor.Window != "":
		window = &typev1.Window{}
		if err := protojson.Unmarshal([]byte(cursor.Window), window); err != nil {
			return nil, err
		}
	case window == nil:
		window = v.last(ctx, p, req.GetParent(), experienceSpan, gatewayv1.Part_PART_JOURNEY)
	}
	var r *journeyv1.ListQuadrantCustomersResponse
	p.ask(ctx, 1, question{gatewayv1.Part_PART_JOURNEY, func(ctx context.Context) (_ *timestamppb.Timestamp, err error) {
		r, err = v.Insight.ListQuadrantCustomers(ctx, &journeyv1.ListQuadrantCustomersRequest{
			Parent: req.GetParent(), PageSize: req.GetPageSize(), PageToken: cursor.Token, Window: window, Population: req.GetPopulation(),
			ServiceThreshold: req.ServiceThreshold, ExperienceThreshold: req.ExperienceThreshold, Quadrants: req.GetQuadrants(),
			Segments: req.GetSegments(), Personas: req.GetPersonas(),
		})
		return r.GetBasis().GetReadTime(), err
	}})
	states, err := p.list()
	if err != nil {
		return nil, err
	}
	answer := &gatewayv1.ListQuadrantCustomersResponse{
		Basis: r.GetBasis(), ServiceThreshold: r.ServiceThreshold, ExperienceThreshold: r.ExperienceThreshold,
		Quadrants: r.GetQuadrants(), Customers: r.GetCustomers(), Parts: states,
	}
	if r.GetNextPageToken() != "" {
		kept, err := protojson.Marshal(window)
		if err != nil {
			return nil, err
		}
		answer.NextPageToken, err = page.Encode(req, quadrantCursor{string(kept), r.GetNextPageToken()})
		if err != nil {
			return nil, err
		}
	}
	return answer, nil
}
