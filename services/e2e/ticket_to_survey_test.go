package e2e

import (
	"fmt"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// ticketToSurvey: an agent resolves a call about a bill, the customer is asked how
// easy it was, and both circles show it.
func ticketToSurvey(t *testing.T, c *clients) {
	ann := c.brand(t) + "/customers/ann"
	begin := time.Now().Add(-time.Hour).UTC().Truncate(time.Microsecond)
	c.promise(t, brandOf(ann), allDay("00:00", "24:00"), firstResponse(time.Hour))
	ticket := c.open(t, ann, typev1.Channel_CHANNEL_PHONE, begin)
	answered := 3*time.Minute + 10*time.Second
	call := c.call(t, ticket, begin.Add(answered))
	if !call.GetCountsAsResponse() {
		t.Error("the call does not count as a response")
	}
	ticket = c.resolve(t, ticket, begin.Add(10*time.Minute))
	if ticket.GetState() != ticketv1.Ticket_STATE_RESOLVED || !ticket.GetFirstResponseTime().AsTime().Equal(begin.Add(answered)) {
		t.Errorf("after its resolution the ticket is %v", ticket)
	}
	clock := c.clock(t, ticket.GetName(), time.Now(), ticketv1.SlaMetric_SLA_METRIC_FIRST_RESPONSE)
	if clock.GetState() != ticketv1.SlaInstance_STATE_MET || clock.GetElapsed().AsDuration() != answered || !clock.GetBusinessTime() {
		t.Errorf("the clock of the first response is %v, want it met after %v", clock, answered)
	}

	survey := c.survey(t, brandOf(ann), surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	sent := c.invite(t, survey, ann, call, surveyv1.Invitation_DECISION_SENT)
	c.invite(t, survey, ann, call, surveyv1.Invitation_DECISION_DUPLICATE)
	again := c.call(t, ticket, begin.Add(20*time.Minute))
	quiet := c.invite(t, survey, ann, again, surveyv1.Invitation_DECISION_QUIET_PERIOD)
	stored := must(c.invitations.GetInvitation(t.Context(), &surveyv1.GetInvitationRequest{Name: quiet.GetName()}))(t)
	same(t, stored, quiet)

	response := c.answer(t, survey, ann, 6, &surveyv1.Response{
		Invitation:  sent.GetName(),
		Attribution: &surveyv1.Attribution{Partner: call.GetPartner(), Channel: typev1.Channel_CHANNEL_PHONE},
	})
	if got := response.GetAttribution().GetInteraction(); got != call.GetName() {
		t.Errorf("the response belongs to %q, want %q", got, call.GetName())
	}
	_, err := c.responses.SubmitResponse(t.Context(), &surveyv1.SubmitResponseRequest{Parent: brandOf(ann), Response: response})
	refused(t, err, codes.FailedPrecondition, "ALREADY_ANSWERED")

	touchpoint := c.oneMeasure(t, ann, 3, call.GetName(), response)
	if touchpoint.GetExpectation() != typev1.Expectation_EXPECTATION_MET || !touchpoint.GetIsService() || touchpoint.GetTicket() != ticket.GetName() {
		t.Errorf("the touchpoint of the call is %v", touchpoint)
	}
	want := &journeyv1.Measurement{Rating: 6, Min: 1, Max: 7}
	same(t, touchpoint.GetMeasurement(), want)
	c.inBothCircles(t, ann, ticket, response, touchpoint)
}

// invite asks whether the customer is asked about the interaction.
func (c *clients) invite(t testing.TB, survey *surveyv1.Survey, customer string, about *ticketv1.Interaction, want surveyv1.Invitation_Decision) *surveyv1.Invitation {
	t.Helper()
	got := must(c.invitations.CheckEligibility(t.Context(), &surveyv1.CheckEligibilityRequest{
		Survey: survey.GetName(), Customer: customer, Interaction: about.GetName(), Channel: typev1.Channel_CHANNEL_PHONE,
		Attribution: &surveyv1.Attribution{Partner: about.GetPartner()},
	}))(t)
	if got.GetDecision() != want {
		t.Errorf("the decision about %s is %v, want %v", about.GetName(), got.GetDecision(), want)
	}
	return got
}

// oneMeasure returns the one of the customer's n touchpoints that stands for the
// interaction, and fails unless it, and no other, has the response's measure.
func (c *clients) oneMeasure(t testing.TB, customer string, n int, interaction string, response *surveyv1.Response) *journeyv1.Touchpoint {
	t.Helper()
	var found *journeyv1.Touchpoint
	for _, p := range c.lived(t, customer, n) {
		if p.GetInteraction() == interaction {
			if found != nil {
				t.Errorf("%s has two touchpoints", interaction)
			}
			found = c.measured(t, p.GetName())
			continue
		}
		if p.GetResponse() != "" || p.GetMeasurement() != nil {
			t.Errorf("the response measures %v as well", p)
		}
	}
	if found.GetResponse() != response.GetName() {
		t.Fatalf("the touchpoint of %s is %v, want it measured by %s", interaction, found, response.GetName())
	}
	return found
}

// inBothCircles finds the story in the views and in what is known about the customer.
func (c *clients) inBothCircles(t testing.TB, ann string, ticket *ticketv1.Ticket, response *surveyv1.Response, touchpoint *journeyv1.Touchpoint) {
	t.Helper()
	views := must(c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brandOf(ann)}))(t)
	holds(t, views.GetService().GetMeasures(), typev1.Metric_METRIC_TICKET_COUNT, 1)
	lacks(t, views.GetService().GetMeasures(), typev1.Metric_METRIC_CES, typev1.Quality_QUALITY_SUPPRESSED)
	holds(t, views.GetExperience().GetMeasures(), typev1.Metric_METRIC_TOUCHPOINT_COUNT, 3)
	same(t, views.GetExperience().GetNesting(), &journeyv1.Nesting{
		Touchpoints: 3, ServiceTouchpoints: 3, Customers: 1, ServiceCustomers: 1,
	})
	partners := must(c.answers.QuerySurveyMetrics(t.Context(), &surveyv1.QuerySurveyMetricsRequest{
		Parent: brandOf(ann), GroupBy: []string{"partner"},
	}))(t)
	if len(partners.GetGroups()) != 1 || partners.GetGroups()[0].GetKeys()[0].GetValue() != brandOf(ann)+"/partners/mihir" {
		t.Fatalf("the partners are %v", partners.GetGroups())
	}
	ces := find(t, partners.GetGroups()[0].GetMeasures(), typev1.Metric_METRIC_CES).GetEstimate()
	if ces.GetN() != 1 || ces.GetQuality() != typev1.Quality_QUALITY_SUPPRESSED {
		t.Errorf("the partner's CES is %v, want one answer, suppressed", ces)
	}

	o := must(c.views.GetCustomerOverview(t.Context(), &gatewayv1.GetCustomerOverviewRequest{Name: ann + "/overview"}))(t)
	whole(t, o.GetParts())
	if len(o.GetTickets()) != 1 || len(o.GetResponses()) != 1 || len(o.GetTouchpoints()) != 3 || o.GetScore().GetEstimate().GetN() != 3 {
		t.Fatalf("the overview is %v", o)
	}
	same(t, o.GetTickets()[0], must(c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: ticket.GetName()}))(t))
	same(t, o.GetResponses()[0], response)
	for _, p := range o.GetTouchpoints() {
		if p.GetName() == touchpoint.GetName() {
			same(t, p, touchpoint)
		}
	}
}

// repeated: a client that does not know whether a write took place sends it again.
func repeated(t *testing.T, c *clients) {
	brand := c.brand(t)
	req := &ticketv1.CreateTicketRequest{
		Parent: brand, RequestId: "8f14e45f-ceea-467f-a8a2-6d3f1f2b9c01",
		Ticket: &ticketv1.Ticket{
			Customer: brand + "/customers/bob", Subject: "Where is it?", Channel: typev1.Channel_CHANNEL_EMAIL,
			OpenTime: timestamppb.New(noon),
		},
	}
	first := must(c.tickets.CreateTicket(t.Context(), req))(t)
	for range 3 {
		same(t, must(c.tickets.CreateTicket(t.Context(), req))(t), first)
	}
	other := proto.CloneOf(req)
	other.Ticket.Subject = "Where is the other one?"
	_, err := c.tickets.CreateTicket(t.Context(), other)
	refused(t, err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")
	list := must(c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: brand}))(t)
	if len(list.GetTickets()) != 1 {
		t.Errorf("there are %d tickets, want 1", len(list.GetTickets()))
	}

	dry := &ticketv1.CreateTicketRequest{Parent: brand, TicketId: "dry", ValidateOnly: true, Ticket: req.GetTicket()}
	must(c.tickets.CreateTicket(t.Context(), dry))(t)
	_, err = c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: brand + "/tickets/dry"})
	refused(t, err, codes.NotFound, "NOT_FOUND")
}

// whole fails unless every part of a composed answer is there.
func whole(t testing.TB, parts []*gatewayv1.PartState) {
	t.Helper()
	if err := complete(parts); err != nil {
		t.Error(err)
	}
}

// complete returns an error unless every part of a composed answer is there.
func complete(parts []*gatewayv1.PartState) error {
	if len(parts) == 0 {
		return fmt.Errorf("no part is named")
	}
	for _, p := range parts {
		if p.GetState() != gatewayv1.PartState_STATE_OK {
			return fmt.Errorf("a part is missing: %v", p)
		}
	}
	return nil
}
