package abuse

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// occasionRows are about how often customers are asked.
func occasionRows() []row {
	return []row{
		each("S59", "two prompts for one ticket, answered good and bad", twoPrompts),
		each("S59", "one occasion twice", func(t *testing.T, s *suite, way surface) { again(t, s, way, 0) }),
		each("S60", "a resolution that is told twice", toldTwice),
		each("S61", "an occasion within the quiet period", func(t *testing.T, s *suite, way surface) { again(t, s, way, time.Hour) }),
		// The contract has a status for one invitation too many only where it has an answer.
		each("S41", "an invitation to another survey", func(t *testing.T, s *suite, way surface) {
			ask{req: &responseRequest{Parent: acme, Response: &surveyv1.Response{
				Survey: csat, Invitation: s.link(t).GetName(), Answers: []*surveyv1.Answer{rating("how", 4)},
			}}, code: invalid, field: "response.invitation"}.on(way)(t, s) // it says so itself, so there is nothing to hide
		}),
		both("S43", "an invitation nobody has", ask{req: invited(nps + "/invitations/none"), code: notFound}),
		both("S43", "an invitation in capitals", ask{req: invited(nps + "/invitations/NONE"), code: invalid, field: "response.invitation"}),
		// The invitation is known, only the customer is wrong: no question of rights.
		each("S49", "a response of another customer", func(t *testing.T, s *suite, way surface) {
			req := invited(s.link(t).GetName())
			req.Response.Customer = acme + "/customers/bob"
			ask{req: req, code: invalid, field: "response.customer"}.on(way)(t, s)
		}),
	}
}

// invited is a response to an invitation, for the customer.
func invited(invitation string) *responseRequest {
	return &responseRequest{Parent: acme, Response: &surveyv1.Response{
		Invitation: invitation, Answers: []*surveyv1.Answer{rating("how", 9)},
	}}
}

// watched makes a survey and a rule to ask it, and returns its name. The rule rests
// when the test ends what it does.
func (s *suite) watched(t *testing.T, trigger func(*surveyv1.TriggerRule)) (survey string, rest func()) {
	t.Helper()
	survey = must[*surveyv1.Survey](t, s, newSurvey()).GetName()
	rule := must[*surveyv1.TriggerRule](t, s, ruled(func(r *surveyv1.CreateTriggerRuleRequest) {
		r.TriggerRule.Survey, r.TriggerRule.Inactive = survey, false
		trigger(r.TriggerRule)
	}))
	return survey, func() { must[proto.Message](t, s, &surveyv1.DeleteTriggerRuleRequest{Name: rule.GetName()}) }
}

// decisions lists what was decided about a survey, once all events are applied.
func (s *suite) decisions(t *testing.T, survey string) []*surveyv1.Invitation {
	t.Helper()
	s.settled(t)
	return must[*surveyv1.ListInvitationsResponse](t, s, &surveyv1.ListInvitationsRequest{Parent: survey}).GetInvitations()
}

// twoPrompts: of two calls about one ticket only the first is asked about, and of two
// answers to it only the first is taken.
func twoPrompts(t *testing.T, s *suite, way surface) {
	survey, rest := s.watched(t, func(r *surveyv1.TriggerRule) {
		r.GetInteraction().Once = surveyv1.TriggerRule_InteractionTrigger_ONCE_TICKET
	})
	defer rest()
	ticket := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
	for range 2 {
		s.create(t, way, "", say(func(r *ticketv1.CreateInteractionRequest) {
			r.Parent, r.Interaction.Kind, r.Interaction.StartTime = ticket, ticketv1.Interaction_KIND_CALL, timestamppb.Now()
		}))
	}
	all := s.decisions(t, survey)
	if len(all) == 0 || all[len(all)-1].GetDecision() != surveyv1.Invitation_DECISION_SENT {
		t.Fatalf("decisions = %v, want the first sent", all)
	}
	for _, v := range all[:len(all)-1] {
		if v.GetDecision() != surveyv1.Invitation_DECISION_DUPLICATE {
			t.Errorf("decision = %v, want the second call a duplicate", v)
		}
	}
	good, bad := invited(all[len(all)-1].GetName()), invited(all[len(all)-1].GetName())
	bad.Response.Answers = []*surveyv1.Answer{rating("how", 0)}
	s.create(t, way, "", good)
	ask{req: bad, code: codes.FailedPrecondition, reason: "ALREADY_ANSWERED"}.on(way)(t, s)
}

// toldTwice: an event of which there are two copies in the stream is one occasion.
func toldTwice(t *testing.T, s *suite, way surface) {
	survey, rest := s.watched(t, func(r *surveyv1.TriggerRule) {
		r.Trigger = &surveyv1.TriggerRule_Resolution{Resolution: &surveyv1.TriggerRule_ResolutionTrigger{}}
	})
	defer rest()
	ticket := must[*ticketv1.Ticket](t, s, newTicket()).GetName()
	s.create(t, way, "", &ticketv1.ResolveTicketRequest{Name: ticket, Outcome: ticketv1.Ticket_OUTCOME_SOLVED})
	s.settled(t)
	s.resend(t, ticket)
	s.create(t, way, "", say(func(r *ticketv1.CreateInteractionRequest) { r.Parent = ticket })) // comes after the copy
	if all := s.decisions(t, survey); len(all) != 1 || all[0].GetDecision() != surveyv1.Invitation_DECISION_SENT {
		t.Errorf("decisions = %v, want one, sent", all)
	}
}

// resend puts the last resolution of a ticket into the stream again.
func (s *suite) resend(t *testing.T, ticket string) {
	t.Helper()
	id := name.NewID()
	write := func(statement string, args ...any) {
		t.Helper()
		if err := s.dbs["ticket"].Write(t.Context(), func(tx *sqldb.Tx) error {
			tx.Defer(statement, args...)
			return nil
		}); err != nil {
			t.Fatal(err)
		}
	}
	write(`INSERT INTO outbox (id, brand, key, kind, payload, create_time)
		SELECT $1, brand, key, kind, payload, create_time FROM outbox WHERE kind = 'ticket_resolved' AND instr(payload, $2) > 0`, id, ticket)
	until(t, "the copy is in the stream", func() bool {
		return len(s.strings(t, "ticket", `SELECT id FROM outbox WHERE id = $1 AND stream <> 0`, id)) == 1
	})
	write(`DELETE FROM outbox WHERE id = $1`, id) // nobody hears of it by this id
}

// again asks for a customer twice, the second time after a while, of a survey that
// leaves customers alone for a day. Only the first is invited, and why is kept.
func again(t *testing.T, s *suite, way surface, after time.Duration) {
	t.Helper()
	survey := must[*surveyv1.Survey](t, s, newSurvey(func(r *surveyRequest) { r.Survey.QuietPeriod = durationpb.New(24 * time.Hour) }))
	customer := acme + "/customers/c" + uuid.NewString()
	ask := func(at time.Time) *surveyv1.Invitation {
		got := s.create(t, way, "", &surveyv1.CheckEligibilityRequest{
			Survey: survey.GetName(), Customer: customer, Channel: typev1.Channel_CHANNEL_EMAIL, DecideTime: timestamppb.New(at),
		})
		return got.msg.(*surveyv1.Invitation)
	}
	want := surveyv1.Invitation_DECISION_DUPLICATE
	if after > 0 {
		want = surveyv1.Invitation_DECISION_QUIET_PERIOD
	}
	first, second := ask(noon.AsTime()), ask(noon.AsTime().Add(after))
	if first.GetDecision() != surveyv1.Invitation_DECISION_SENT || second.GetDecision() != want {
		t.Errorf("decisions = %v, %v, want SENT and %v", first.GetDecision(), second.GetDecision(), want)
	}
	if kept := must[*surveyv1.Invitation](t, s, &surveyv1.GetInvitationRequest{Name: second.GetName()}); kept.GetDecision() != want || second.GetToken() != "" {
		t.Errorf("kept is %v, want %v and no token", kept, want)
	}
}
