package abuse

import (
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// hold places a legal hold in a brand.
func hold(t *testing.T, s *suite, brand string) {
	t.Helper()
	must[*gatewayv1.LegalHold](t, s, &gatewayv1.PlaceLegalHoldRequest{
		Parent: brand, LegalHoldId: "file", LegalHold: &gatewayv1.LegalHold{Customer: brand + "/customers/held", Reason: "File 7"},
	})
}

// forgetting is the part of calls about what is kept of customers.
func forgetting(brand string) []proto.Message {
	operation, file := brand+"/privacyOperations/none", brand+"/legalHolds/file"
	return []proto.Message{
		&gatewayv1.EraseCustomerRequest{Name: brand + "/customers/ann"},
		&gatewayv1.ExportCustomerDataRequest{Name: brand + "/customers/ann"},
		&gatewayv1.ReadExportRequest{Name: operation},
		&gatewayv1.PlaceLegalHoldRequest{Parent: brand, LegalHold: &gatewayv1.LegalHold{Customer: brand + "/customers/ann", Reason: "File 8"}},
		&gatewayv1.ReleaseLegalHoldRequest{Name: file},
		&gatewayv1.GetLegalHoldRequest{Name: file},
		&gatewayv1.ListLegalHoldsRequest{Parent: brand},
		&gatewayv1.GetErasureReceiptRequest{Name: brand + "/erasureReceipts/none"},
		&gatewayv1.ListErasureReceiptsRequest{Parent: brand},
		&gatewayv1.GetRetentionPolicyRequest{Name: brand + "/retentionPolicy"},
		&gatewayv1.UpdateRetentionPolicyRequest{RetentionPolicy: &gatewayv1.RetentionPolicy{
			Name: brand + "/retentionPolicy", FreeText: durationpb.New(24 * time.Hour),
		}},
		&gatewayv1.GetOperationRequest{Name: operation},
		&gatewayv1.ListOperationsRequest{Parent: brand},
		&gatewayv1.WaitOperationRequest{Name: operation},
	}
}

// erased is a customer of acme's who was one, and is no more.
func erased(t *testing.T, s *suite, id string) string {
	t.Helper()
	n := acme + "/customers/" + id
	must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) { r.Ticket.Customer = n }))
	o := must[*longrunningpb.Operation](t, s, &gatewayv1.EraseCustomerRequest{Name: n})
	until(t, "the customer is erased", func() bool {
		return must[*longrunningpb.Operation](t, s, &gatewayv1.GetOperationRequest{Name: o.GetName()}).GetDone()
	})
	return n
}

// ofErased is a call about a customer who was erased.
func ofErased(id, name string, call func(customer string) proto.Message) row {
	return each(id, name, func(t *testing.T, s *suite, way surface) {
		customer := erased(t, s, "gone-"+way.digit())
		ask{req: call(customer), code: codes.FailedPrecondition, reason: "CUSTOMER_ERASED"}.on(way)(t, s)
	})
}
