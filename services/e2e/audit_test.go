package e2e

import (
	"errors"
	"testing"

	"github.com/google/uuid"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
)

// whoDidWhat: a partner and a team come, a customer is known by an address; a year later somebody
// asks who did that. Each change is written down once, in all services, and the log is
// whole.
func whoDidWhat(t *testing.T, c *clients) {
	brand, other := c.brand(t), c.brand(t)
	create := &ticketv1.CreatePartnerRequest{
		Parent: brand, PartnerId: "bpo", Partner: &ticketv1.Partner{DisplayName: "A partner"}, RequestId: uuid.NewString(),
	}
	for range 2 { // a repeat is not another change
		must(c.directory.CreatePartner(t.Context(), create))(t)
	}
	must(c.directory.CreateTeam(t.Context(), &ticketv1.CreateTeamRequest{Parent: brand, TeamId: "one", Team: &ticketv1.Team{DisplayName: "A team"}}))(t)
	ida := brand + "/customers/ida"
	must(c.customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: brand, CustomerId: "ida", Customer: &journeyv1.Customer{DisplayName: "Ida"},
	}))(t)
	must(c.customers.LinkIdentity(t.Context(), &journeyv1.LinkIdentityRequest{
		Name: ida, Identity: &journeyv1.IdentityValue{Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: "ida@example.com"},
	}))(t)
	log := func(req *gatewayv1.ListAuditEventsRequest) []*eventv1.AuditEvent {
		t.Helper()
		req.Parent = brand
		return must(c.audit.ListAuditEvents(t.Context(), req))(t).GetAuditEvents()
	}
	about := log(&gatewayv1.ListAuditEventsRequest{Resource: brand + "/partners/bpo"})
	if len(about) != 1 || about[0].GetMethod() != "DirectoryService/CreatePartner" ||
		about[0].GetRequestId() != create.GetRequestId() || about[0].GetSubject() != "local" {
		t.Errorf("of the partner is written down %v", about)
	}
	if linked := log(&gatewayv1.ListAuditEventsRequest{Method: "CustomerService/LinkIdentity"}); len(linked) != 1 || linked[0].GetService() != "journey" {
		t.Errorf("of the customer is written down %v", linked)
	}
	if others := must(c.audit.ListAuditEvents(t.Context(), &gatewayv1.ListAuditEventsRequest{Parent: other}))(t).GetAuditEvents(); len(others) > 1 {
		t.Errorf("another brand's log has %v", others)
	}
	first := log(&gatewayv1.ListAuditEventsRequest{PageSize: 1})
	if len(first) != 1 {
		t.Errorf("a page of one has %d", len(first))
	}
	eventually(t, func() error {
		res := must(c.audit.VerifyAuditEvents(t.Context(), &gatewayv1.VerifyAuditEventsRequest{Parent: brand}))(t)
		for _, s := range res.GetServices() {
			if s.GetFirstBreak() != nil {
				t.Fatalf("the log is broken: %v", s)
			}
			if s.GetUnsealedCount() > 0 {
				return errors.New("something is not sealed yet")
			}
		}
		if len(res.GetServices()) != 4 {
			t.Errorf("checked are %v", res.GetServices())
		}
		return nil
	})
}
