package api

import (
	"cmp"
	"context"

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
	"github.com/concentric-cx/concentric/services/ticket/internal/deflection"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// sessions are the self-service sessions of a server.
func (s *Server) sessions() *resource.Resource[*ticketv1.SelfServiceSession, store.Session] {
	return &resource.Resource[*ticketv1.SelfServiceSession, store.Session]{
		DB: s.DB, Validator: s.Validator, Table: store.Sessions, Collection: "selfServiceSessions", Field: "self_service_session",
		Filters: filter.Fields{
			{Name: "customer", Kind: filter.Name, Collection: "customers"},
			{Name: "kind", Kind: filter.Enum, Enum: ticketv1.SelfServiceSession_Kind(0).Descriptor()},
			{Name: "channel", Kind: filter.Enum, Enum: typev1.Channel(0).Descriptor()},
			{Name: "issue_kind", Kind: filter.Enum, Enum: ticketv1.Ticket_IssueKind(0).Descriptor()},
			{Name: "verdict", Kind: filter.Enum, Enum: ticketv1.SelfServiceSession_Verdict(0).Descriptor()},
			{Name: "start_time", Kind: filter.Time},
		},
		Orders:  filter.Fields{{Name: "start_time", Kind: filter.Time, Order: "start_time"}},
		Message: sessionProto,
		Row:     newSession,
		Check: func(_ *sqldb.Tx, _ store.Session, one *store.Session) error {
			return s.Tombstones.Refuse(one.Brand, one.Customer)
		},
	}
}

// newSession makes the row of a new session, with the defaults of the contract.
func newSession(m *ticketv1.SelfServiceSession, r table.Record) (store.Session, error) {
	now := r.CreateTime
	start, err := given("self_service_session.start_time", m.GetStartTime(), now)
	if err != nil {
		return store.Session{}, err
	}
	end, err := given("self_service_session.end_time", m.GetEndTime(), now)
	if err != nil {
		return store.Session{}, err
	}
	start = or(start, now)
	end = or(end, start)
	if end.Before(start) {
		return store.Session{}, fault.Invalid(fault.Field{
			Path: "self_service_session.end_time", Description: "must not be before start_time", Reason: "timestamp.order",
		})
	}
	return store.Session{
		Record:    r,
		Customer:  name.ID(m.GetCustomer()),
		Kind:      int32(m.GetKind()),
		Channel:   int32(m.GetChannel()),
		IssueKind: int32(m.GetIssueKind()),
		Stage:     int32(cmp.Or(m.GetStage(), typev1.Stage_STAGE_RETENTION)),
		Phase:     int32(cmp.Or(m.GetPhase(), typev1.Phase_PHASE_POST_PURCHASE)),
		StartTime: start,
		EndTime:   end,
		Verdict:   deflection.Verdict(m.GetVerdict()),
		Articles:  m.GetArticles(),
	}, nil
}

func sessionProto(s store.Session) *ticketv1.SelfServiceSession {
	return &ticketv1.SelfServiceSession{
		Name:       ref(s.Brand, "selfServiceSessions", s.ID),
		Customer:   ref(s.Brand, "customers", s.Customer),
		Kind:       ticketv1.SelfServiceSession_Kind(s.Kind),
		Channel:    typev1.Channel(s.Channel),
		IssueKind:  ticketv1.Ticket_IssueKind(s.IssueKind),
		Stage:      typev1.Stage(s.Stage),
		Phase:      typev1.Phase(s.Phase),
		StartTime:  timestamppb.New(s.StartTime),
		EndTime:    timestamppb.New(s.EndTime),
		Verdict:    ticketv1.SelfServiceSession_Verdict(s.Verdict),
		Articles:   s.Articles,
		Deflection: ticketv1.SelfServiceSession_Deflection(s.Deflection(resource.Now())),
		Contact:    ref(s.Brand, "tickets", s.Contact),
		CreateTime: timestamppb.New(s.CreateTime),
	}
}

// CreateSelfServiceSession implements SelfServiceService.
func (s *Server) CreateSelfServiceSession(ctx context.Context, req *ticketv1.CreateSelfServiceSessionRequest) (*ticketv1.SelfServiceSession, error) {
	return s.sessions().Create(ctx, req, req.GetSelfServiceSession())
}

// GetSelfServiceSession implements SelfServiceService.
func (s *Server) GetSelfServiceSession(ctx context.Context, req *ticketv1.GetSelfServiceSessionRequest) (*ticketv1.SelfServiceSession, error) {
	return s.sessions().Get(ctx, req.GetName())
}

// ListSelfServiceSessions implements SelfServiceService.
func (s *Server) ListSelfServiceSessions(ctx context.Context, req *ticketv1.ListSelfServiceSessionsRequest) (*ticketv1.ListSelfServiceSessionsResponse, error) {
	page, next, err := s.sessions().List(ctx, req, "start_time desc")
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListSelfServiceSessionsResponse{SelfServiceSessions: page, NextPageToken: next}, nil
}

// RateSelfServiceSession implements SelfServiceService.
func (s *Server) RateSelfServiceSession(ctx context.Context, req *ticketv1.RateSelfServiceSessionRequest) (*ticketv1.SelfServiceSession, error) {
	n := req.GetName()
	return once.Do(ctx, s.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*ticketv1.SelfServiceSession, error) {
		row, err := s.sessions().Lock(tx, n, "")
		if err != nil {
			return nil, err
		}
		row.Verdict, row.UpdateTime = deflection.Verdict(req.GetVerdict()), resource.Now()
		if row, err = store.Sessions.Update(tx, row); err != nil {
			return nil, explain(n, err)
		}
		return sessionProto(row), nil
	})
}
