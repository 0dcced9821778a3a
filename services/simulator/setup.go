package simulator

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// setUp makes the brand and what it plans with, as far as it is not there.
func setUp(ctx context.Context, conn grpc.ClientConnInterface, w *world) error {
	_, err := gatewayv1.NewAdminServiceClient(conn).CreateBrand(ctx, &gatewayv1.CreateBrandRequest{
		Brand: &gatewayv1.Brand{DisplayName: w.name}, BrandId: name.ID(w.brand), RequestId: w.requestID("CreateBrand", ""),
	})
	if err != nil && !exists(err) {
		return fmt.Errorf("create %s: %w", w.brand, err)
	}
	plans := journeyv1.NewJourneyMapServiceClient(conn)
	for _, c := range w.criteria {
		_, err := plans.CreateTouchpointDefinition(ctx, &journeyv1.CreateTouchpointDefinitionRequest{
			Parent: w.brand, TouchpointDefinition: c.definition(), TouchpointDefinitionId: c.id,
			RequestId: w.requestID("CreateTouchpointDefinition", c.id),
		})
		if err != nil && !exists(err) {
			return fmt.Errorf("define touchpoint %s: %w", c.id, err)
		}
	}
	if err := promise(ctx, conn, w); err != nil {
		return err
	}
	all := w.surveys()
	for _, id := range slices.Sorted(maps.Keys(all)) {
		_, err := surveyv1.NewSurveyServiceClient(conn).CreateSurvey(ctx, &surveyv1.CreateSurveyRequest{
			Parent: w.brand, Survey: all[id], SurveyId: id, RequestId: w.requestID("CreateSurvey", id),
		})
		if err != nil && !exists(err) {
			return fmt.Errorf("create survey %s: %w", id, err)
		}
	}
	return nil
}

func (c criterion) definition() *journeyv1.TouchpointDefinition {
	return &journeyv1.TouchpointDefinition{
		DisplayName: c.name, Stage: c.place.stage, Phase: c.place.phase, Kind: c.place.kind,
		Component: c.place.component, Channel: c.place.channel, FunctionOwner: c.place.owner,
		ControlLevel: c.place.control, IsService: c.place.service(),
	}
}

// exists says whether something was not made because it is there.
func exists(err error) bool { return status.Code(err) == codes.AlreadyExists }
