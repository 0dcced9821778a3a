package abuse

import (
	"testing"

	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// hang gives a brand keys and targets of its own.
func hang(t *testing.T, s *suite, brand string) {
	t.Helper()
	for _, id := range []string{"shop", "spare"} {
		must[*gatewayv1.ApiKey](t, s, &gatewayv1.CreateApiKeyRequest{Parent: brand, ApiKeyId: id, ApiKey: cut(brand)})
		must[*gatewayv1.Target](t, s, &gatewayv1.CreateTargetRequest{Parent: brand, TargetId: id, Target: wanted()})
	}
}

// wanted is what a brand may want.
func wanted() *gatewayv1.Target {
	return &gatewayv1.Target{Metric: typev1.Metric_METRIC_NPS, Direction: gatewayv1.Target_DIRECTION_AT_LEAST, GoalValue: proto.Float64(30)}
}

// cut is a key for a partner of the brand.
func cut(brand string) *gatewayv1.ApiKey {
	return &gatewayv1.ApiKey{DisplayName: "Shop", Scopes: []string{"tickets:read"}, Partner: brand + "/partners/mihir"}
}

// locks is the part of calls about keys and targets, and about the brand itself, which it cannot delete.
func locks(brand string) []proto.Message {
	shop := brand + "/apiKeys/shop"
	return []proto.Message{
		&gatewayv1.CreateApiKeyRequest{Parent: brand, ApiKey: &gatewayv1.ApiKey{DisplayName: "App", Scopes: []string{"collect:write"}}},
		&gatewayv1.GetApiKeyRequest{Name: shop},
		&gatewayv1.ListApiKeysRequest{Parent: brand},
		&gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: shop, DisplayName: "Other"}},
		&gatewayv1.DeleteApiKeyRequest{Name: brand + "/apiKeys/spare"},
		&gatewayv1.RotateApiKeyRequest{Name: shop},
		&gatewayv1.CreateTargetRequest{Parent: brand, Target: wanted()},
		&gatewayv1.GetTargetRequest{Name: brand + "/targets/shop"},
		&gatewayv1.ListTargetsRequest{Parent: brand},
		&gatewayv1.UpdateTargetRequest{Target: &gatewayv1.Target{Name: brand + "/targets/shop", GoalValue: proto.Float64(40)}},
		&gatewayv1.DeleteTargetRequest{Name: brand + "/targets/spare"},
		&gatewayv1.UpdateBrandRequest{Brand: &gatewayv1.Brand{Name: brand, DisplayName: "Other"}},
	}
}
