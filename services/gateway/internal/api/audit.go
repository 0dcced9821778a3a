package api

import (
	"cmp"
	"context"
	"slices"
	"sync"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/timestamppb"

	eventv1 "github.com/concentric-cx/concentric/gen/go/concentric/event/v1"
	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/internal/audit"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
)

// Audit implements AuditService from the logs of all services. Its fields are set once,
// before serving.
type Audit struct {
	gatewayv1.UnimplementedAuditServiceServer

	Log                     *audit.Log // of the gateway
	Ticket, Survey, Journey eventv1.AuditLogServiceClient
}

// parts are the services that have logs, in the order of the alphabet.
func (a *Audit) parts() []auditPart {
	return []auditPart{{"gateway", nil}, {"journey", a.Journey}, {"survey", a.Survey}, {"ticket", a.Ticket}}
}

type auditPart struct {
	service string
	client  eventv1.AuditLogServiceClient // nil for the gateway's own
}

// ListAuditEvents implements AuditService.
func (a *Audit) ListAuditEvents(ctx context.Context, req *gatewayv1.ListAuditEventsRequest) (*gatewayv1.ListAuditEventsResponse, error) {
	var after struct {
		Time int64 // in microseconds
		Name string
	}
	if err := page.Decode(req, &after); err != nil {
		return nil, err
	}
	size := page.Size(req)
	ask := &eventv1.ListAuditLogRequest{
		Parent: req.GetParent(), PageSize: int32(size + 1), StartTime: req.GetStartTime(), EndTime: req.GetEndTime(), //nolint:gosec // 201 at most
		Subject: req.GetSubject(), Method: req.GetMethod(), Resource: req.GetResource(),
	}
	if after.Name != "" {
		ask.AfterName = after.Name
		ask.AfterTime = &timestamppb.Timestamp{Seconds: after.Time / 1e6, Nanos: int32(after.Time % 1e6 * 1e3)} //nolint:gosec // less than a second
	}
	lists, err := each(a.parts(), func(p auditPart) ([]*eventv1.AuditEvent, error) {
		own := &eventv1.ListAuditLogRequest{
			Service: p.service, Parent: ask.GetParent(), PageSize: ask.GetPageSize(), StartTime: ask.GetStartTime(), EndTime: ask.GetEndTime(),
			Subject: ask.GetSubject(), Method: ask.GetMethod(), Resource: ask.GetResource(), AfterTime: ask.GetAfterTime(), AfterName: ask.GetAfterName(),
		}
		if p.client == nil {
			return a.Log.List(ctx, own)
		}
		res, err := p.client.ListAuditLog(ctx, own)
		return res.GetAuditEvents(), err
	})
	if err != nil {
		return nil, err
	}
	all := slices.Concat(lists...)
	// As each log is sorted, newest first; at one instant by the service.
	slices.SortStableFunc(all, func(x, y *eventv1.AuditEvent) int {
		return cmp.Or(y.GetEventTime().AsTime().Compare(x.GetEventTime().AsTime()), cmp.Compare(x.GetService(), y.GetService()))
	})
	res := &gatewayv1.ListAuditEventsResponse{AuditEvents: all[:min(size, len(all))]}
	if len(all) > size {
		last := all[size-1]
		after.Time, after.Name = last.GetEventTime().AsTime().UnixMicro(), last.GetName()
		res.NextPageToken, err = page.Encode(req, after)
	}
	return res, err
}

// VerifyAuditEvents implements AuditService.
func (a *Audit) VerifyAuditEvents(ctx context.Context, req *gatewayv1.VerifyAuditEventsRequest) (*gatewayv1.VerifyAuditEventsResponse, error) {
	answers, err := each(a.parts(), func(p auditPart) (*eventv1.VerifyAuditLogResponse, error) {
		ask := &eventv1.VerifyAuditLogRequest{Parent: req.GetParent(), Service: p.service}
		if i := slices.IndexFunc(req.GetKnown(), func(h *eventv1.AuditHead) bool { return h.GetService() == p.service }); i >= 0 {
			ask.Known = req.GetKnown()[i]
		}
		if p.client != nil {
			return p.client.VerifyAuditLog(ctx, ask)
		}
		res, err := a.Log.Verify(ctx, name.Brand(req.GetParent()), ask.GetKnown())
		if err == nil {
			res.Head.Service = p.service
		}
		return res, err
	})
	if err != nil {
		return nil, err
	}
	return &gatewayv1.VerifyAuditEventsResponse{Services: answers}, nil
}

// each asks all logs at the same time. One that cannot be asked fails the call.
func each[T any](parts []auditPart, ask func(auditPart) (T, error)) ([]T, error) {
	answers, errs := make([]T, len(parts)), make([]error, len(parts))
	var wg sync.WaitGroup
	for i, p := range parts {
		wg.Go(func() { answers[i], errs[i] = ask(p) })
	}
	wg.Wait()
	for i, err := range errs {
		switch {
		case err == nil:
		case passing(status.Code(err)) || status.Code(err) == codes.Unimplemented:
			return nil, fault.Unavailable("LOG_MISSING", "the log of the "+parts[i].service+" service cannot be read", err)
		default:
			return nil, err
		}
	}
	return answers, nil
}
