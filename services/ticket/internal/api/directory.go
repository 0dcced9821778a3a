package api

import (
	"cmp"
	"context"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// byDisplayName are the fields that a list of what people call by a name can be
// ordered by.
var byDisplayName = filter.Fields{
	{Name: "name", Kind: filter.Name, Order: "id"},
	{Name: "display_name", Order: "display_name"},
}

// partners are the partners of a server.
func (s *Server) partners() *resource.Resource[*ticketv1.Partner, store.Partner] {
	return &resource.Resource[*ticketv1.Partner, store.Partner]{
		DB: s.DB, Validator: s.Validator, Table: store.Partners, Collection: "partners", Field: "partner", Owner: "id",
		Filters: filter.Fields{{Name: "display_name"}, {Name: "inactive", Kind: filter.Bool}},
		Orders:  byDisplayName,
		Message: func(p store.Partner) *ticketv1.Partner {
			return &ticketv1.Partner{
				Name: ref(p.Brand, "partners", p.ID), DisplayName: p.DisplayName, Inactive: p.Inactive,
				CreateTime: timestamppb.New(p.CreateTime), UpdateTime: timestamppb.New(p.UpdateTime), Etag: resource.Etag(p.Version),
			}
		},
		Row: func(m *ticketv1.Partner, r table.Record) (store.Partner, error) {
			return store.Partner{Record: r, DisplayName: m.GetDisplayName(), Inactive: m.GetInactive()}, nil
		},
		InUse: store.PartnerInUse, Users: "teams or agents",
	}
}

// teams are the teams of a server.
func (s *Server) teams() *resource.Resource[*ticketv1.Team, store.Team] {
	return &resource.Resource[*ticketv1.Team, store.Team]{
		DB: s.DB, Validator: s.Validator, Table: store.Teams, Collection: "teams", Field: "team", Owner: "partner",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "partner", Kind: filter.Name, Collection: "partners"},
			{Name: "head", Kind: filter.Name, Collection: "agents"},
			{Name: "inactive", Kind: filter.Bool},
		},
		Orders: byDisplayName,
		Message: func(t store.Team) *ticketv1.Team {
			return &ticketv1.Team{
				Name: ref(t.Brand, "teams", t.ID), DisplayName: t.DisplayName, Partner: ref(t.Brand, "partners", t.Partner),
				Head: ref(t.Brand, "agents", t.Head), Inactive: t.Inactive,
				CreateTime: timestamppb.New(t.CreateTime), UpdateTime: timestamppb.New(t.UpdateTime), Etag: resource.Etag(t.Version),
			}
		},
		Row: func(m *ticketv1.Team, r table.Record) (store.Team, error) {
			return store.Team{
				Record: r, DisplayName: m.GetDisplayName(), Partner: name.ID(m.GetPartner()), Head: name.ID(m.GetHead()), Inactive: m.GetInactive(),
			}, nil
		},
		Check: checkTeam,
		InUse: store.TeamInUse, Users: "agents",
	}
}

// agents are the agents of a server.
func (s *Server) agents() *resource.Resource[*ticketv1.Agent, store.Agent] {
	return &resource.Resource[*ticketv1.Agent, store.Agent]{
		DB: s.DB, Validator: s.Validator, Table: store.Agents, Collection: "agents", Field: "agent", Owner: "partner",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "team", Kind: filter.Name, Collection: "teams"},
			{Name: "partner", Kind: filter.Name, Collection: "partners"},
			{Name: "inactive", Kind: filter.Bool},
		},
		Orders: byDisplayName,
		Message: func(a store.Agent) *ticketv1.Agent {
			return &ticketv1.Agent{
				Name: ref(a.Brand, "agents", a.ID), DisplayName: a.DisplayName, Team: ref(a.Brand, "teams", a.Team),
				Partner: ref(a.Brand, "partners", a.Partner), Inactive: a.Inactive,
				CreateTime: timestamppb.New(a.CreateTime), UpdateTime: timestamppb.New(a.UpdateTime), Etag: resource.Etag(a.Version),
			}
		},
		Row: func(m *ticketv1.Agent, r table.Record) (store.Agent, error) {
			return store.Agent{
				Record: r, DisplayName: m.GetDisplayName(), Team: name.ID(m.GetTeam()), Partner: name.ID(m.GetPartner()), Inactive: m.GetInactive(),
			}, nil
		},
		Check: checkAgent,
	}
}

// checkTeam checks what of a team is new. A team with agents keeps its partner,
// which is theirs as well. Locks are taken in the order agent, team, partner.
func checkTeam(tx *sqldb.Tx, old store.Team, team *store.Team) error {
	if team.Partner != old.Partner {
		if err := mustHave(tx, store.Partners, team.Brand, "partners", team.Partner); err != nil {
			return err
		}
		used, err := store.TeamInUse(tx, team.Brand, team.ID)
		if err != nil {
			return err
		}
		if n := ref(team.Brand, "teams", team.ID); used {
			return fault.Precondition("IN_USE", n, "%s still has agents, who belong to its partner", n)
		}
	}
	if team.Head == old.Head || team.Head == "" {
		return nil
	}
	_, err := store.Agents.Get(tx, team.Brand, team.Head)
	return explain(ref(team.Brand, "agents", team.Head), err)
}

// checkAgent checks the team and the partner of an agent, if one of them is new, and
// fills in the partner.
func checkAgent(tx *sqldb.Tx, old store.Agent, agent *store.Agent) error {
	if agent.Team == old.Team && agent.Partner == old.Partner {
		return nil
	}
	if agent.Team != "" {
		team, err := store.Teams.Lock(tx, agent.Brand, agent.Team)
		if err != nil {
			return explain(ref(agent.Brand, "teams", agent.Team), err)
		}
		agent.Partner = cmp.Or(agent.Partner, team.Partner)
		if agent.Partner != team.Partner {
			return fault.Invalid(fault.Field{
				Path: "agent.team", Reason: "TEAM_OF_ANOTHER_PARTNER", Description: "must be of the agent's partner",
			})
		}
	}
	return mustHave(tx, store.Partners, agent.Brand, "partners", agent.Partner)
}

// mustHave makes sure that a row which another refers to is there, and stays.
func mustHave[T any](tx *sqldb.Tx, in *table.Table[T], brand, collection, id string) error {
	if id == "" {
		return nil
	}
	_, err := in.Lock(tx, brand, id)
	return explain(ref(brand, collection, id), err)
}

// CreatePartner implements DirectoryService.
func (s *Server) CreatePartner(ctx context.Context, req *ticketv1.CreatePartnerRequest) (*ticketv1.Partner, error) {
	return s.partners().Create(ctx, req, req.GetPartner())
}

// GetPartner implements DirectoryService.
func (s *Server) GetPartner(ctx context.Context, req *ticketv1.GetPartnerRequest) (*ticketv1.Partner, error) {
	return s.partners().Get(ctx, req.GetName())
}

// ListPartners implements DirectoryService.
func (s *Server) ListPartners(ctx context.Context, req *ticketv1.ListPartnersRequest) (*ticketv1.ListPartnersResponse, error) {
	page, next, err := s.partners().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListPartnersResponse{Partners: page, NextPageToken: next}, nil
}

// UpdatePartner implements DirectoryService.
func (s *Server) UpdatePartner(ctx context.Context, req *ticketv1.UpdatePartnerRequest) (*ticketv1.Partner, error) {
	return s.partners().Update(ctx, req, req.GetPartner())
}

// DeletePartner implements DirectoryService.
func (s *Server) DeletePartner(ctx context.Context, req *ticketv1.DeletePartnerRequest) (*emptypb.Empty, error) {
	return s.partners().Delete(ctx, req)
}

// CreateTeam implements DirectoryService.
func (s *Server) CreateTeam(ctx context.Context, req *ticketv1.CreateTeamRequest) (*ticketv1.Team, error) {
	return s.teams().Create(ctx, req, req.GetTeam())
}

// GetTeam implements DirectoryService.
func (s *Server) GetTeam(ctx context.Context, req *ticketv1.GetTeamRequest) (*ticketv1.Team, error) {
	return s.teams().Get(ctx, req.GetName())
}

// ListTeams implements DirectoryService.
func (s *Server) ListTeams(ctx context.Context, req *ticketv1.ListTeamsRequest) (*ticketv1.ListTeamsResponse, error) {
	page, next, err := s.teams().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListTeamsResponse{Teams: page, NextPageToken: next}, nil
}

// UpdateTeam implements DirectoryService.
func (s *Server) UpdateTeam(ctx context.Context, req *ticketv1.UpdateTeamRequest) (*ticketv1.Team, error) {
	return s.teams().Update(ctx, req, req.GetTeam())
}

// DeleteTeam implements DirectoryService.
func (s *Server) DeleteTeam(ctx context.Context, req *ticketv1.DeleteTeamRequest) (*emptypb.Empty, error) {
	return s.teams().Delete(ctx, req)
}

// CreateAgent implements DirectoryService.
func (s *Server) CreateAgent(ctx context.Context, req *ticketv1.CreateAgentRequest) (*ticketv1.Agent, error) {
	return s.agents().Create(ctx, req, req.GetAgent())
}

// GetAgent implements DirectoryService.
func (s *Server) GetAgent(ctx context.Context, req *ticketv1.GetAgentRequest) (*ticketv1.Agent, error) {
	return s.agents().Get(ctx, req.GetName())
}

// ListAgents implements DirectoryService.
func (s *Server) ListAgents(ctx context.Context, req *ticketv1.ListAgentsRequest) (*ticketv1.ListAgentsResponse, error) {
	page, next, err := s.agents().List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListAgentsResponse{Agents: page, NextPageToken: next}, nil
}

// UpdateAgent implements DirectoryService.
func (s *Server) UpdateAgent(ctx context.Context, req *ticketv1.UpdateAgentRequest) (*ticketv1.Agent, error) {
	return s.agents().Update(ctx, req, req.GetAgent())
}

// DeleteAgent implements DirectoryService.
func (s *Server) DeleteAgent(ctx context.Context, req *ticketv1.DeleteAgentRequest) (*emptypb.Empty, error) {
	return s.agents().Delete(ctx, req)
}
