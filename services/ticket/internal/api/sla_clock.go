package api

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/ticket/internal/sla"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// GetSlaClock implements SlaService.
func (s *Server) GetSlaClock(ctx context.Context, req *ticketv1.GetSlaClockRequest) (*ticketv1.SlaClock, error) {
	at := resource.Now()
	if req.GetAsOfTime() != nil {
		at = req.GetAsOfTime().AsTime()
	}
	h, err := s.Store.History(ctx, name.Brand(req.GetName()), name.ID(req.GetName()))
	if partner := partnerOf(ctx); err == nil && partner != "" && h.Ticket.Partner != partner {
		err = store.ErrNotFound
	}
	if err != nil {
		return nil, explain(req.GetName(), err)
	}
	instances, err := s.clocks(ctx, h, at, sla.Clocks)
	if err != nil {
		return nil, err
	}
	answer := &ticketv1.SlaClock{Ticket: req.GetName(), AsOfTime: timestamppb.New(at)}
	for i := range instances {
		answer.Instances = append(answer.Instances, instanceProto(h.Ticket, &instances[i], true))
	}
	return answer, nil
}

// clocks returns the clocks of a ticket at a time, as [sla.Clocks] or [sla.Brief]
// does, by metric and episode.
func (s *Server) clocks(ctx context.Context, h store.History, at time.Time, of func(sla.History, time.Time) []sla.Instance) ([]sla.Instance, error) {
	history, _, err := s.outside(ctx).history(h)
	if err != nil {
		return nil, err
	}
	instances := of(history, at)
	slices.SortFunc(instances, func(a, b sla.Instance) int {
		return cmp.Or(cmp.Compare(a.Metric, b.Metric), cmp.Compare(a.Episode, b.Episode))
	})
	return instances, nil
}

// instanceProto returns a clock of t, with its segments or without.
func instanceProto(t store.Ticket, i *sla.Instance, segments bool) *ticketv1.SlaInstance {
	m := &ticketv1.SlaInstance{
		Name:                clockName(t.Brand, t.ID, int32(i.Metric), int32(i.Episode)), //nolint:gosec // few
		Metric:              ticketv1.SlaMetric(i.Metric),
		Episode:             int32(i.Episode), //nolint:gosec // few
		Policy:              ref(t.Brand, "slaPolicies", i.Policy),
		PolicyRevision:      i.PolicyRevision,
		Target:              durationpb.New(i.Target.Duration),
		BusinessTime:        i.Target.BusinessTime,
		State:               ticketv1.SlaInstance_State(i.State),
		Elapsed:             durationpb.New(i.Elapsed),
		ElapsedLastSchedule: durationpb.New(i.ElapsedLastSchedule),
		Remaining:           durationpb.New(i.Remaining),
		StartTime:           timestamppb.New(i.Start),
		StopTime:            timeProto(i.Stop),
		DueTime:             timeProto(i.Due),
		WarnTime:            timeProto(i.WarnTime),
		BreachTime:          timeProto(i.BreachTime),
	}
	if segments {
		m.Segments = segmentsProto(t.Brand, i.Segments)
	}
	return m
}

func segmentsProto(brand string, segments []sla.Segment) []*ticketv1.SlaInstance_Segment {
	all := make([]*ticketv1.SlaInstance_Segment, len(segments))
	for i := range segments {
		s := &segments[i]
		all[i] = &ticketv1.SlaInstance_Segment{
			StartTime: timestamppb.New(s.Start), EndTime: timestamppb.New(s.End),
			State: ticketv1.SlaInstance_Segment_State(s.State), Schedule: ref(brand, "schedules", s.Schedule),
		}
		if s.Reason != "" {
			all[i].Reason = "STATE_" + s.Reason
		}
	}
	return all
}

// clockName returns the name of a clock.
func clockName(brand, ticket string, metric, episode int32) string {
	kind := strings.ToLower(strings.TrimPrefix(ticketv1.SlaMetric(metric).String(), "SLA_METRIC_"))
	return name.Join(ticketName(brand, ticket), "slaInstances", fmt.Sprintf("%s-%d", kind, episode))
}

// clockFields are the fields that clocks are filtered by.
var clockFields = filter.Fields{
	{Name: "metric", Kind: filter.Enum, Enum: ticketv1.SlaMetric(0).Descriptor()},
	{Name: "state", Kind: filter.Enum, Enum: ticketv1.SlaInstance_State(0).Descriptor()},
	{Name: "due_time", Kind: filter.Time, Nullable: true},
	{Name: "breach_time", Kind: filter.Time, Nullable: true},
	{Name: "policy", Kind: filter.Name, Collection: "slaPolicies"},
}

// ListSlaInstances implements SlaService. A filter sees the clocks as the timers have
// left them; those returned stand as they do now.
func (s *Server) ListSlaInstances(ctx context.Context, req *ticketv1.ListSlaInstancesRequest) (*ticketv1.ListSlaInstancesResponse, error) {
	size, brand := page.Size(req), name.Brand(req.GetParent())
	picked, err := clockFields.Parse(req.GetFilter(), brand)
	if err != nil {
		return nil, err
	}
	l := store.ClockListing{Brand: brand, Partner: partnerOf(ctx), Where: picked.Where(s.DB.Postgres()), Limit: size + 1}
	if id := name.ID(req.GetParent()); id != "-" {
		if _, err := s.ticket(ctx, req.GetParent()); err != nil {
			return nil, err
		}
		l.Ticket = id
	}
	if err := page.Decode(req, &l.After); err != nil {
		return nil, err
	}
	rows, err := s.Store.Clocks(ctx, l)
	if err != nil {
		return nil, err
	}
	resp := &ticketv1.ListSlaInstancesResponse{}
	if len(rows) > size {
		rows = rows[:size]
		last := rows[size-1]
		resp.NextPageToken, err = page.Encode(req, store.ClockCursor{Ticket: last.Ticket, Metric: last.Metric, Episode: last.Episode})
		if err != nil {
			return nil, err
		}
	}
	resp.SlaInstances, err = s.present(ctx, brand, rows)
	return resp, err
}

// present returns the clocks of some rows as they stand now.
func (s *Server) present(ctx context.Context, brand string, rows []store.Clock) ([]*ticketv1.SlaInstance, error) {
	var ids []string
	for _, c := range rows {
		if len(ids) == 0 || ids[len(ids)-1] != c.Ticket {
			ids = append(ids, c.Ticket)
		}
	}
	if len(ids) == 0 {
		return nil, nil
	}
	tickets, err := store.TicketsOf(s.Store.Query(ctx), brand, ids)
	if err != nil {
		return nil, err
	}
	histories, err := store.Histories(s.Store.Query(ctx), brand, tickets)
	if err != nil {
		return nil, err
	}
	now, found := resource.Now(), make(map[string]*ticketv1.SlaInstance, len(rows))
	for _, h := range histories {
		instances, err := s.clocks(ctx, h, now, sla.Brief)
		if err != nil {
			return nil, err
		}
		for i := range instances {
			m := instanceProto(h.Ticket, &instances[i], false)
			found[m.GetName()] = m
		}
	}
	var all []*ticketv1.SlaInstance
	for _, c := range rows {
		if m := found[clockName(brand, c.Ticket, c.Metric, c.Episode)]; m != nil {
			all = append(all, m)
		}
	}
	return all, nil
}
