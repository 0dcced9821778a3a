package api

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"slices"
	"sync"

	statuspb "google.golang.org/genproto/googleapis/rpc/status"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	journeyv1 "github.com/concentric-cx/concentric/gen/go/concentric/journey/v1"
	surveyv1 "github.com/concentric-cx/concentric/gen/go/concentric/survey/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
)

// Collect implements CollectService. It asks the services for no more than a call needs,
// whatever the caller may do itself. Its fields are set once, before serving.
type Collect struct {
	gatewayv1.UnimplementedCollectServiceServer

	Validator    *rpc.Validator
	Customers    journeyv1.CustomerServiceClient
	Touchpoints  journeyv1.TouchpointServiceClient
	Feedback     surveyv1.FeedbackServiceClient
	Invitations  surveyv1.InvitationServiceClient
	Responses    surveyv1.ResponseServiceClient
	Tickets      ticketv1.TicketServiceClient
	Interactions ticketv1.InteractionServiceClient
}

// collectSource is the source of all touchpoints that apps send.
const collectSource = "collect"

// bound returns the customer that a call is about, and a context in which calls may do what
// the scopes say in the customer's brand. A caller that is bound to a customer need not
// name it, and for such a caller there is no other.
func (c *Collect) bound(ctx context.Context, brand, given string, scopes ...string) (context.Context, string, error) {
	caller, _ := rpc.CallerFrom(ctx)
	customer := given
	switch {
	case caller.Customer != "" && given != "" && given != caller.Customer:
		return ctx, "", fault.NotFound(given)
	case caller.Customer != "":
		customer = caller.Customer
	case given == "":
		return ctx, "", fault.Invalid(fault.Field{
			Path: "customer", Reason: "REQUIRED", Description: "must say for whom: the credential is not that of one customer",
		})
	}
	if name.Brand(customer) != brand {
		return ctx, "", fault.Invalid(fault.Field{Path: "customer", Reason: "OTHER_BRAND", Description: "must be of the brand that is called"})
	}
	return rpc.ActAs(ctx, rpc.Caller{Brand: brand, Scopes: scopes, Subject: caller.Subject}), customer, nil
}

// A portion is what one service gets of a haul: items, and where they are in it.
type portion struct{ at []int }

// A haul is what an app sends, on its way to three services.
type haul struct {
	customer string
	items    []*gatewayv1.CollectItem
	results  []*gatewayv1.CollectResult

	touchpoints, feedback, invitations portion
}

// Collect implements CollectService.
func (c *Collect) Collect(ctx context.Context, req *gatewayv1.CollectRequest) (*gatewayv1.CollectResponse, error) {
	parent := req.GetParent()
	ctx, customer, err := c.bound(ctx, name.Brand(parent), req.GetCustomer(), "touchpoints:write", "feedback:write", "surveys:write", "customers:read")
	if err != nil {
		return nil, err
	}
	b := &haul{customer: customer, items: req.GetItems()}
	for i, item := range b.items {
		b.results = append(b.results, &gatewayv1.CollectResult{EventId: item.GetEventId()})
		if err := c.check(parent, item); err != nil {
			b.fail(i, status.Convert(err).Proto())
			continue
		}
		switch item.GetWhat().(type) {
		case *gatewayv1.CollectItem_Touchpoint:
			b.touchpoints.at = append(b.touchpoints.at, i)
		case *gatewayv1.CollectItem_Feedback:
			b.feedback.at = append(b.feedback.at, i)
		case *gatewayv1.CollectItem_InvitationEvent:
			b.invitations.at = append(b.invitations.at, i)
		}
	}
	ctx, cancel := within(ctx)
	defer cancel()
	var wg sync.WaitGroup
	for _, send := range []struct {
		portion
		to func(context.Context, string, *haul) error
	}{{b.touchpoints, c.sendTouchpoints}, {b.feedback, c.sendFeedback}, {b.invitations, c.sendEvents}} {
		if len(send.at) == 0 {
			continue
		}
		wg.Go(func() {
			if err := send.to(ctx, parent, b); err != nil {
				for _, i := range send.at {
					b.postpone(i, err)
				}
			}
		})
	}
	wg.Wait()
	return &gatewayv1.CollectResponse{Results: b.results}, nil
}

// within returns a context that leaves time to answer after its end.
func within(ctx context.Context) (context.Context, context.CancelFunc) {
	if deadline, ok := ctx.Deadline(); ok {
		return context.WithDeadline(ctx, deadline.Add(-margin))
	}
	return ctx, func() {}
}

// check looks at one item of a batch: at what an app may say of its customer.
func (c *Collect) check(parent string, item *gatewayv1.CollectItem) error {
	if err := c.Validator.Message(item); err != nil {
		return err
	}
	t, f := item.GetTouchpoint(), item.GetFeedback()
	for _, set := range []struct {
		path string
		is   bool
	}{
		{"touchpoint.source", t.GetSource() != ""},
		{"touchpoint.event_id", t.GetEventId() != ""},
		{"touchpoint.ticket", t.GetTicket() != ""},
		{"touchpoint.interaction", t.GetInteraction() != ""},
		{"feedback.customer", f.GetCustomer() != ""},
		{"feedback.external_id", f.GetExternalId() != ""},
		{"feedback.ticket", f.GetTicket() != ""},
		{"feedback.touchpoint", f.GetTouchpoint() != ""},
		{"feedback.public_reach", f != nil && f.PublicReach != nil},
	} {
		if set.is {
			return fault.Invalid(fault.Field{Path: set.path, Reason: "NOT_FROM_APPS", Description: "must be empty: it is not for an app to say"})
		}
	}
	if d := t.GetDefinition(); d != "" && name.Brand(d) != name.Brand(parent) {
		return fault.NotFound(d)
	}
	if n := item.GetInvitationEvent().GetInvitation(); n != "" && name.Brand(n) != name.Brand(parent) {
		return fault.NotFound(n)
	}
	return nil
}

// sendTouchpoints sends the touchpoints of a batch.
func (c *Collect) sendTouchpoints(ctx context.Context, parent string, b *haul) error {
	req := &journeyv1.BatchRecordTouchpointsRequest{Parent: parent}
	for _, i := range b.touchpoints.at {
		t := b.items[i].GetTouchpoint()
		// Event ids are of the brand; those of one app must not meet those of another.
		t.Source, t.EventId = collectSource, name.ID(b.customer)+"/"+b.items[i].GetEventId()
		req.Requests = append(req.Requests, &journeyv1.RecordTouchpointRequest{Parent: b.customer, Touchpoint: t})
	}
	res, err := c.Touchpoints.BatchRecordTouchpoints(ctx, req)
	if err != nil {
		return err
	}
	return b.each(b.touchpoints, len(res.GetResults()), func(i, at int) {
		r := res.GetResults()[i]
		switch r.GetOutcome() {
		case journeyv1.RecordTouchpointResult_OUTCOME_RECORDED:
			b.done(at, gatewayv1.CollectResult_OUTCOME_STORED, r.GetName())
		case journeyv1.RecordTouchpointResult_OUTCOME_REPEATED:
			b.done(at, gatewayv1.CollectResult_OUTCOME_REPEATED, r.GetName())
		default:
			b.fail(at, r.GetError())
		}
	})
}

// sendFeedback sends the feedback of a batch. Its ids follow from what apps call it, so
// that what was sent before is there.
func (c *Collect) sendFeedback(ctx context.Context, parent string, b *haul) error {
	req := &surveyv1.BatchCreateFeedbackRequest{Parent: parent, PartialSuccess: true}
	for _, i := range b.feedback.at {
		f := b.items[i].GetFeedback()
		f.Customer = b.customer
		req.Requests = append(req.Requests, &surveyv1.CreateFeedbackRequest{Parent: parent, Feedback: f, FeedbackId: b.feedbackID(i)})
	}
	res, err := c.Feedback.BatchCreateFeedback(ctx, req)
	if err != nil {
		return err
	}
	return b.each(b.feedback, len(res.GetResults()), func(i, at int) {
		switch r := res.GetResults()[i]; codes.Code(r.GetError().GetCode()) { //nolint:gosec // codes are small
		case codes.OK:
			b.done(at, gatewayv1.CollectResult_OUTCOME_STORED, r.GetFeedback().GetName())
		case codes.AlreadyExists:
			b.done(at, gatewayv1.CollectResult_OUTCOME_REPEATED, name.Join(parent, "feedback", b.feedbackID(at)))
		default:
			b.fail(at, r.GetError())
		}
	})
}

// feedbackID returns the id of the feedback at i.
func (b *haul) feedbackID(i int) string {
	sum := sha256.Sum256([]byte(b.customer + "\n" + b.items[i].GetEventId()))
	return "c-" + hex.EncodeToString(sum[:16])
}

// sendEvents sends the events of invitations of a batch, and those that are not found under
// the other names of the customer. They bear repeats by themselves.
func (c *Collect) sendEvents(ctx context.Context, parent string, b *haul) error {
	left, err := c.sendEventsOf(ctx, parent, b, b.invitations, b.customer)
	if err != nil || len(left.at) == 0 {
		return err
	}
	names, err := c.namesSoon(ctx, b.customer)
	if err != nil {
		return err
	}
	for _, n := range names {
		if n == b.customer || len(left.at) == 0 {
			continue
		}
		if left, err = c.sendEventsOf(ctx, parent, b, left, n); err != nil {
			return err
		}
	}
	return nil
}

// sendEventsOf sends events of invitations of a customer, and returns those that are not found.
func (c *Collect) sendEventsOf(ctx context.Context, parent string, b *haul, some portion, customer string) (left portion, err error) {
	req := &surveyv1.BatchRecordInvitationEventsRequest{Parent: parent}
	for _, i := range some.at {
		e := b.items[i].GetInvitationEvent()
		req.Requests = append(req.Requests, &surveyv1.RecordInvitationEventRequest{
			Name: e.GetInvitation(), Event: e.GetEvent(), EventTime: e.GetEventTime(), Customer: customer,
		})
	}
	res, err := c.Invitations.BatchRecordInvitationEvents(ctx, req)
	if err != nil {
		return left, err
	}
	err = b.each(some, len(res.GetResults()), func(i, at int) {
		r := res.GetResults()[i]
		if r.GetError() == nil {
			b.done(at, gatewayv1.CollectResult_OUTCOME_STORED, r.GetInvitation().GetName())
			return
		}
		b.fail(at, r.GetError())
		if codes.Code(r.GetError().GetCode()) == codes.NotFound { //nolint:gosec // codes are small
			left.at = append(left.at, at)
		}
	})
	return left, err
}

// each calls f for each of n results with its place in the batch.
func (b *haul) each(s portion, n int, f func(i, at int)) error {
	if n != len(s.at) {
		return fault.Unavailable("BAD_ANSWER", "a service did not answer for all items", nil)
	}
	for i, at := range s.at {
		f(i, at)
	}
	return nil
}

func (b *haul) done(i int, outcome gatewayv1.CollectResult_Outcome, n string) {
	b.results[i].Outcome, b.results[i].Name, b.results[i].Error = outcome, n, nil
}

// fail says why an item is not stored: for good, unless the reason passes.
func (b *haul) fail(i int, why *statuspb.Status) {
	b.results[i].Outcome, b.results[i].Error = gatewayv1.CollectResult_OUTCOME_REFUSED, why
	if passing(codes.Code(why.GetCode())) { //nolint:gosec // codes are small
		b.results[i].Outcome = gatewayv1.CollectResult_OUTCOME_RETRY
	}
}

// postpone says that the service an item is for gave no answer.
func (b *haul) postpone(i int, err error) {
	if b.results[i].GetOutcome() != gatewayv1.CollectResult_OUTCOME_UNSPECIFIED {
		return
	}
	st := status.Convert(err)
	if !passing(st.Code()) {
		st = status.Convert(fault.Unavailable("PART_FAILED", "a service that is needed could not answer", nil))
	}
	b.results[i].Outcome, b.results[i].Error = gatewayv1.CollectResult_OUTCOME_RETRY, st.Proto()
}

// passing reports whether what failed with the code may succeed later.
func passing(c codes.Code) bool {
	return slices.Contains([]codes.Code{codes.Unavailable, codes.DeadlineExceeded, codes.ResourceExhausted, codes.Aborted, codes.Canceled}, c)
}
