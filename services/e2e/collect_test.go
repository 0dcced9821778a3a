package e2e

import (
	"fmt"
	"math/rand/v2"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

// phone: a phone gathers touchpoints and opinions in a tunnel and sends them when it can,
// in no order, some twice, with half of the answers lost. Each thing is stored once. Then
// its owner answers a survey and writes to the support.
func phone(t *testing.T, c *clients) {
	brand := c.brand(t)
	fay := brand + "/customers/fay"
	queue := map[string]*gatewayv1.CollectItem{}
	for i := range 30 {
		id := fmt.Sprint("visit-", i)
		queue[id] = &gatewayv1.CollectItem{EventId: id, What: &gatewayv1.CollectItem_Touchpoint{Touchpoint: &journeyv1.Touchpoint{
			Definition: brand + "/touchpointDefinitions/website-visit", Channel: typev1.Channel_CHANNEL_MOBILE_APP,
			EventTime: timestamppb.New(noon.Add(time.Duration(i) * time.Hour)),
		}}}
	}
	for i := range 10 {
		id := fmt.Sprint("opinion-", i)
		queue[id] = &gatewayv1.CollectItem{EventId: id, What: &gatewayv1.CollectItem_Feedback{Feedback: &surveyv1.Feedback{
			Source: surveyv1.Feedback_SOURCE_IN_PRODUCT, Solicitation: surveyv1.Feedback_SOLICITATION_UNSOLICITED,
			Text: fmt.Sprint("this is great, ", i), EventTime: timestamppb.New(noon),
		}}}
	}
	queue["nonsense"] = &gatewayv1.CollectItem{EventId: "nonsense", What: &gatewayv1.CollectItem_Touchpoint{Touchpoint: &journeyv1.Touchpoint{Definition: "x"}}}
	luck := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // the same each time
	refusedOnes := 0
	for len(queue) > 0 {
		var some []*gatewayv1.CollectItem
		for _, item := range queue { // in any order
			if luck.IntN(3) > 0 {
				some = append(some, proto.CloneOf(item))
			}
		}
		if len(some) == 0 {
			continue
		}
		some = append(some, proto.CloneOf(some[0])) // twice in one
		res := must(c.collect.Collect(t.Context(), &gatewayv1.CollectRequest{Parent: brand, Customer: fay, Items: some}))(t)
		if luck.IntN(2) == 0 {
			continue // the answer is lost
		}
		for i, r := range res.GetResults() {
			if r.GetEventId() != some[i].GetEventId() {
				t.Fatalf("result %d is of %s, want %s", i, r.GetEventId(), some[i].GetEventId())
			}
			switch r.GetOutcome() {
			case gatewayv1.CollectResult_OUTCOME_STORED, gatewayv1.CollectResult_OUTCOME_REPEATED:
				delete(queue, r.GetEventId())
			case gatewayv1.CollectResult_OUTCOME_REFUSED:
				if r.GetEventId() != "nonsense" || len(r.GetError().GetDetails()) == 0 {
					t.Errorf("%s is refused: %v", r.GetEventId(), r.GetError())
				}
				refusedOnes++
				delete(queue, r.GetEventId())
			case gatewayv1.CollectResult_OUTCOME_RETRY, gatewayv1.CollectResult_OUTCOME_UNSPECIFIED:
			}
		}
	}
	if refusedOnes == 0 {
		t.Error("nonsense was taken")
	}
	if all := must(c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: fay, PageSize: 200}))(t); len(all.GetTouchpoints()) != 30 {
		t.Errorf("there are %d touchpoints, want 30", len(all.GetTouchpoints()))
	}
	opinions := must(c.feedback.ListFeedback(t.Context(), &surveyv1.ListFeedbackRequest{Parent: brand, PageSize: 200}))(t).GetFeedback()
	if len(opinions) != 10 || opinions[0].GetCustomer() != fay {
		t.Errorf("there are %d opinions, want fay's 10", len(opinions))
	}
	c.askedOnPhone(t, brand, fay)
	c.writtenOnPhone(t, brand, fay)
}

// askedOnPhone has a survey shown and answered on a phone.
func (c *clients) askedOnPhone(t *testing.T, brand, customer string) {
	t.Helper()
	survey := c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE)
	must(c.invitations.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{
		Parent: survey.GetName(), Invitation: &surveyv1.Invitation{Customer: customer, Channel: typev1.Channel_CHANNEL_MOBILE_APP},
	}))(t)
	pending := must(c.collect.GetPendingSurveys(t.Context(), &gatewayv1.GetPendingSurveysRequest{Customer: customer}))(t).GetSurveys()
	if len(pending) != 1 || len(pending[0].GetForm().GetSurvey().GetQuestions()) != 1 {
		t.Fatalf("pending is %v, want one survey with its question", pending)
	}
	seen := &gatewayv1.CollectRequest{Parent: brand, Customer: customer, Items: []*gatewayv1.CollectItem{{
		EventId: "seen", What: &gatewayv1.CollectItem_InvitationEvent{InvitationEvent: &gatewayv1.CollectedInvitationEvent{
			Invitation: pending[0].GetInvitation(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISPLAYED,
		}},
	}}}
	for range 2 {
		if r := must(c.collect.Collect(t.Context(), seen))(t).GetResults()[0]; r.GetOutcome() != gatewayv1.CollectResult_OUTCOME_STORED {
			t.Errorf("that it was seen: %v", r)
		}
	}
	answer := &gatewayv1.SubmitResponseRequest{
		Parent: brand, Customer: customer, Token: pending[0].GetToken(), RequestId: uuid.NewString(),
		Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 0}}},
	}
	first := must(c.collect.SubmitResponse(t.Context(), answer))(t).GetResponse()
	if again := must(c.collect.SubmitResponse(t.Context(), answer))(t).GetResponse(); again != first || first == "" {
		t.Errorf("a repeat is %q, want %q", again, first)
	}
	if left := must(c.collect.GetPendingSurveys(t.Context(), &gatewayv1.GetPendingSurveysRequest{Customer: customer}))(t).GetSurveys(); len(left) != 0 {
		t.Errorf("pending is still %v", left)
	}
}

// writtenOnPhone has a customer write to the support and read what it says.
func (c *clients) writtenOnPhone(t *testing.T, brand, customer string) {
	t.Helper()
	open := &gatewayv1.CreateMyTicketRequest{Customer: customer, Subject: "It does not start", Text: "Since the update.", RequestId: uuid.NewString()}
	ticket := must(c.collect.CreateMyTicket(t.Context(), open))(t)
	if again := must(c.collect.CreateMyTicket(t.Context(), open))(t); again.GetName() != ticket.GetName() {
		t.Errorf("a repeat opens %s beside %s", again.GetName(), ticket.GetName())
	}
	other := proto.CloneOf(open)
	other.Text = "And it smells."
	_, err := c.collect.CreateMyTicket(t.Context(), other)
	if refused(t, err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH"); !strings.Contains(status.Convert(err).Message(), open.GetRequestId()) {
		t.Errorf("other words under the same request_id: %v, want it named", err)
	}
	say := func(kind ticketv1.Interaction_Kind, direction ticketv1.Interaction_Direction, text string) {
		t.Helper()
		must(c.interactions.CreateInteraction(t.Context(), &ticketv1.CreateInteractionRequest{
			Parent: ticket.GetName(), Interaction: &ticketv1.Interaction{
				Kind: kind, Direction: direction, Actor: ticketv1.Interaction_ACTOR_AGENT, Agent: brand + "/agents/bo", Text: text,
			},
		}))(t)
	}
	say(ticketv1.Interaction_KIND_NOTE, ticketv1.Interaction_DIRECTION_INTERNAL, "again one of those")
	say(ticketv1.Interaction_KIND_MESSAGE, ticketv1.Interaction_DIRECTION_OUTBOUND, "Please hold the button.")
	must(c.collect.AddMyMessage(t.Context(), &gatewayv1.AddMyMessageRequest{Name: ticket.GetName(), Customer: customer, Text: "It works!"}))(t)
	var said []string
	for _, m := range must(c.collect.GetMyMessages(t.Context(), &gatewayv1.GetMyMessagesRequest{Name: ticket.GetName(), Customer: customer}))(t).GetMessages() {
		said = append(said, fmt.Sprint(m.GetMine(), " ", m.GetText()))
	}
	if want := []string{"true Since the update.", "false Please hold the button.", "true It works!"}; fmt.Sprint(said) != fmt.Sprint(want) {
		t.Errorf("the customer reads %q, want %q", said, want)
	}
	mine := must(c.collect.GetMyTickets(t.Context(), &gatewayv1.GetMyTicketsRequest{Customer: customer}))(t).GetTickets()
	if len(mine) != 1 || mine[0].GetName() != ticket.GetName() || mine[0].GetState() != ticketv1.Ticket_STATE_OPEN {
		t.Errorf("the customer's tickets are %v", mine)
	}
}

// oneCustomer: a publishable key shows and changes what is its customer's. What is
// somebody else's is as if it were not there.
func oneCustomer(t *testing.T, s *suite) {
	c := s.door()
	brand := c.brand(t)
	gil, hal := brand+"/customers/gil", brand+"/customers/hal"
	key := must(c.keys.CreateApiKey(t.Context(), &gatewayv1.CreateApiKeyRequest{
		Parent: brand, ApiKey: &gatewayv1.ApiKey{DisplayName: "Gil's phone", Customer: gil, Scopes: []string{"collect:read", "collect:write"}},
	}))(t).GetSecret()
	_, conns := s.dial(t, key)
	for _, conn := range conns {
		t.Cleanup(func() { conn.Close() })
	}
	door := conns[len(conns)-1] // apps know no other
	app := newClients(door, door, door, door)
	theirs := must(c.collect.CreateMyTicket(t.Context(), &gatewayv1.CreateMyTicketRequest{Customer: hal, Subject: "Hal's", Text: "secret"}))(t)
	own := must(app.collect.CreateMyTicket(t.Context(), &gatewayv1.CreateMyTicketRequest{Customer: gil, Subject: "Gil's", Text: "mine"}))(t)
	if got := must(app.collect.GetMyTickets(t.Context(), &gatewayv1.GetMyTicketsRequest{Customer: gil}))(t).GetTickets(); len(got) != 1 || got[0].GetName() != own.GetName() {
		t.Errorf("Gil's tickets are %v", got)
	}
	must(app.collect.AddMyMessage(t.Context(), &gatewayv1.AddMyMessageRequest{Name: own.GetName(), Text: "and more"}))(t)
	for n := range 2 { // as an app would that speaks REST: the header is the request_id
		req := must(http.NewRequestWithContext(t.Context(), http.MethodPost, s.web()+"/v1/"+hal+"/myTickets", strings.NewReader(`{"subject": "Hal again", "text": "words"}`)))(t)
		req.Header.Set("Content-Type", "application/json")
		req.Header.Set("Idempotency-Key", "0d2cbb4e-0c0f-4a3c-9d2c-2a6c9a1f6f10")
		res := must(http.DefaultClient.Do(req))(t)
		if res.Body.Close(); res.StatusCode != http.StatusOK {
			t.Errorf("a ticket with an Idempotency-Key: status %d", res.StatusCode)
		}
		if n > 0 { // a repeat changes nothing
			break
		}
		if revisions := res.Header.Values("Concentric-Revision"); !strings.Contains(strings.Join(revisions, ","), "ticket_created.") {
			t.Errorf("the new ticket and its message are the revisions %q", revisions)
		} else if _, err := c.views.CompareViews(t.Context(), &gatewayv1.CompareViewsRequest{Parent: brand, MinRevisions: revisions}); err != nil {
			t.Errorf("a view that contains %q: %v", revisions, err)
		}
	}
	if got := must(c.collect.GetMyTickets(t.Context(), &gatewayv1.GetMyTicketsRequest{Customer: hal}))(t).GetTickets(); len(got) != 2 {
		t.Errorf("Hal has %d tickets, want 2", len(got))
	} else if said := must(c.collect.GetMyMessages(t.Context(), &gatewayv1.GetMyMessagesRequest{Name: got[0].GetName(), Customer: hal}))(t).GetMessages(); len(said) != 1 {
		t.Errorf("the second ticket has %d messages, want 1", len(said))
	}
	random := brand + "/tickets/" + uuid.NewString()
	for _, n := range []string{theirs.GetName(), random} {
		_, err := app.collect.GetMyMessages(t.Context(), &gatewayv1.GetMyMessagesRequest{Name: n})
		refused(t, err, codes.NotFound, "")
		_, err = app.collect.AddMyMessage(t.Context(), &gatewayv1.AddMyMessageRequest{Name: n, Text: "x"})
		refused(t, err, codes.NotFound, "")
	}
	_, err := app.collect.GetMyTickets(t.Context(), &gatewayv1.GetMyTicketsRequest{Customer: hal})
	refused(t, err, codes.NotFound, "")
	_, err = app.collect.GetPendingSurveys(t.Context(), &gatewayv1.GetPendingSurveysRequest{Customer: hal})
	refused(t, err, codes.NotFound, "")
	_, err = app.collect.Collect(t.Context(), &gatewayv1.CollectRequest{Parent: brand, Customer: hal, Items: []*gatewayv1.CollectItem{{EventId: "x"}}})
	refused(t, err, codes.NotFound, "")
	// Another customer's event id does not stand in the way.
	visit := func(c gatewayv1.CollectServiceClient, customer string) *gatewayv1.CollectResult {
		return must(c.Collect(t.Context(), &gatewayv1.CollectRequest{Parent: brand, Customer: customer, Items: []*gatewayv1.CollectItem{{
			EventId: "1", What: &gatewayv1.CollectItem_Touchpoint{Touchpoint: &journeyv1.Touchpoint{
				Definition: brand + "/touchpointDefinitions/website-visit", EventTime: timestamppb.New(noon),
			}},
		}}}))(t).GetResults()[0]
	}
	for who, r := range map[string]*gatewayv1.CollectResult{"Hal": visit(c.collect, hal), "Gil": visit(app.collect, "")} {
		if r.GetOutcome() != gatewayv1.CollectResult_OUTCOME_STORED {
			t.Errorf("%s's first event: %v", who, r)
		}
	}
	// Nothing but what apps may do.
	_, err = app.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: own.GetName()})
	if err == nil {
		t.Error("an app reads tickets as agents do")
	}
	invitation := must(c.invitations.CreateInvitation(t.Context(), &surveyv1.CreateInvitationRequest{
		Parent:     c.survey(t, brand, surveyv1.Question_KIND_NPS, typev1.Subject_SUBJECT_EXPERIENCE).GetName(),
		Invitation: &surveyv1.Invitation{Customer: hal, Channel: typev1.Channel_CHANNEL_MOBILE_APP},
	}))(t)
	r := must(app.collect.Collect(t.Context(), &gatewayv1.CollectRequest{Parent: brand, Items: []*gatewayv1.CollectItem{{
		EventId: "2", What: &gatewayv1.CollectItem_InvitationEvent{InvitationEvent: &gatewayv1.CollectedInvitationEvent{
			Invitation: invitation.GetName(), Event: surveyv1.InvitationEvent_INVITATION_EVENT_DISMISSED,
		}},
	}}}))(t).GetResults()[0]
	if r.GetOutcome() != gatewayv1.CollectResult_OUTCOME_REFUSED || codes.Code(r.GetError().GetCode()) != codes.NotFound { //nolint:gosec // codes are small
		t.Errorf("an app dismisses somebody else's invitation: %v", r)
	}
	_, err = app.collect.SubmitResponse(t.Context(), &gatewayv1.SubmitResponseRequest{
		Parent: brand, Token: c.pending(t, hal).GetToken(), Answers: []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: 0}}},
	})
	refused(t, err, codes.PermissionDenied, "OTHER_CUSTOMER")
}
