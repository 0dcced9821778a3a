package abuse

import (
	"testing"

	"google.golang.org/protobuf/proto"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

// hang gives a brand keys of its own.
func hang(t *testing.T, s *suite, brand string) {
	t.Helper()
	for _, id := range []string{"shop", "spare"} {
		must[*gatewayv1.ApiKey](t, s, &gatewayv1.CreateApiKeyRequest{Parent: brand, ApiKeyId: id, ApiKey: cut(brand)})
	}
}

// cut is a key for a partner of the brand.
func cut(brand string) *gatewayv1.ApiKey {
	return &gatewayv1.ApiKey{DisplayName: "Shop", Scopes: []string{"tickets:read"}, Partner: brand + "/partners/mihir"}
}

// locks is the part of calls about keys, and about the brand itself, which it cannot delete.
func locks(brand string) []proto.Message {
	shop := brand + "/apiKeys/shop"
	return []proto.Message{
		&gatewayv1.CreateApiKeyRequest{Parent: brand, ApiKey: &gatewayv1.ApiKey{DisplayName: "App", Scopes: []string{"collect:write"}}},
		&gatewayv1.GetApiKeyRequest{Name: shop},
		&gatewayv1.ListApiKeysRequest{Parent: brand},
		&gatewayv1.UpdateApiKeyRequest{ApiKey: &gatewayv1.ApiKey{Name: shop, DisplayName: "Other"}},
		&gatewayv1.DeleteApiKeyRequest{Name: brand + "/apiKeys/spare"},
		&gatewayv1.RotateApiKeyRequest{Name: shop},
		&gatewayv1.UpdateBrandRequest{Brand: &gatewayv1.Brand{Name: brand, DisplayName: "Other"}},
	}
}
