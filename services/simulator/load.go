package simulator

import (
	"context"
	"fmt"
	"slices"
	"sync"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
)

const (
	batch       = 1000 // touchpoints a call
	concurrency = 16   // customers at a time
)

// A loader tells lives to the services.
type loader struct {
	touchpoints  journeyv1.TouchpointServiceClient
	tickets      ticketv1.TicketServiceClient
	interactions ticketv1.InteractionServiceClient
	sessions     ticketv1.SelfServiceServiceClient
	invitations  surveyv1.InvitationServiceClient
	responses    surveyv1.ResponseServiceClient

	progress func(done, total int)
	total    int

	mu  sync.Mutex
	sum Summary
}

func newLoader(conn grpc.ClientConnInterface, w *world, progress func(done, total int)) *loader {
	return &loader{
		touchpoints:  journeyv1.NewTouchpointServiceClient(conn),
		tickets:      ticketv1.NewTicketServiceClient(conn),
		interactions: ticketv1.NewInteractionServiceClient(conn),
		sessions:     ticketv1.NewSelfServiceServiceClient(conn),
		invitations:  surveyv1.NewInvitationServiceClient(conn),
		responses:    surveyv1.NewResponseServiceClient(conn),
		progress:     progress, total: w.customers, sum: Summary{Brand: w.brand},
	}
}

// load lives through all lives, several at a time, and sends their touchpoints in
// batches when that is done: whose touchpoints are there has been lived for. The
// first error ends it.
func (l *loader) load(ctx context.Context, lives []*life) error {
	if err := l.liveAll(ctx, lives); err != nil {
		return err
	}
	var all []*journeyv1.RecordTouchpointRequest
	for _, life := range lives {
		all = append(all, life.touchpoints...)
	}
	for chunk := range slices.Chunk(all, batch) {
		if err := l.record(ctx, lives[0].brand, chunk); err != nil {
			return err
		}
	}
	return nil
}

func (l *loader) liveAll(ctx context.Context, lives []*life) error {
	ctx, stop := context.WithCancelCause(ctx)
	defer stop(nil)
	work := make(chan *life)
	var wg sync.WaitGroup
	for range concurrency {
		wg.Go(func() {
			for life := range work {
				if err := l.live(ctx, life); err != nil {
					stop(err)
				}
			}
		})
	}
	for _, life := range lives {
		select {
		case work <- life:
		case <-ctx.Done():
		}
	}
	close(work)
	wg.Wait()
	return context.Cause(ctx)
}

// record sends touchpoints. Those that are there already stay as they are.
func (l *loader) record(ctx context.Context, brand string, requests []*journeyv1.RecordTouchpointRequest) error {
	res, err := l.touchpoints.BatchRecordTouchpoints(ctx, &journeyv1.BatchRecordTouchpointsRequest{
		Parent: brand, Requests: requests,
	})
	if err != nil {
		return fmt.Errorf("record touchpoints: %w", err)
	}
	for i, r := range res.GetResults() {
		switch r.GetOutcome() {
		case journeyv1.RecordTouchpointResult_OUTCOME_RECORDED:
			l.sum.Touchpoints++
		case journeyv1.RecordTouchpointResult_OUTCOME_REFUSED:
			return fmt.Errorf("record touchpoint %s: %w", requests[i].GetTouchpointId(), status.ErrorProto(r.GetError()))
		}
	}
	return nil
}

// live goes through one life, unless an earlier run has.
func (l *loader) live(ctx context.Context, life *life) error {
	known, err := l.known(ctx, life)
	if err != nil {
		return fmt.Errorf("look for %s: %w", life.customer(), err)
	}
	var sum Summary
	if known {
		sum.Known = 1
		life.touchpoints = nil
	} else if err := l.walk(ctx, life, &sum); err != nil {
		return err
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Customers++
	l.sum.Known += sum.Known
	l.sum.Tickets += sum.Tickets
	l.sum.Interactions += sum.Interactions
	l.sum.Invitations += sum.Invitations
	l.sum.Responses += sum.Responses
	if l.progress != nil {
		l.progress(l.sum.Customers, l.total)
	}
	return nil
}

// known says whether the last thing an earlier run does for a life is done.
func (l *loader) known(ctx context.Context, life *life) (bool, error) {
	if len(life.touchpoints) == 0 {
		return false, nil
	}
	last := life.touchpoints[len(life.touchpoints)-1]
	_, err := l.touchpoints.GetTouchpoint(ctx, &journeyv1.GetTouchpointRequest{
		Name: name.Join(last.GetParent(), "touchpoints", last.GetTouchpointId()),
	})
	if status.Code(err) == codes.NotFound {
		return false, nil
	}
	return err == nil, err
}

// walk takes the steps of a life in order. An earlier run that was interrupted may
// have taken some: a step that is there as it would be now counts again, and a
// ticket that is there in another form stays as it is, with all that belongs to it.
func (l *loader) walk(ctx context.Context, life *life, sum *Summary) error {
	left := map[string]bool{}
	for _, s := range life.steps {
		if left[s.ticket] {
			continue
		}
		err := l.take(ctx, s, sum)
		if exists(err) {
			left[s.ticket] = s.ticket != ""
			continue
		}
		if err != nil {
			return fmt.Errorf("%s: %w", s.call.ProtoReflect().Descriptor().Name(), err)
		}
	}
	return nil
}

// take makes the call of one step and counts it.
func (l *loader) take(ctx context.Context, s step, sum *Summary) (err error) {
	switch req := s.call.(type) {
	case *ticketv1.CreateTicketRequest:
		_, err = l.tickets.CreateTicket(ctx, req)
		count(&sum.Tickets, err)
	case *ticketv1.CreateInteractionRequest:
		_, err = l.interactions.CreateInteraction(ctx, req)
		count(&sum.Interactions, err)
	case *ticketv1.ResolveTicketRequest:
		_, err = l.tickets.ResolveTicket(ctx, req)
	case *ticketv1.CreateSelfServiceSessionRequest:
		_, err = l.sessions.CreateSelfServiceSession(ctx, req)
	case *surveyv1.CheckEligibilityRequest:
		return l.ask(ctx, req, s.answer, sum)
	}
	return err
}

// ask stores the decision whether to ask, and the answer of a customer who gives one.
func (l *loader) ask(ctx context.Context, req *surveyv1.CheckEligibilityRequest, answer *surveyv1.SubmitResponseRequest, sum *Summary) error {
	inv, err := l.invitations.CheckEligibility(ctx, req)
	if err != nil || inv.GetDecision() != surveyv1.Invitation_DECISION_SENT {
		return err
	}
	sum.Invitations++
	if answer == nil {
		return nil
	}
	answer.Response.Invitation = inv.GetName()
	_, err = l.responses.SubmitResponse(ctx, answer)
	count(&sum.Responses, err)
	return err
}

func count(n *int, err error) {
	if err == nil {
		*n++
	}
}
