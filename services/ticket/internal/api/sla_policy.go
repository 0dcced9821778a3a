package api

import (
	"cmp"
	"context"
	"fmt"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// maxPolicies is how many policies a brand can have.
const maxPolicies = 200

// policies are the policies of a server.
func (s *Server) policies() *resource.Resource[*ticketv1.SlaPolicy, store.SLAPolicy] {
	return &resource.Resource[*ticketv1.SlaPolicy, store.SLAPolicy]{
		DB: s.DB, Validator: s.Validator, Table: store.SLAPolicies, Collection: "slaPolicies", Field: "sla_policy",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "inactive", Kind: filter.Bool},
			{Name: "schedule", Kind: filter.Name, Collection: "schedules"},
			{Name: "position", Kind: filter.Number},
		},
		Orders: filter.Fields{
			{Name: "position", Kind: filter.Number, Order: "position"},
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
		},
		Message: policyProto,
		Row:     newPolicy,
		Check:   s.checkPolicy,
	}
}

func newPolicy(m *ticketv1.SlaPolicy, r table.Record) (store.SLAPolicy, error) {
	p := store.SLAPolicy{
		Record: r, DisplayName: m.GetDisplayName(), Position: m.GetPosition(), Inactive: m.GetInactive(),
		Conditions: newConditions(m.GetConditions()), Schedule: name.ID(m.GetSchedule()),
		BotCounts: m.GetBotCounts(), NoteCounts: m.GetNoteCounts(), AutomaticAcknowledges: m.GetAutomaticAcknowledges(),
	}
	type key struct{ metric, priority int32 }
	seen := map[key]bool{}
	for i, t := range m.GetTargets() {
		k := key{int32(t.GetMetric()), int32(t.GetPriority())}
		if seen[k] {
			return p, fault.Invalid(fault.Field{Path: fmt.Sprintf("sla_policy.targets[%d]", i), Reason: "target.twice", Description: "is of a metric and priority that have a target already"})
		}
		seen[k] = true
		p.Targets = append(p.Targets, store.Target{
			Metric: k.metric, Priority: k.priority, Duration: t.GetDuration().AsDuration(), WallClock: t.GetWallClock(),
			WarnAt: t.GetWarnAt(), PauseStates: codesOf(t.GetPauseStates()),
		})
	}
	return p, nil
}

func newConditions(c *ticketv1.SlaPolicy_Conditions) *store.Conditions {
	if c == nil {
		return nil
	}
	return &store.Conditions{
		Channels: codesOf(c.GetChannels()), Handlings: codesOf(c.GetHandlings()), IssueKinds: codesOf(c.GetIssueKinds()),
		Priorities: codesOf(c.GetPriorities()), Stages: codesOf(c.GetStages()), Phases: codesOf(c.GetPhases()), Origins: codesOf(c.GetOrigins()),
		Partners: idsOf(c.GetPartners()), Teams: idsOf(c.GetTeams()), IssueTypes: idsOf(c.GetIssueTypes()), Attributes: normal(c.GetAttributes()),
	}
}

func idsOf(in []string) (all []string) {
	for _, n := range in {
		all = append(all, name.ID(n))
	}
	return all
}

func refsOf(brand, collection string, in []string) (all []string) {
	for _, id := range in {
		all = append(all, ref(brand, collection, id))
	}
	return all
}

func policyProto(p store.SLAPolicy) *ticketv1.SlaPolicy {
	m := &ticketv1.SlaPolicy{
		Name: ref(p.Brand, "slaPolicies", p.ID), DisplayName: p.DisplayName, Position: p.Position, Inactive: p.Inactive,
		Schedule: ref(p.Brand, "schedules", p.Schedule), BotCounts: p.BotCounts, NoteCounts: p.NoteCounts,
		AutomaticAcknowledges: p.AutomaticAcknowledges, Revision: p.Revision,
		CreateTime: timestamppb.New(p.CreateTime), UpdateTime: timestamppb.New(p.UpdateTime), Etag: resource.Etag(p.Version),
	}
	if c := p.Conditions; c != nil {
		m.Conditions = conditionsProto(p.Brand, c)
	}
	for _, t := range p.Targets {
		target := &ticketv1.SlaPolicy_Target{
			Metric: ticketv1.SlaMetric(t.Metric), Priority: ticketv1.Ticket_Priority(t.Priority), Duration: durationpb.New(t.Duration),
			WallClock: t.WallClock, PauseStates: enumsOf[ticketv1.Ticket_State](t.PauseStates),
		}
		if t.WarnAt != 0 {
			target.WarnAt = &t.WarnAt
		}
		m.Targets = append(m.Targets, target)
	}
	return m
}

func conditionsProto(brand string, c *store.Conditions) *ticketv1.SlaPolicy_Conditions {
	return &ticketv1.SlaPolicy_Conditions{
		Channels:   enumsOf[typev1.Channel](c.Channels),
		Handlings:  enumsOf[typev1.Handling](c.Handlings),
		IssueKinds: enumsOf[ticketv1.Ticket_IssueKind](c.IssueKinds),
		Priorities: enumsOf[ticketv1.Ticket_Priority](c.Priorities),
		Stages:     enumsOf[typev1.Stage](c.Stages),
		Phases:     enumsOf[typev1.Phase](c.Phases),
		Origins:    enumsOf[typev1.Origin](c.Origins),
		Partners:   refsOf(brand, "partners", c.Partners),
		Teams:      refsOf(brand, "teams", c.Teams),
		IssueTypes: refsOf(brand, "issueTypes", c.IssueTypes),
		Attributes: c.Attributes,
	}
}

// checkPolicy makes a revision. A policy that comes back under its old id goes on
// where that ended.
func (s *Server) checkPolicy(tx *sqldb.Tx, old store.SLAPolicy, row *store.SLAPolicy) error {
	if row.Schedule != old.Schedule {
		if err := mustHave(tx, store.Schedules, row.Brand, "schedules", row.Schedule); err != nil {
			return err
		}
	}
	revision := *row
	if old.ID == "" {
		n, err := store.CountPolicies(tx, row.Brand)
		if err != nil {
			return err
		}
		if n >= maxPolicies {
			brand := name.Join("brands", row.Brand)
			return fault.Precondition("TOO_MANY_POLICIES", brand, "%s has %d policies and takes no more", brand, maxPolicies)
		}
		last, err := store.LastPolicy(tx, row.Brand, row.ID)
		if err != nil {
			return err
		}
		revision.Revision = last + 1
	} else {
		revision.Revision = old.Revision + 1
		revision.Version++ // as the row will have it
	}
	row.Revision = revision.Revision
	tx.AfterCommit(s.sla.book.forget)
	_, err := store.SLAPolicyRevisions.Add(tx, revision)
	return explain(ref(row.Brand, "slaPolicies", row.ID), err)
}

// CreateSlaPolicy implements SlaService.
func (s *Server) CreateSlaPolicy(ctx context.Context, req *ticketv1.CreateSlaPolicyRequest) (*ticketv1.SlaPolicy, error) {
	return s.policies().Create(ctx, req, req.GetSlaPolicy())
}

// GetSlaPolicy implements SlaService.
func (s *Server) GetSlaPolicy(ctx context.Context, req *ticketv1.GetSlaPolicyRequest) (*ticketv1.SlaPolicy, error) {
	return s.policies().Get(ctx, req.GetName())
}

// ListSlaPolicies implements SlaService.
func (s *Server) ListSlaPolicies(ctx context.Context, req *ticketv1.ListSlaPoliciesRequest) (*ticketv1.ListSlaPoliciesResponse, error) {
	page, next, err := s.policies().List(ctx, req, cmp.Or(req.GetOrderBy(), "position"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListSlaPoliciesResponse{SlaPolicies: page, NextPageToken: next}, nil
}

// UpdateSlaPolicy implements SlaService.
func (s *Server) UpdateSlaPolicy(ctx context.Context, req *ticketv1.UpdateSlaPolicyRequest) (*ticketv1.SlaPolicy, error) {
	return s.policies().Update(ctx, req, req.GetSlaPolicy())
}

// DeleteSlaPolicy implements SlaService.
func (s *Server) DeleteSlaPolicy(ctx context.Context, req *ticketv1.DeleteSlaPolicyRequest) (*emptypb.Empty, error) {
	defer s.sla.book.forget()
	return s.policies().Delete(ctx, req)
}

// ListSlaPolicyRevisions implements SlaService. Those of a deleted policy are there
// as well.
func (s *Server) ListSlaPolicyRevisions(ctx context.Context, req *ticketv1.ListSlaPolicyRevisionsRequest) (*ticketv1.ListSlaPolicyRevisionsResponse, error) {
	var before int64
	if err := page.Decode(req, &before); err != nil {
		return nil, err
	}
	l := table.Listing{
		Brand: name.Brand(req.GetName()), By: "revision DESC", Limit: page.Size(req) + 1,
		Where: []filter.Clause{{Text: "id = ?", Args: []any{name.ID(req.GetName())}}},
	}
	if before != 0 {
		l.Where = append(l.Where, filter.Clause{Text: "revision < ?", Args: []any{before}})
	}
	rows, err := store.SLAPolicyRevisions.List(ctx, s.DB, l)
	if err != nil {
		return nil, err
	}
	if len(rows) == 0 {
		return nil, fault.NotFound(req.GetName())
	}
	resp := &ticketv1.ListSlaPolicyRevisionsResponse{}
	for _, p := range rows {
		resp.SlaPolicies = append(resp.SlaPolicies, policyProto(p))
	}
	if n := page.Fit(req, resp.GetSlaPolicies()); n < len(rows) {
		resp.SlaPolicies = resp.GetSlaPolicies()[:n]
		resp.NextPageToken, err = page.Encode(req, rows[n-1].Revision)
	}
	return resp, err
}

// RollbackSlaPolicy implements SlaService.
func (s *Server) RollbackSlaPolicy(ctx context.Context, req *ticketv1.RollbackSlaPolicyRequest) (*ticketv1.SlaPolicy, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*ticketv1.SlaPolicy, error) {
		old, err := s.policies().Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		row, err := store.PolicyRevision(store.In(tx), old.Brand, old.ID, req.GetRevision())
		if err != nil {
			return nil, explain(fmt.Sprintf("%s@%d", n, req.GetRevision()), err)
		}
		row.Record = old.Record
		row.UpdateTime = resource.Now()
		if err := s.checkPolicy(tx, old, &row); err != nil {
			return nil, err
		}
		if row, err = store.SLAPolicies.Update(tx, row); err != nil {
			return nil, explain(n, err)
		}
		return policyProto(row), nil
	})
}
