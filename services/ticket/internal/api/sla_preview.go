package api

import (
	"cmp"
	"context"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/lifecycle"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
)

// maxSegments is how many segments a preview shows.
const maxSegments = 1000

// PreviewSlaDeadline implements SlaService. What lies behind is counted by the hours
// that were in force then, what lies ahead by those of now.
func (s *Server) PreviewSlaDeadline(ctx context.Context, req *ticketv1.PreviewSlaDeadlineRequest) (*ticketv1.PreviewSlaDeadlineResponse, error) {
	target, schedule, err := s.previewed(ctx, req)
	if err != nil {
		return nil, err
	}
	brand := name.Brand(req.GetParent())
	hours, err := s.outside(ctx).timeline(brand, schedule)
	if err != nil {
		return nil, err
	}
	now := resource.Now()
	start := now
	if req.GetStartTime() != nil {
		start = req.GetStartTime().AsTime()
	}
	h := sla.History{
		Events: []sla.Event{{Time: start, Kind: sla.Moved, State: lifecycle.New}},
		Policies: []sla.Applied{{
			From: start, Schedules: hours,
			Policy: &sla.Policy{Targets: map[sla.Metric]sla.Target{sla.Resolution: {Duration: target, BusinessTime: schedule != ""}}},
		}},
	}
	if start.After(now) {
		now = start
	}
	due := sla.Brief(h, now)[0].Due
	if due.IsZero() {
		return nil, fault.Precondition("NEVER_DUE", req.GetParent(), "the time is not used up within 20 years")
	}
	return &ticketv1.PreviewSlaDeadlineResponse{
		DueTime: timestamppb.New(due), Target: durationpb.New(target),
		Segments: segmentsProto(brand, sla.First(h, due, maxSegments)[0].Segments),
	}, nil
}

// previewed returns the target that req asks for, and the schedule that counts it.
func (s *Server) previewed(ctx context.Context, req *ticketv1.PreviewSlaDeadlineRequest) (time.Duration, string, error) {
	if req.GetTarget() != nil {
		if req.GetSchedule() != "" {
			if _, err := s.schedules().Get(ctx, req.GetSchedule()); err != nil {
				return 0, "", err
			}
		}
		return req.GetTarget().AsDuration(), name.ID(req.GetSchedule()), nil
	}
	p, err := s.policies().Get(ctx, req.GetSlaPolicy())
	if err != nil {
		return 0, "", err
	}
	row, err := newPolicy(p, table.Record{})
	if err != nil {
		return 0, "", err
	}
	priority := cmp.Or(req.GetPriority(), ticketv1.Ticket_PRIORITY_NORMAL)
	target, ok := newPromise(row).of(int32(priority)).Targets[sla.Metric(req.GetMetric())]
	switch {
	case !ok:
		return 0, "", fault.Invalid(fault.Field{Path: "metric", Reason: "NO_TARGET", Description: "has no target in the policy for that priority"})
	case !target.BusinessTime:
		return target.Duration, "", nil
	}
	return target.Duration, row.Schedule, nil
}
