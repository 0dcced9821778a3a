package importer

import (
	"context"
	"fmt"
	"time"

	"github.com/google/uuid"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/importer/internal/mapping"
	"github.com/concentric-cx/concentric/services/internal/fault"
)

// services are the doors that an import goes through.
type services struct {
	admin        gatewayv1.AdminServiceClient
	journeyMap   journeyv1.JourneyMapServiceClient
	touchpoints  journeyv1.TouchpointServiceClient
	surveys      surveyv1.SurveyServiceClient
	responses    surveyv1.ResponseServiceClient
	feedback     surveyv1.FeedbackServiceClient
	tickets      ticketv1.TicketServiceClient
	interactions ticketv1.InteractionServiceClient
}

func newServices(conn grpc.ClientConnInterface) *services {
	return &services{
		admin:        gatewayv1.NewAdminServiceClient(conn),
		journeyMap:   journeyv1.NewJourneyMapServiceClient(conn),
		touchpoints:  journeyv1.NewTouchpointServiceClient(conn),
		surveys:      surveyv1.NewSurveyServiceClient(conn),
		responses:    surveyv1.NewResponseServiceClient(conn),
		feedback:     surveyv1.NewFeedbackServiceClient(conn),
		tickets:      ticketv1.NewTicketServiceClient(conn),
		interactions: ticketv1.NewInteractionServiceClient(conn),
	}
}

// send makes one step that is no touchpoint. existed says that its ticket was there
// before, named which names the row makes.
func (s *session) send(ctx context.Context, step *mapping.Step, existed bool, named func(string) bool) (result, error) {
	err := s.call(ctx, func(ctx context.Context) error {
		var err error
		switch req := step.Request.(type) {
		case *ticketv1.CreateTicketRequest:
			req.RequestId, req.ValidateOnly = s.requestID(step), s.opt.ValidateOnly
			_, err = s.services.tickets.CreateTicket(ctx, req)
		case *ticketv1.CreateInteractionRequest:
			req.RequestId, req.ValidateOnly = s.requestID(step), s.opt.ValidateOnly
			_, err = s.services.interactions.CreateInteraction(ctx, req)
		case *ticketv1.ResolveTicketRequest:
			req.RequestId, req.ValidateOnly = s.requestID(step), s.opt.ValidateOnly
			err = s.resolve(ctx, req, existed)
		case *surveyv1.SubmitResponseRequest:
			req.RequestId, req.ValidateOnly = s.requestID(step), s.opt.ValidateOnly
			_, err = s.services.responses.SubmitResponse(ctx, req)
		default:
			err = fmt.Errorf("a %T cannot be sent", req)
		}
		return err
	})
	return s.judge(step, err, named)
}

// resolve settles a ticket, unless it was there before and has been settled since.
func (s *session) resolve(ctx context.Context, req *ticketv1.ResolveTicketRequest, existed bool) error {
	if existed {
		t, err := s.services.tickets.GetTicket(ctx, &ticketv1.GetTicketRequest{Name: req.GetName()})
		if err != nil {
			return err
		}
		if t.GetResolveTime() != nil || t.GetReopenCount() > 0 {
			return status.Error(codes.AlreadyExists, "resolved already")
		}
	}
	_, err := s.services.tickets.ResolveTicket(ctx, req)
	return err
}

// requestID names what a step sends. A retry, and a run that goes on after this one
// was killed, use the same id; another import does not, so that the service can say
// what was there before.
func (s *session) requestID(step *mapping.Step) string {
	return s.uuid(string(step.Kind), step.Name)
}

func (s *session) uuid(parts ...string) string {
	return uuid.NewSHA1(uuid.MustParse(s.state.Import), fmt.Appendf(nil, "%q", parts)).String()
}

// judge says what became of a step by the error of its call. The error it returns
// stops the import.
func (s *session) judge(step *mapping.Step, err error, named func(string) bool) (result, error) {
	if err == nil {
		return result{outcome: sent}, nil
	}
	st := status.Convert(err)
	switch st.Code() {
	case codes.AlreadyExists:
		if fault.Reason(st.Err()) == "IDEMPOTENCY_MISMATCH" {
			return result{outcome: refused, refusals: []Refusal{refusal(step, "an earlier row has the same id and another content: "+step.Name)}}, nil
		}
		return result{outcome: repeated}, nil
	case codes.NotFound:
		if s.opt.ValidateOnly && s.wouldExist(st, named) {
			return s.offline(step), nil
		}
		fallthrough
	case codes.InvalidArgument, codes.FailedPrecondition, codes.OutOfRange:
		return result{outcome: refused, refusals: refusals(step, st)}, nil
	default:
		return result{}, fmt.Errorf("%s: %w", refusal(step, "stopped here"), err)
	}
}

// refusals makes one refusal of each field that a service finds fault with.
func refusals(step *mapping.Step, st *status.Status) []Refusal {
	var all []Refusal
	for _, f := range fault.Fields(st.Err()) {
		all = append(all, refusal(step, f.Path+": "+f.Description))
	}
	if len(all) == 0 {
		all = append(all, refusal(step, st.Message()))
	}
	return all
}

// call calls do, and again where that may help: the request has an id and has at
// most one effect.
func (s *session) call(ctx context.Context, do func(context.Context) error) error {
	const attempts = 7
	wait := 50 * time.Millisecond
	for attempt := 1; ; attempt++ {
		err := do(ctx)
		if attempt == attempts || ctx.Err() != nil || !passing(err) {
			return err
		}
		timer := time.NewTimer(max(wait, advised(err)))
		select {
		case <-ctx.Done():
			timer.Stop()
			return err
		case <-timer.C:
		}
		wait *= 2
	}
}

// passing reports whether what err tells of may be over soon.
func passing(err error) bool {
	switch status.Code(err) {
	case codes.Unavailable, codes.ResourceExhausted, codes.Aborted, codes.DeadlineExceeded:
		return true
	default:
		return false
	}
}

// advised returns how long the server says to wait.
func advised(err error) time.Duration {
	for _, d := range status.Convert(err).Details() {
		if r, ok := d.(*errdetails.RetryInfo); ok {
			return min(r.GetRetryDelay().AsDuration(), 10*time.Second)
		}
	}
	return 0
}
