package abuse

import (
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

// hold places a legal hold in a brand, says how long it keeps what, and erases a customer.
func hold(t *testing.T, s *suite, brand string) {
	t.Helper()
	must[*gatewayv1.LegalHold](t, s, &gatewayv1.PlaceLegalHoldRequest{
		Parent: brand, LegalHoldId: "file", LegalHold: &gatewayv1.LegalHold{Customer: brand + "/customers/held", Reason: "File 7"},
	})
	must[*gatewayv1.RetentionPolicy](t, s, &gatewayv1.UpdateRetentionPolicyRequest{RetentionPolicy: policyOf(brand, 30_000)})
	made := s.made[brand]
	made.erasure = erased(t, s, brand+"/customers/leaver")
	s.made[brand] = made
}

// policyOf is a policy that keeps words for so many days.
func policyOf(brand string, days int) *gatewayv1.RetentionPolicy {
	return &gatewayv1.RetentionPolicy{Name: brand + "/retentionPolicy", FreeText: durationpb.New(time.Duration(days) * 24 * time.Hour)}
}

// receiptOf returns the name of the receipt of an erasure.
func receiptOf(operation string) string {
	return strings.Replace(operation, "/privacyOperations/", "/erasureReceipts/", 1)
}

// begins reports whether a call begins something that goes on after it.
func begins(req proto.Message) bool {
	switch req.(type) {
	case *gatewayv1.EraseCustomerRequest, *gatewayv1.ExportCustomerDataRequest:
		return true
	}
	return false
}

// forgetting is the part of calls about what is kept of customers.
func forgetting(brand, operation string) []proto.Message {
	ann, file := brand+"/customers/ann", brand+"/legalHolds/file"
	return []proto.Message{
		&gatewayv1.EraseCustomerRequest{Name: ann},
		&gatewayv1.ExportCustomerDataRequest{Name: ann},
		&gatewayv1.ReadExportRequest{Name: operation},
		&gatewayv1.PlaceLegalHoldRequest{Parent: brand, LegalHold: &gatewayv1.LegalHold{Customer: ann, Reason: "File 8"}},
		&gatewayv1.ReleaseLegalHoldRequest{Name: file},
		&gatewayv1.GetLegalHoldRequest{Name: file},
		&gatewayv1.ListLegalHoldsRequest{Parent: brand},
		&gatewayv1.GetErasureReceiptRequest{Name: receiptOf(operation)},
		&gatewayv1.ListErasureReceiptsRequest{Parent: brand},
		&gatewayv1.GetRetentionPolicyRequest{Name: brand + "/retentionPolicy"},
		&gatewayv1.UpdateRetentionPolicyRequest{RetentionPolicy: policyOf(brand, 20_000)},
		&gatewayv1.GetOperationRequest{Name: operation},
		&gatewayv1.ListOperationsRequest{Parent: brand},
		&gatewayv1.WaitOperationRequest{Name: operation},
	}
}

// erased makes a customer and erases them, which is the operation it returns.
func erased(t *testing.T, s *suite, n string) string {
	t.Helper()
	must[*ticketv1.Ticket](t, s, newTicket(func(r *ticketv1.CreateTicketRequest) {
		r.Parent, r.Ticket.Customer = name.Parent(n), n
	}))
	o := must[*longrunningpb.Operation](t, s, &gatewayv1.EraseCustomerRequest{Name: n})
	until(t, "the customer is erased", func() bool {
		return must[*longrunningpb.Operation](t, s, &gatewayv1.GetOperationRequest{Name: o.GetName()}).GetDone()
	})
	return o.GetName()
}

// ofErased is a call about a customer who was erased.
func ofErased(id, what string, call func(customer string) proto.Message) row {
	return each(id, what, func(t *testing.T, s *suite, way surface) {
		customer := acme + "/customers/gone-" + way.digit()
		erased(t, s, customer)
		ask{req: call(customer), code: codes.FailedPrecondition, reason: "CUSTOMER_ERASED"}.on(way)(t, s)
	})
}
