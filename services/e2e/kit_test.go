package e2e

import (
	"errors"
	"fmt"
	"testing"
	"time"

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
	"github.com/concentric-cx/concentric/services/internal/name"
)

// noon is when the stories take place, unless they are about now.
var noon = time.Date(2026, 2, 9, 12, 0, 0, 0, time.UTC)

// must returns the answer of a call that must not fail.
func must[T any](answer T, err error) func(testing.TB) T {
	return func(t testing.TB) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return answer
	}
}

// refused fails unless err has the code and, if one is given, the reason.
func refused(t testing.TB, err error, want codes.Code, reason string) {
	t.Helper()
	if got := status.Code(err); got != want || reason != "" && reasonOf(err) != reason {
		t.Errorf("refused with %v %s (%v), want %v %s", got, reasonOf(err), err, want, reason)
	}
}

// reasonOf returns the stable reason that a refusal came with.
func reasonOf(err error) string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(interface{ GetReason() string }); ok {
			return info.GetReason()
		}
	}
	return ""
}

// metadataOf returns what a refusal says for machines.
func metadataOf(err error) map[string]string {
	for _, d := range status.Convert(err).Details() {
		if info, ok := d.(interface{ GetMetadata() map[string]string }); ok {
			return info.GetMetadata()
		}
	}
	return nil
}

func same(t testing.TB, got, want proto.Message) {
	t.Helper()
	if !proto.Equal(got, want) {
		t.Errorf("got  %v\nwant %v", got, want)
	}
}

// eventually calls f until it returns nil.
func eventually(t testing.TB, f func() error) {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	end := time.After(time.Minute)
	for {
		err := f()
		if err == nil {
			return
		}
		select {
		case <-tick.C:
		case <-end:
			t.Fatalf("after a minute: %v", err)
		}
	}
}

// brand makes a brand that no other test knows.
func (c *clients) brand(t testing.TB) string {
	t.Helper()
	b := must(c.admin.CreateBrand(t.Context(), &gatewayv1.CreateBrandRequest{
		BrandId: name.NewID(), Brand: &gatewayv1.Brand{DisplayName: "A brand of a story"},
	}))(t)
	return b.GetName()
}

// open opens a ticket about billing.
func (c *clients) open(t testing.TB, customer string, channel typev1.Channel, at time.Time) *ticketv1.Ticket {
	t.Helper()
	return must(c.tickets.CreateTicket(t.Context(), &ticketv1.CreateTicketRequest{
		Parent: brandOf(customer),
		Ticket: &ticketv1.Ticket{
			Customer: customer, Subject: "Charged twice", IssueKind: ticketv1.Ticket_ISSUE_KIND_BILLING, Channel: channel,
			Stage: typev1.Stage_STAGE_DECISION, Phase: typev1.Phase_PHASE_PURCHASE, OpenTime: timestamppb.New(at),
		},
	}))(t)
}

// call records a call to the customer by an agent of the partner mihir, which went
// as expected.
func (c *clients) call(t testing.TB, ticket *ticketv1.Ticket, at time.Time) *ticketv1.Interaction {
	t.Helper()
	return must(c.interactions.CreateInteraction(t.Context(), &ticketv1.CreateInteractionRequest{
		Parent: ticket.GetName(),
		Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_CALL, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND,
			Actor: ticketv1.Interaction_ACTOR_AGENT, Agent: brandOf(ticket.GetName()) + "/agents/uma",
			Partner: brandOf(ticket.GetName()) + "/partners/mihir", Text: "Refunded the second charge.",
			StartTime: timestamppb.New(at), EndTime: timestamppb.New(at.Add(4 * time.Minute)),
			Expectation: typev1.Expectation_EXPECTATION_MET,
		},
	}))(t)
}

func (c *clients) resolve(t testing.TB, ticket *ticketv1.Ticket, at time.Time) *ticketv1.Ticket {
	t.Helper()
	return must(c.tickets.ResolveTicket(t.Context(), &ticketv1.ResolveTicketRequest{
		Name: ticket.GetName(), Outcome: ticketv1.Ticket_OUTCOME_SOLVED, ResolveTime: timestamppb.New(at),
	}))(t)
}

// survey makes a survey of one question, `q`, with a quiet period of a month.
func (c *clients) survey(t testing.TB, brand string, kind surveyv1.Question_Kind, subject typev1.Subject) *surveyv1.Survey {
	t.Helper()
	return must(c.surveys.CreateSurvey(t.Context(), &surveyv1.CreateSurveyRequest{
		Parent: brand,
		Survey: &surveyv1.Survey{
			DisplayName: "One question", Subject: subject, Scope: surveyv1.Survey_SCOPE_INTERACTION,
			Questions:   []*surveyv1.Question{{QuestionId: "q", Kind: kind}},
			QuietPeriod: durationpb.New(30 * 24 * time.Hour),
		},
	}))(t)
}

// answer submits a rating as the answer to `q`; about may say more.
func (c *clients) answer(t testing.TB, survey *surveyv1.Survey, customer string, rating int32, about *surveyv1.Response) *surveyv1.Response {
	t.Helper()
	r := &surveyv1.Response{
		Survey: survey.GetName(), Customer: customer,
		Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: rating}}},
	}
	proto.Merge(r, about)
	return must(c.responses.SubmitResponse(t.Context(), &surveyv1.SubmitResponseRequest{
		Parent: brandOf(customer), Response: r,
	}))(t)
}

// lived returns the touchpoints of the customer, newest first, once there are n.
func (c *clients) lived(t testing.TB, customer string, n int) []*journeyv1.Touchpoint {
	t.Helper()
	var list *journeyv1.ListTouchpointsResponse
	eventually(t, func() (err error) {
		list, err = c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: customer, PageSize: 200})
		if err != nil && status.Code(err) != codes.NotFound { // nobody knows the customer yet
			return err
		}
		if len(list.GetTouchpoints()) < n {
			return fmt.Errorf("%s has %d touchpoints, want %d", customer, len(list.GetTouchpoints()), n)
		}
		return nil
	})
	if len(list.GetTouchpoints()) != n {
		t.Errorf("%s has %d touchpoints, want %d", customer, len(list.GetTouchpoints()), n)
	}
	return list.GetTouchpoints()
}

// measured returns the touchpoint once a response measures it.
func (c *clients) measured(t testing.TB, touchpoint string) *journeyv1.Touchpoint {
	t.Helper()
	var p *journeyv1.Touchpoint
	eventually(t, func() error {
		p = must(c.touchpoints.GetTouchpoint(t.Context(), &journeyv1.GetTouchpointRequest{Name: touchpoint}))(t)
		if p.GetResponse() == "" {
			return errors.New("no response measures " + touchpoint)
		}
		return nil
	})
	return p
}

// find returns the measure of a metric, or fails.
func find(t testing.TB, measures []*typev1.Measure, metric typev1.Metric) *typev1.Measure {
	t.Helper()
	for _, m := range measures {
		if m.GetMetric() == metric {
			return m
		}
	}
	t.Fatalf("there is no %v among %v", metric, measures)
	return nil
}

// holds fails unless the metric has the value, which may be zero.
func holds(t testing.TB, measures []*typev1.Measure, metric typev1.Metric, want float64) {
	t.Helper()
	e := find(t, measures, metric).GetEstimate()
	if e.Value == nil || e.GetValue() != want {
		t.Errorf("%v = %v, want %v", metric, e, want)
	}
}

// lacks fails unless the metric has no value, for the reason that is given.
func lacks(t testing.TB, measures []*typev1.Measure, metric typev1.Metric, why typev1.Quality) {
	t.Helper()
	e := find(t, measures, metric).GetEstimate()
	if e.Value != nil || e.Lower != nil || e.Upper != nil || e.GetQuality() != why {
		t.Errorf("%v = %v, want no value for %v", metric, e, why)
	}
}

// brandOf returns the brand that a name begins with.
func brandOf(full string) string { return name.Join("brands", name.Brand(full)) }
