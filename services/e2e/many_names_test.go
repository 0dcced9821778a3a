package e2e

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// manyNames has somebody known by more names than one filter can speak of, each with a ticket
// and a survey to be answered.
func manyNames(t *testing.T, _ *suite, c *clients) {
	brand := c.brand(t)
	nps := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	var names []string
	tickets := map[string]bool{}
	for i := range 18 {
		n := fmt.Sprintf("%s/customers/%s-%02d", brand, strings.Repeat("n", 60), i)
		names = append(names, n)
		tickets[c.open(t, n, typev1.Channel_CHANNEL_PHONE, noon.Add(time.Duration(i)*time.Minute)).GetName()] = true
		c.lives(t, n, "website-visit", met)
		must(c.invitations.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{
			Parent: nps.GetName(), Invitation: &surveyv1.Invitation{Customer: n, Channel: typev1.Channel_CHANNEL_EMAIL},
		}))(t)
	}
	must(c.customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: names[0], Sources: names[1:]}))(t)
	o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: names[0] + "/overview"}))(t)
	whole(t, o.GetParts())
	asked := map[string]bool{}
	for _, i := range o.GetPendingInvitations() {
		asked[i.GetCustomer()] = true
	}
	if len(asked) != len(names) || len(o.GetTickets()) != len(names) {
		t.Errorf("of %d names %d wait for an answer, and %d have a ticket", len(names), len(asked), len(o.GetTickets()))
	}
	for _, name := range []string{names[0], names[7]} {
		mine, ask := map[string]bool{}, &gatewayv1.GetMyTicketsRequest{Customer: name, PageSize: 5}
		for range len(names) {
			page := must(c.collect.GetMyTickets(t.Context(), ask))(t)
			for _, one := range page.GetTickets() {
				mine[one.GetName()] = tickets[one.GetName()]
			}
			if ask.PageToken = page.GetNextPageToken(); ask.PageToken == "" {
				break
			}
		}
		if len(mine) != len(tickets) {
			t.Errorf("%s has %d tickets, want %d: %v", name, len(mine), len(tickets), mine)
		}
	}
	pending := must(c.collect.GetPendingSurveys(t.Context(), &gatewayv1.GetPendingSurveysRequest{Customer: names[2]}))(t).GetSurveys()
	of := map[string]bool{}
	for _, p := range pending {
		of[must(c.invitations.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: p.GetInvitation()}))(t).GetCustomer()] = true
	}
	if len(pending) != 10 || len(of) != 10 {
		t.Fatalf("%d surveys of %d names are pending, want 10 of 10", len(pending), len(of))
	}
	last := pending[9]
	seen := must(c.collect.Collect(t.Context(), &gatewayv1.CollectRequest{Parent: brandOf(names[0]), Customer: names[2], Items: []*gatewayv1.CollectItem{{
		EventId: "seen", What: &gatewayv1.CollectItem_InvitationEvent{InvitationEvent: &gatewayv1.CollectedInvitationEvent{
			Invitation: last.GetInvitation(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED,
		}},
	}}}))(t).GetResults()[0]
	if seen.GetOutcome() != gatewayv1.CollectResult_OUTCOME_STORED || seen.GetError() != nil {
		t.Errorf("that it was seen: %v", seen)
	}
	answer := &gatewayv1.SubmitResponseRequest{
		Parent: brandOf(names[0]), Customer: names[2], Token: last.GetToken(), RequestId: uuid.NewString(),
		Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 7}}},
	}
	first := must(c.collect.SubmitResponse(t.Context(), answer))(t).GetResponse()
	if again := must(c.collect.SubmitResponse(t.Context(), answer))(t).GetResponse(); again != first || first == "" {
		t.Errorf("a repeat is %q, want %q", again, first)
	}
	answer.Customer, answer.RequestId = brandOf(names[0])+"/customers/stranger", uuid.NewString()
	_, err := c.collect.SubmitResponse(t.Context(), answer)
	refused(t, err, codes.PermissionDenied, "OTHER_CUSTOMER")
	for ticket := range tickets {
		must(c.collect.GetMyMessages(t.Context(), &gatewayv1.GetMyMessagesRequest{Name: ticket, Customer: names[3]}))(t)
	}
}
