package gateway_test

import (
	"testing"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/privacy"
)

func TestARepeatWhoseAnswerWasErasedSaysSo(t *testing.T) {
	each(t, func(t *testing.T, d door) {
		c, ann := gatewayv1.NewApiKeyServiceClient(d), acme+"/customers/ann"
		req := &gatewayv1.CreateApiKeyRequest{
			Parent: acme, RequestId: uuid.NewString(),
			ApiKey: &gatewayv1.ApiKey{DisplayName: "App", Customer: ann, Scopes: []string{"collect:write"}},
		}
		if _, err := c.CreateApiKey(t.Context(), req); err != nil {
			t.Fatal(err)
		}
		tombstones, err := privacy.OpenTombstones(t.Context(), d.db)
		if err != nil {
			t.Fatal(err)
		}
		s := &privacy.Server{DB: d.db, Tombstones: tombstones, Traces: []privacy.Trace{privacy.Answers()}}
		if _, err := s.EraseCustomer(t.Context(), &typev1.EraseCustomerRequest{
			Parent: acme, Subjects: []*typev1.ErasureSubject{{Customer: ann, Pseudonym: "erased-00000000000000000000"}},
		}); err != nil {
			t.Fatal(err)
		}
		_, err = c.CreateApiKey(t.Context(), req)
		refused(t, "the repeat", err, codes.FailedPrecondition, "CUSTOMER_ERASED")
	})
}
