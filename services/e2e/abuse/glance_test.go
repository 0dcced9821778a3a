package abuse

import (
	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// glances is the part of calls about views.
func glances(brand string) []proto.Message {
	ann := brand + "/customers/ann/overview"
	return []proto.Message{
		&gatewayv1.GetServiceViewRequest{Parent: brand},
		&gatewayv1.GetExperienceViewRequest{Parent: brand},
		&gatewayv1.CompareViewsRequest{Parent: brand},
		&gatewayv1.WatchViewsRequest{Parent: brand},
		&gatewayv1.ListQuadrantCustomersRequest{Parent: brand},
		&gatewayv1.GetPartnerScorecardRequest{Name: brand + "/partners/mihir/scorecard"},
		&gatewayv1.GetFunctionScorecardRequest{Parent: brand, Function: typev1.Function_FUNCTION_SUPPORT},
		&gatewayv1.GetContactRateRequest{Parent: brand},
		&gatewayv1.GetDataCoverageRequest{Parent: brand},
		&gatewayv1.GetCustomerOverviewRequest{Name: ann},
		&gatewayv1.BatchGetCustomerOverviewsRequest{Parent: brand, Names: []string{ann}},
	}
}
