package e2e

import (
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"cloud.google.com/go/longrunning/autogen/longrunningpb"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// done waits for an operation on a customer's data and reads its response.
func (c *clients) done(t testing.TB, o *longrunningpb.Operation, response proto.Message) {
	t.Helper()
	eventually(t, func() error {
		next, err := c.privacyWork.WaitOperation(t.Context(), &gatewayv1.WaitOperationRequest{Name: o.GetName(), Timeout: durationpb.New(20 * time.Second)})
		if err != nil {
			return err
		}
		if !next.GetDone() {
			return fmt.Errorf("it is not done: %v", next)
		}
		o = next
		return nil
	})
	if o.GetError() != nil {
		t.Fatalf("the operation failed: %v", o)
	}
	if err := o.GetResponse().UnmarshalTo(response); err != nil {
		t.Fatal(err)
	}
}

// plan returns what erasing a customer would do, once that no longer changes.
func (c *clients) plan(t testing.TB, customer string, anonymize bool) *gatewayv1.ErasureReceipt {
	t.Helper()
	last := &gatewayv1.ErasureReceipt{}
	eventually(t, func() error {
		o, err := c.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: customer, Anonymize: anonymize, ValidateOnly: true})
		if err != nil {
			return err
		}
		next := &gatewayv1.ErasureReceipt{}
		if err := o.GetResponse().UnmarshalTo(next); err != nil {
			return err
		}
		if !proto.Equal(next, last) {
			last = next
			return errors.New("the plan changes")
		}
		return nil
	})
	return last
}

// erase erases a customer and returns the receipt.
func (c *clients) erase(t testing.TB, customer string, anonymize bool) *gatewayv1.ErasureReceipt {
	t.Helper()
	receipt := &gatewayv1.ErasureReceipt{}
	o := must(c.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: customer, Anonymize: anonymize}))(t)
	c.done(t, o, receipt)
	return receipt
}

// export returns the lines of all that is kept of a customer.
func (c *clients) export(t testing.TB, customer string) string {
	t.Helper()
	o := must(c.privacy.ExportCustomerData(t.Context(), &gatewayv1.ExportCustomerDataRequest{Name: customer}))(t)
	c.done(t, o, &gatewayv1.ExportCustomerDataResponse{})
	return c.read(t, o.GetName())
}

// read returns the lines of an export.
func (c *clients) read(t testing.TB, export string) string {
	t.Helper()
	stream := must(c.privacy.ReadExport(t.Context(), &gatewayv1.ReadExportRequest{Name: export}))(t)
	var lines strings.Builder
	for {
		part, err := stream.Recv()
		if errors.Is(err, io.EOF) {
			return lines.String()
		}
		if err != nil {
			t.Fatal(err)
		}
		lines.WriteString(part.GetLines())
	}
}

// visited waits until the journey service has so many touchpoints of a customer, and has
// looked at them.
func (c *clients) visited(t testing.TB, customer string, want int) {
	t.Helper()
	eventually(t, func() error {
		page, err := c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: customer})
		if want == 0 && status.Code(err) == codes.NotFound {
			return nil
		}
		if err == nil && len(page.GetTouchpoints()) != want {
			err = fmt.Errorf("%s has %d touchpoints, want %d", customer, len(page.GetTouchpoints()), want)
		}
		if err != nil || want == 0 {
			return err
		}
		known, err := c.customers.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: customer})
		if err == nil && known.GetEtag() == "" {
			err = errors.New("nobody has looked at " + customer)
		}
		return err
	})
}

// TestEraseMe is story 12: a customer who was merged of two asks to be forgotten.
func TestEraseMe(t *testing.T) {
	t.Parallel()
	each(t, eraseMe)
}

func eraseMe(t *testing.T, s *suite) {
	c := s.grpc()
	brand := c.brand(t)
	ann, device := brand+"/customers/ann", brand+"/customers/device-7"
	mail := []*journeyv1.IdentityValue{{Type: journeyv1.IdentityType_IDENTITY_TYPE_EMAIL, Value: "ann@example.org", Verified: true}}
	must(c.customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{
		Parent: brand, CustomerId: "ann", Customer: &journeyv1.Customer{DisplayName: "Ann Arbor"}, Identities: mail,
	}))(t)
	ticket := c.open(t, device, typev1.Channel_CHANNEL_MOBILE_APP, noon)
	c.call(t, ticket, noon.Add(time.Hour))
	survey := c.survey(t, brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	answer := &surveyv1.SubmitResponseRequest{Parent: brand, Response: &surveyv1.Response{
		Survey: survey.GetName(), Customer: ann, SubmitTime: timestamppb.New(noon.Add(2 * time.Hour)),
		Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 6}}},
	}}
	response := must(c.responses.SubmitResponse(t.Context(), answer))(t)
	must(c.invitations.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{
		Parent: survey.GetName(), Invitation: &surveyv1.Invitation{Customer: ann, Channel: typev1.Channel_CHANNEL_MOBILE_APP},
	}))(t)
	c.visited(t, device, 1)
	must(c.customers.MergeCustomers(t.Context(), &journeyv1.MergeCustomersRequest{Name: ann, Sources: []string{device}}))(t)
	tickets := &ticketv1.QueryServiceMetricsRequest{Parent: brand, Metrics: []typev1.Metric{typev1.Metric_METRIC_TICKET_COUNT}}
	answers := &surveyv1.QuerySurveyMetricsRequest{Parent: brand}
	count, ces := must(c.service.QueryServiceMetrics(t.Context(), tickets))(t), must(c.answers.QuerySurveyMetrics(t.Context(), answers))(t)

	hold := must(c.privacy.PlaceLegalHold(t.Context(), &gatewayv1.PlaceLegalHoldRequest{
		Parent: brand, LegalHold: &gatewayv1.LegalHold{Customer: device, Reason: "File 7"},
	}))(t)
	_, err := c.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: ann})
	refused(t, err, codes.FailedPrecondition, "LEGAL_HOLD")
	must(c.privacy.ReleaseLegalHold(t.Context(), &gatewayv1.ReleaseLegalHoldRequest{Name: hold.GetName()}))(t)

	plan := c.plan(t, ann, false)
	if plan.GetCustomerCount() != 2 || plan.GetName() != "" || len(plan.GetSignature()) != 0 {
		t.Errorf("the plan is %v, want one of two customers that promises nothing", plan)
	}
	told := toldOf(t, c.export(t, ann))
	for _, want := range []string{"ticket tickets ", "survey responses ", "survey invitations ", "journey touchpoints "} {
		if !slices.ContainsFunc(told, func(line string) bool { return strings.HasPrefix(line, want) }) {
			t.Errorf("the export tells of %q, want %stoo", told, want)
		}
	}
	receipt := c.erase(t, ann, false)
	if kept := must(c.privacy.GetErasureReceipt(t.Context(), &gatewayv1.GetErasureReceiptRequest{Name: receipt.GetName()}))(t); !proto.Equal(kept, receipt) {
		t.Errorf("the receipt is kept as %v", kept)
	}
	if len(receipt.GetSignature()) == 0 || receipt.GetCompleteTime() == nil {
		t.Errorf("nobody signed %v", receipt)
	}
	did := &gatewayv1.ErasureReceipt{CustomerCount: receipt.GetCustomerCount(), Services: receipt.GetServices()}
	same(t, did, plan)

	left := must(c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: ticket.GetName()}))(t)
	if !strings.Contains(left.GetCustomer(), "/customers/erased-") || left.GetSubject() == ticket.GetSubject() {
		t.Errorf("the ticket is %v after the erasure", left)
	}
	said := must(c.responses.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: response.GetName()}))(t)
	if !strings.Contains(said.GetCustomer(), "/customers/erased-") || said.GetAnswers()[0].GetRating() != 6 {
		t.Errorf("the response is %v after the erasure", said)
	}
	counted := must(c.service.QueryServiceMetrics(t.Context(), tickets))(t)
	same(t, counted.GetMeasures()[0], count.GetMeasures()[0])
	same(t, find(t, must(c.answers.QuerySurveyMetrics(t.Context(), answers))(t).GetMeasures(), typev1.Metric_METRIC_CES),
		find(t, ces.GetMeasures(), typev1.Metric_METRIC_CES))
	nobody(t, c, brand, mail, answer)
	back(t, c, ann, mail)
}

// nobody fails unless what comes of an erased customer is refused.
func nobody(t *testing.T, c *clients, brand string, mail []*journeyv1.IdentityValue, answer *surveyv1.SubmitResponseRequest) {
	t.Helper()
	ann, device := brand+"/customers/ann", brand+"/customers/device-7"
	for _, n := range []string{ann, device} {
		_, err := c.customers.GetCustomer(t.Context(), &journeyv1.GetCustomerRequest{Name: n})
		refused(t, err, codes.NotFound, "")
		_, err = c.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: n})
		refused(t, err, codes.NotFound, "NOT_FOUND")
		_, err = c.tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{Parent: brand, Ticket: &ticketv1.Ticket{
			Customer: n, Subject: "Again", IssueKind: ticketv1.Ticket_ISSUE_KIND_BILLING, Channel: typev1.Channel_CHANNEL_MOBILE_APP,
		}})
		refused(t, err, codes.FailedPrecondition, "CUSTOMER_ERASED")
		_, err = c.touchpoints.RecordTouchpoint(t.Context(), &journeyv1.RecordTouchpointRequest{Parent: n, Touchpoint: &journeyv1.Touchpoint{
			Definition: brand + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(noon),
		}})
		refused(t, err, codes.FailedPrecondition, "CUSTOMER_ERASED")
	}
	_, err := c.responses.SubmitResponse(t.Context(), answer)
	refused(t, err, codes.FailedPrecondition, "CUSTOMER_ERASED")
	_, err = c.customers.CreateCustomer(t.Context(), &journeyv1.CreateCustomerRequest{Parent: brand, Customer: &journeyv1.Customer{}, Identities: mail})
	refused(t, err, codes.FailedPrecondition, "CUSTOMER_ERASED")
}

// back fails unless an erased customer who consents anew is one like others.
func back(t *testing.T, c *clients, ann string, mail []*journeyv1.IdentityValue) {
	t.Helper()
	must(c.customers.UpdateConsent(t.Context(), &journeyv1.UpdateConsentRequest{
		Name: ann, Consents: []*journeyv1.Consent{{Purpose: "surveys", Granted: true, Source: "web"}},
	}))(t)
	must(c.customers.LinkIdentity(t.Context(), &journeyv1.LinkIdentityRequest{Name: ann, Identity: mail[0]}))(t)
	eventually(t, func() error { // the ticket service hears of it
		_, err := c.tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{Parent: brandOf(ann), Ticket: &ticketv1.Ticket{
			Customer: ann, Subject: "Back", IssueKind: ticketv1.Ticket_ISSUE_KIND_BILLING, Channel: typev1.Channel_CHANNEL_MOBILE_APP,
		}})
		return err
	})
}

// TestAnErasureSurvivesTheEndOfAnyProcess kills each in turn as soon as the erasure is
// promised, and finds the receipt that was planned.
func TestAnErasureSurvivesTheEndOfAnyProcess(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *suite) {
		brand := s.grpc().brand(t)
		victims := all
		if s.bus == nil {
			victims = []string{"gateway"} // which is all of them
		}
		for _, victim := range victims {
			c, customer := s.grpc(), brand+"/customers/"+victim
			ticket := c.open(t, customer, typev1.Channel_CHANNEL_CHAT, noon)
			c.call(t, ticket, noon)
			c.visited(t, customer, 1)
			var plan *gatewayv1.ErasureReceipt
			eventually(t, func() error {
				if plan = c.plan(t, customer, false); len(plan.GetServices()[1].GetCounts()) == 0 {
					return errors.New("the survey service has not heard of the call")
				}
				return nil
			})
			o := must(c.privacy.EraseCustomer(t.Context(), &gatewayv1.EraseCustomerRequest{Name: customer}))(t)
			s.parts[victim].kill(t)
			s.start(t, victim)
			receipt := &gatewayv1.ErasureReceipt{}
			s.grpc().done(t, o, receipt)
			same(t, &gatewayv1.ErasureReceipt{CustomerCount: 1, Services: receipt.GetServices()}, plan)
			left := must(s.grpc().tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: ticket.GetName()}))(t)
			if !strings.Contains(left.GetCustomer(), "/customers/erased-") {
				t.Errorf("the ticket is %v after the erasure", left)
			}
		}
	})
}

// TestExportsAndReceiptsAreOneBrands asks for those of another brand.
func TestExportsAndReceiptsAreOneBrands(t *testing.T) {
	t.Parallel()
	s := single(t)
	c := s.grpc()
	brand := c.brand(t)
	ann := brand + "/customers/ann"
	c.open(t, ann, typev1.Channel_CHANNEL_CHAT, noon)
	if all := c.export(t, ann); !strings.Contains(all, `"kind":"tickets"`) {
		t.Errorf("the export is %s", all)
	}
	receipt := c.erase(t, ann, true)
	elsewhere := strings.Replace(receipt.GetName(), brand, brand+"-2", 1)
	_, err := c.privacy.GetErasureReceipt(t.Context(), &gatewayv1.GetErasureReceiptRequest{Name: elsewhere})
	refused(t, err, codes.NotFound, "NOT_FOUND")
	page := must(c.privacy.ListErasureReceipts(t.Context(), &gatewayv1.ListErasureReceiptsRequest{Parent: brand, PageSize: 1}))(t)
	if len(page.GetErasureReceipts()) != 1 || page.GetNextPageToken() != "" {
		t.Errorf("the receipts are %v", page)
	}
	operation := strings.Replace(receipt.GetName(), "erasureReceipts", "privacyOperations", 1)
	stream := must(c.privacy.ReadExport(t.Context(), &gatewayv1.ReadExportRequest{Name: operation}))(t)
	_, err = stream.Recv()
	refused(t, err, codes.NotFound, "NOT_FOUND")
	_, err = c.privacy.ExportCustomerData(t.Context(), &gatewayv1.ExportCustomerDataRequest{Name: ann})
	refused(t, err, codes.NotFound, "NOT_FOUND")
}

// TestRetentionReachesEveryService sets a policy and finds old words gone.
func TestRetentionReachesEveryService(t *testing.T) {
	t.Parallel()
	each(t, func(t *testing.T, s *suite) {
		c := s.grpc()
		brand := c.brand(t)
		ann := brand + "/customers/ann"
		ticket := c.resolve(t, c.open(t, ann, typev1.Channel_CHANNEL_CHAT, noon), noon.Add(time.Hour))
		feedback := must(c.feedback.CreateFeedback(t.Context(), &surveyv1.CreateFeedbackRequest{Parent: brand, Feedback: &surveyv1.Feedback{
			Customer: ann, Text: "Not good.", Source: surveyv1.Feedback_SOURCE_EMAIL, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			EventTime: timestamppb.New(noon),
		}}))(t)
		c.visited(t, ann, 1)
		n := brand + "/retentionPolicy"
		if p := must(c.privacy.GetRetentionPolicy(t.Context(), &gatewayv1.GetRetentionPolicyRequest{Name: n}))(t); p.GetTouchpoints() != nil || p.GetUpdateTime() != nil {
			t.Errorf("the policy of a new brand is %v", p)
		}
		day := durationpb.New(24 * time.Hour)
		set := must(c.privacy.UpdateRetentionPolicy(t.Context(), &gatewayv1.UpdateRetentionPolicyRequest{
			RetentionPolicy: &gatewayv1.RetentionPolicy{Name: n, Touchpoints: day, FreeText: day},
		}))(t)
		_, err := c.privacy.UpdateRetentionPolicy(t.Context(), &gatewayv1.UpdateRetentionPolicyRequest{
			RetentionPolicy: &gatewayv1.RetentionPolicy{Name: n, FreeText: day, Etag: "99"},
		})
		refused(t, err, codes.Aborted, "STALE")
		same(t, must(c.privacy.GetRetentionPolicy(t.Context(), &gatewayv1.GetRetentionPolicyRequest{Name: n}))(t), set)
		c.visited(t, ann, 0)
		eventually(t, func() error {
			old := must(c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: ticket.GetName()}))(t)
			said := must(c.feedback.GetFeedback(t.Context(), &surveyv1.GetFeedbackRequest{Name: feedback.GetName()}))(t)
			if old.GetSubject() == ticket.GetSubject() || said.GetText() == feedback.GetText() {
				return fmt.Errorf("there still are %q and %q", old.GetSubject(), said.GetText())
			}
			return nil
		})
	})
}
