package e2e

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/timestamppb"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
)

const (
	writers = 8
	batch   = 5 // touchpoints a round
	perTurn = 7 + batch
)

// writing is a load of writers that do not give up: whatever becomes of the suite,
// each repeats a write with the same request_id until it is acknowledged.
type writing struct {
	suite  *suite
	brand  string
	survey *surveyv1.Survey

	stop context.CancelFunc // after the turns under way
	wg   sync.WaitGroup
	mu   sync.Mutex
	kept []turn
}

// A turn is what one writer did for one customer, as it was acknowledged.
type turn struct {
	customer    string
	ticket      *ticketv1.Ticket
	interaction *ticketv1.Interaction
	response    *surveyv1.Response
	touchpoints []string
}

// write starts the writers.
func write(t testing.TB, s *suite) *writing {
	t.Helper()
	c := s.grpc()
	w := &writing{suite: s, brand: c.brand(t)}
	must(c.directory.CreateTeam(t.Context(), &ticketv1.CreateTeamRequest{Parent: w.brand, TeamId: "night", Team: &ticketv1.Team{DisplayName: "Night"}}))(t)
	w.survey = c.survey(t, w.brand, surveyv1.Question_KIND_CES_EASE, typev1.Subject_SUBJECT_SERVICE)
	ctx, cancel := context.WithCancel(t.Context())
	w.stop = cancel
	for i := range writers {
		w.wg.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				turn, err := w.turn(t.Context(), fmt.Sprintf("%d-%d", i, n), n)
				if err != nil {
					t.Errorf("writer %d, turn %d: %v", i, n, err)
					return
				}
				w.mu.Lock()
				w.kept = append(w.kept, turn)
				w.mu.Unlock()
			}
		})
	}
	return w
}

// acked returns the turns of which all was acknowledged.
func (w *writing) acked() []turn {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.kept
}

// end lets the writers finish and returns what was acknowledged.
func (w *writing) end() []turn {
	w.stop()
	w.wg.Wait()
	return w.acked()
}

// turn opens a ticket, records an interaction, has it answered, takes the ticket to its
// resolution, and records a batch of touchpoints. Every other turn leaves the choice of names to the server, where
// only the request_id keeps a repeat from being another one.
func (w *writing) turn(ctx context.Context, id string, n int) (turn, error) {
	t := turn{customer: w.brand + "/customers/c" + id}
	named := ""
	if n%2 == 0 {
		named = "n" + id
	}
	var err error
	t.ticket, err = settle(ctx, w.suite, &ticketv1.CreateTicketRequest{
		Parent: w.brand, TicketId: named, RequestId: uuid.NewString(),
		Ticket: &ticketv1.Ticket{Customer: t.customer, Subject: "Again " + id, Channel: typev1.Channel_CHANNEL_CHAT},
	}, func(ctx context.Context, c *clients, req *ticketv1.CreateTicketRequest) (*ticketv1.Ticket, error) {
		return c.tickets.CreateTicket(ctx, req)
	})
	if err != nil {
		return t, err
	}
	t.interaction, err = settle(ctx, w.suite, &ticketv1.CreateInteractionRequest{
		Parent: t.ticket.GetName(), InteractionId: named, RequestId: uuid.NewString(),
		Interaction: &ticketv1.Interaction{
			Kind: ticketv1.Interaction_KIND_MESSAGE, Direction: ticketv1.Interaction_DIRECTION_OUTBOUND,
			Actor: ticketv1.Interaction_ACTOR_AGENT, Expectation: typev1.Expectation(1 + n%3), //nolint:gosec // an expectation
		},
	}, func(ctx context.Context, c *clients, req *ticketv1.CreateInteractionRequest) (*ticketv1.Interaction, error) {
		return c.interactions.CreateInteraction(ctx, req)
	})
	if err != nil {
		return t, err
	}
	t.response, err = settle(ctx, w.suite, &surveyv1.SubmitResponseRequest{
		Parent: w.brand, ResponseId: named, RequestId: uuid.NewString(),
		Response: &surveyv1.Response{
			Survey: w.survey.GetName(), Customer: t.customer,
			Answers:     []*surveyv1.Answer{{QuestionId: "q", Value: &surveyv1.Answer_Rating{Rating: int32(1 + n%7)}}}, //nolint:gosec // on the scale
			Attribution: &surveyv1.Attribution{Interaction: t.interaction.GetName()},
		},
	}, func(ctx context.Context, c *clients, req *surveyv1.SubmitResponseRequest) (*surveyv1.Response, error) {
		return c.responses.SubmitResponse(ctx, req)
	})
	if err != nil {
		return t, err
	}
	if t.ticket, err = w.moves(ctx, t.ticket.GetName()); err != nil {
		return t, err
	}
	t.touchpoints, err = w.visits(ctx, t.customer)
	return t, err
}

// moves assigns a ticket, lets it wait for the customer, goes on with it and resolves it.
func (w *writing) moves(ctx context.Context, name string) (*ticketv1.Ticket, error) {
	if _, err := settle(ctx, w.suite, &ticketv1.AssignTicketRequest{Name: name, Team: w.brand + "/teams/night", RequestId: uuid.NewString()},
		func(ctx context.Context, c *clients, req *ticketv1.AssignTicketRequest) (*ticketv1.Ticket, error) {
			return c.tickets.AssignTicket(ctx, req)
		}); err != nil {
		return nil, err
	}
	if _, err := settle(ctx, w.suite, &ticketv1.PendTicketRequest{Name: name, RequestId: uuid.NewString()},
		func(ctx context.Context, c *clients, req *ticketv1.PendTicketRequest) (*ticketv1.Ticket, error) {
			return c.tickets.PendTicket(ctx, req)
		}); err != nil {
		return nil, err
	}
	if _, err := settle(ctx, w.suite, &ticketv1.ResumeTicketRequest{Name: name, RequestId: uuid.NewString()},
		func(ctx context.Context, c *clients, req *ticketv1.ResumeTicketRequest) (*ticketv1.Ticket, error) {
			return c.tickets.ResumeTicket(ctx, req)
		}); err != nil {
		return nil, err
	}
	return settle(ctx, w.suite, &ticketv1.ResolveTicketRequest{Name: name, Outcome: ticketv1.Ticket_OUTCOME_SOLVED, RequestId: uuid.NewString()},
		func(ctx context.Context, c *clients, req *ticketv1.ResolveTicketRequest) (*ticketv1.Ticket, error) {
			return c.tickets.ResolveTicket(ctx, req)
		})
}

// visits records a batch of touchpoints and returns their names.
func (w *writing) visits(ctx context.Context, customer string) ([]string, error) {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: w.brand, RequestId: uuid.NewString()}
	for i := range batch {
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{
			Parent: customer,
			Touchpoint: &journeyv1.Touchpoint{
				Definition: w.brand + "/touchpointDefinitions/product-use", EventTime: timestamppb.New(noon.Add(time.Duration(i) * time.Hour)),
				Source: "app", EventId: fmt.Sprint(customer, i), Expectation: typev1.Expectation_EXPECTATION_MET,
			},
		})
	}
	answer, err := settle(ctx, w.suite, req, func(ctx context.Context, c *clients, req *journeyv1.BatchRecordTouchpointsRequest) (*journeyv1.BatchRecordTouchpointsResponse, error) {
		return c.touchpoints.BatchRecordTouchpoints(ctx, req)
	})
	var names []string
	for _, r := range answer.GetResults() {
		if r.GetOutcome() != journeyv1.RecordTouchpointResult_OUTCOME_RECORDED {
			return nil, fmt.Errorf("a touchpoint of its own batch is %v", r)
		}
		names = append(names, r.GetName())
	}
	return names, err
}

// settle repeats a call until it is known what became of it.
func settle[Q, A proto.Message](ctx context.Context, s *suite, req Q, call func(context.Context, *clients, Q) (A, error)) (A, error) {
	for {
		attempt, cancel := context.WithTimeout(ctx, 5*time.Second)
		answer, err := call(attempt, s.grpc(), req)
		cancel()
		switch status.Code(err) {
		case codes.Unavailable, codes.DeadlineExceeded, codes.Canceled:
		default:
			return answer, err
		}
		select {
		case <-time.After(5 * time.Millisecond):
		case <-ctx.Done():
			return answer, err
		}
	}
}

// A tally counts acknowledged writes that are not there, or there more than once.
type tally struct{ lost, doubled int }

// recount reads everything back that was acknowledged, once the events have gone
// through, and says what is missing or too much.
func (w *writing) recount(t testing.TB, turns []turn) tally {
	t.Helper()
	var sum tally
	var mu sync.Mutex
	var wg sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	queue := make(chan turn)
	for range writers {
		wg.Go(func() {
			for one := range queue {
				got := w.check(t, ctx.Done(), one)
				mu.Lock()
				sum.lost += got.lost
				sum.doubled += got.doubled
				mu.Unlock()
			}
		})
	}
	for _, one := range turns {
		queue <- one
	}
	close(queue)
	wg.Wait()
	return sum
}

// check reads one turn back.
func (w *writing) check(t testing.TB, late <-chan struct{}, one turn) (sum tally) {
	c := w.suite.grpc()
	count := func(n, want int, what string) {
		if n != want {
			t.Errorf("%s has %d %s, want %d", one.customer, n, what, want)
		}
		sum.lost += max(0, want-n)
		sum.doubled += max(0, n-want)
	}
	tickets, err1 := c.tickets.ListTickets(t.Context(), &ticketv1.ListTicketsRequest{Parent: w.brand, Customer: one.customer})
	count(len(tickets.GetTickets()), 1, "tickets")
	interactions, err2 := c.interactions.ListInteractions(t.Context(), &ticketv1.ListInteractionsRequest{Parent: one.ticket.GetName()})
	count(len(interactions.GetInteractions()), 1, "interactions")
	responses, err3 := c.responses.ListResponses(t.Context(), &surveyv1.ListResponsesRequest{Parent: w.brand, Customer: one.customer})
	count(len(responses.GetResponses()), 1, "responses")
	interaction, err4 := c.interactions.GetInteraction(t.Context(), &ticketv1.GetInteractionRequest{Name: one.interaction.GetName()})
	response, err5 := c.responses.GetResponse(t.Context(), &surveyv1.GetResponseRequest{Name: one.response.GetName()})
	ticket, err6 := c.tickets.GetTicket(t.Context(), &ticketv1.GetTicketRequest{Name: one.ticket.GetName()})
	if err := errors.Join(err1, err2, err3, err4, err5, err6); err != nil {
		t.Errorf("read %s back: %v", one.customer, err)
		sum.lost++
		return sum
	}
	if !proto.Equal(interaction, one.interaction) || !proto.Equal(response, one.response) || !proto.Equal(ticket, one.ticket) {
		t.Errorf("%s was acknowledged as\n%v\nand is\n%v", one.customer, one, []proto.Message{ticket, interaction, response})
		sum.lost++
	}
	log, err := c.tickets.ListTicketEvents(t.Context(), &ticketv1.ListTicketEventsRequest{Parent: one.ticket.GetName()})
	if err != nil {
		t.Errorf("read the log of %s: %v", one.ticket.GetName(), err)
	}
	entries := map[ticketv1.TicketEvent_Kind]int{}
	for _, e := range log.GetEvents() {
		entries[e.GetKind()]++
	}
	for _, kind := range []ticketv1.TicketEvent_Kind{
		ticketv1.TicketEvent_KIND_OPENED, ticketv1.TicketEvent_KIND_INTERACTED, ticketv1.TicketEvent_KIND_ASSIGNED,
		ticketv1.TicketEvent_KIND_PENDED, ticketv1.TicketEvent_KIND_RESUMED, ticketv1.TicketEvent_KIND_RESOLVED,
	} {
		count(entries[kind], 1, "entries of "+kind.String())
	}
	got := lived(t, c, late, one)
	count(got[resolution(one)], 1, "touchpoints of its resolution")
	for _, name := range one.touchpoints {
		count(got[name], 1, "touchpoints named "+name)
	}
	count(got[one.interaction.GetName()], 1, "touchpoints of "+one.interaction.GetName())
	count(got[one.response.GetName()], 1, "touchpoints measured by "+one.response.GetName())
	return sum
}

// resolution stands for the touchpoint that the end of the turn's ticket became.
func resolution(one turn) string { return "the end of " + one.ticket.GetName() }

// lived counts the customer's touchpoints by what they are and stand for, once the
// interaction and the resolution have become some and the answer a measure, or when it
// is late.
func lived(t testing.TB, c *clients, late <-chan struct{}, one turn) map[string]int {
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		got := map[string]int{}
		list, err := c.touchpoints.ListTouchpoints(t.Context(), &journeyv1.ListTouchpointsRequest{Parent: one.customer, PageSize: 200})
		if err != nil && status.Code(err) != codes.NotFound { // nobody knows the customer yet
			t.Errorf("list the touchpoints of %s: %v", one.customer, err)
			return got
		}
		for _, p := range list.GetTouchpoints() {
			got[p.GetName()]++
			got[p.GetInteraction()]++
			if p.GetInteraction() == "" && p.GetTicket() == one.ticket.GetName() {
				got[resolution(one)]++
			}
			if p.GetMeasurement().GetRating() == one.response.GetAnswers()[0].GetRating() {
				got[p.GetResponse()]++
			}
		}
		if got[one.response.GetName()] > 0 && got[resolution(one)] > 0 {
			return got
		}
		select {
		case <-tick.C:
		case <-late:
			return got
		}
	}
}
