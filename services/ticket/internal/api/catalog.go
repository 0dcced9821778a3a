package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	typev1 "github.com/concentric-cx/concentric/gen/go/concentric/type/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// issueTypes are the issue types of a server.
func (s *Server) issueTypes() *resource.Resource[*ticketv1.IssueType, store.IssueType] {
	return &resource.Resource[*ticketv1.IssueType, store.IssueType]{
		DB: s.DB, Validator: s.Validator, Table: store.IssueTypes, Collection: "issueTypes", Field: "issue_type",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "issue_kind", Kind: filter.Enum, Enum: ticketv1.Ticket_IssueKind(0).Descriptor()},
			{Name: "stage", Kind: filter.Enum, Enum: typev1.Stage(0).Descriptor()},
			{Name: "phase", Kind: filter.Enum, Enum: typev1.Phase(0).Descriptor()},
		},
		Orders: byDisplayName,
		Message: func(i store.IssueType) *ticketv1.IssueType {
			return &ticketv1.IssueType{
				Name: ref(i.Brand, "issueTypes", i.ID), DisplayName: i.DisplayName, IssueKind: ticketv1.Ticket_IssueKind(i.IssueKind),
				Stage: typev1.Stage(i.Stage), Phase: typev1.Phase(i.Phase), Priority: ticketv1.Ticket_Priority(i.Priority),
				RedressSteps: prescribedProto(i.RedressSteps),
				CreateTime:   timestamppb.New(i.CreateTime), UpdateTime: timestamppb.New(i.UpdateTime), Etag: resource.Etag(i.Version),
			}
		},
		Row: func(m *ticketv1.IssueType, r table.Record) (store.IssueType, error) {
			return store.IssueType{
				Record: r, DisplayName: m.GetDisplayName(), IssueKind: int32(m.GetIssueKind()), Stage: int32(m.GetStage()),
				Phase: int32(m.GetPhase()), Priority: int32(m.GetPriority()), RedressSteps: newPrescribed(m.GetRedressSteps()),
			}, nil
		},
	}
}

// problems are the problems of a server.
func (s *Server) problems() *resource.Resource[*ticketv1.Problem, store.Problem] {
	return &resource.Resource[*ticketv1.Problem, store.Problem]{
		DB: s.DB, Validator: s.Validator, Table: store.Problems, Collection: "problems", Field: "problem",
		Filters: filter.Fields{
			{Name: "title"},
			{Name: "state", Kind: filter.Enum, Enum: ticketv1.Problem_State(0).Descriptor()},
			{Name: "function_owner", Kind: filter.Enum, Enum: typev1.Function(0).Descriptor()},
			{Name: "ticket_count", Kind: filter.Number, Column: store.TicketCount},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
			{Name: "ticket_count", Kind: filter.Number, Order: store.TicketCount},
		},
		Message: func(p store.Problem) *ticketv1.Problem {
			return &ticketv1.Problem{
				Name: ref(p.Brand, "problems", p.ID), Title: p.Title, RootCause: p.RootCause, State: ticketv1.Problem_State(p.State),
				FunctionOwner: typev1.Function(p.FunctionOwner), TicketCount: p.TicketCount,
				CreateTime: timestamppb.New(p.CreateTime), UpdateTime: timestamppb.New(p.UpdateTime), Etag: resource.Etag(p.Version),
			}
		},
		Row: func(m *ticketv1.Problem, r table.Record) (store.Problem, error) {
			return store.Problem{
				Record: r, Title: m.GetTitle(), RootCause: m.GetRootCause(),
				State: int32(cmp.Or(m.GetState(), ticketv1.Problem_STATE_OPEN)), FunctionOwner: int32(m.GetFunctionOwner()),
			}, nil
		},
		InUse: store.ProblemInUse, Users: "tickets",
	}
}

func newPrescribed(in []*ticketv1.IssueType_RedressStep) (all []store.PrescribedStep) {
	for _, step := range in {
		s := store.PrescribedStep{Title: step.GetTitle()}
		if step.GetDueAfter() != nil {
			d := step.GetDueAfter().AsDuration()
			s.DueAfter = &d
		}
		all = append(all, s)
	}
	return all
}

func prescribedProto(in []store.PrescribedStep) (all []*ticketv1.IssueType_RedressStep) {
	for _, step := range in {
		s := &ticketv1.IssueType_RedressStep{Title: step.Title}
		if step.DueAfter != nil {
			s.DueAfter = durationpb.New(*step.DueAfter)
		}
		all = append(all, s)
	}
	return all
}

// CreateIssueType implements CatalogService.
func (s *Server) CreateIssueType(ctx context.Context, req *ticketv1.CreateIssueTypeRequest) (*ticketv1.IssueType, error) {
	return s.issueTypes().Create(ctx, req, req.GetIssueType())
}

// GetIssueType implements CatalogService.
func (s *Server) GetIssueType(ctx context.Context, req *ticketv1.GetIssueTypeRequest) (*ticketv1.IssueType, error) {
	return s.issueTypes().Get(ctx, req.GetName())
}

// ListIssueTypes implements CatalogService.
func (s *Server) ListIssueTypes(ctx context.Context, req *ticketv1.ListIssueTypesRequest) (*ticketv1.ListIssueTypesResponse, error) {
	page, next, err := s.issueTypes().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListIssueTypesResponse{IssueTypes: page, NextPageToken: next}, nil
}

// UpdateIssueType implements CatalogService.
func (s *Server) UpdateIssueType(ctx context.Context, req *ticketv1.UpdateIssueTypeRequest) (*ticketv1.IssueType, error) {
	return s.issueTypes().Update(ctx, req, req.GetIssueType())
}

// DeleteIssueType implements CatalogService.
func (s *Server) DeleteIssueType(ctx context.Context, req *ticketv1.DeleteIssueTypeRequest) (*emptypb.Empty, error) {
	return s.issueTypes().Delete(ctx, req)
}

// CreateProblem implements CatalogService.
func (s *Server) CreateProblem(ctx context.Context, req *ticketv1.CreateProblemRequest) (*ticketv1.Problem, error) {
	return s.problems().Create(ctx, req, req.GetProblem())
}

// GetProblem implements CatalogService.
func (s *Server) GetProblem(ctx context.Context, req *ticketv1.GetProblemRequest) (*ticketv1.Problem, error) {
	return s.problems().Get(ctx, req.GetName())
}

// ListProblems implements CatalogService.
func (s *Server) ListProblems(ctx context.Context, req *ticketv1.ListProblemsRequest) (*ticketv1.ListProblemsResponse, error) {
	page, next, err := s.problems().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListProblemsResponse{Problems: page, NextPageToken: next}, nil
}

// UpdateProblem implements CatalogService.
func (s *Server) UpdateProblem(ctx context.Context, req *ticketv1.UpdateProblemRequest) (*ticketv1.Problem, error) {
	return s.problems().Update(ctx, req, req.GetProblem())
}

// DeleteProblem implements CatalogService.
func (s *Server) DeleteProblem(ctx context.Context, req *ticketv1.DeleteProblemRequest) (*emptypb.Empty, error) {
	return s.problems().Delete(ctx, req)
}

// AttachTickets implements CatalogService. A deleted ticket is refused.
func (s *Server) AttachTickets(ctx context.Context, req *ticketv1.AttachTicketsRequest) (*ticketv1.Problem, error) {
	return s.tie(ctx, req, store.Attach)
}

// DetachTickets implements CatalogService.
func (s *Server) DetachTickets(ctx context.Context, req *ticketv1.DetachTicketsRequest) (*ticketv1.Problem, error) {
	return s.tie(ctx, req, store.Detach)
}

// A tieRequest names a problem and tickets.
type tieRequest interface {
	once.Request
	GetName() string
	GetTickets() []string
}

// tie lets change, which is [store.Attach] or [store.Detach], have its effect on the
// tickets of req and tells the others.
func (s *Server) tie(ctx context.Context, req tieRequest, change func(*sqldb.Tx, store.Tie) ([]store.Ticket, error)) (*ticketv1.Problem, error) {
	n := req.GetName()
	t := store.Tie{Brand: name.Brand(n), Problem: name.ID(n), Now: resource.Now()}
	for _, ticket := range req.GetTickets() {
		t.Tickets = append(t.Tickets, name.ID(ticket))
	}
	return once.Do(ctx, s.DB, t.Brand, req, func(tx *sqldb.Tx) (*ticketv1.Problem, error) {
		if _, err := s.problems().Lock(tx, n, ""); err != nil {
			return nil, err
		}
		changed, err := change(tx, t)
		if err != nil {
			return nil, err
		}
		for _, ticket := range changed {
			if !ticket.DeleteTime.IsZero() && ticket.Problem != "" {
				n := ticketName(t.Brand, ticket.ID)
				return nil, fault.Precondition("DELETED", n, "%s is deleted; undelete it first", n)
			}
			s.Outbox.Emit(tx, ticketUpdated(ticket))
		}
		missing, err := store.MissingTickets(tx, t.Brand, t.Tickets)
		if err != nil {
			return nil, err
		}
		if len(missing) > 0 {
			return nil, fault.NotFound(ticketName(t.Brand, missing[0]))
		}
		p, err := store.Problems.Get(tx, t.Brand, t.Problem)
		if err != nil {
			return nil, explain(n, err)
		}
		return s.problems().Message(p), nil
	})
}
