package api

import (
	"cmp"
	"context"
	"strconv"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket/internal/store"
)

// byDisplayName are the fields that a list of what people call by a name can be
// ordered by.
var byDisplayName = filter.Fields{
	{Name: "name", Kind: filter.Name, Order: "id"},
	{Name: "display_name", Order: "display_name"},
}

var partners = &resource[*ticketv1.Partner, store.Partner]{
	table: store.Partners, collection: "partners", field: "partner", owner: "id",
	filters: filter.Fields{{Name: "display_name"}, {Name: "inactive", Kind: filter.Bool}},
	orders:  byDisplayName,
	message: func(p store.Partner) *ticketv1.Partner {
		return &ticketv1.Partner{
			Name: ref(p.Brand, "partners", p.ID), DisplayName: p.DisplayName, Inactive: p.Inactive,
			CreateTime: timestamppb.New(p.CreateTime), UpdateTime: timestamppb.New(p.UpdateTime), Etag: etag(p.Record),
		}
	},
	row: func(m *ticketv1.Partner, r store.Record) (store.Partner, error) {
		return store.Partner{Record: r, DisplayName: m.GetDisplayName(), Inactive: m.GetInactive()}, nil
	},
	inUse: store.PartnerInUse, users: "teams or agents",
}

var teams = &resource[*ticketv1.Team, store.Team]{
	table: store.Teams, collection: "teams", field: "team", owner: "partner",
	filters: filter.Fields{
		{Name: "display_name"},
		{Name: "partner", Kind: filter.Name, Collection: "partners"},
		{Name: "head", Kind: filter.Name, Collection: "agents"},
		{Name: "inactive", Kind: filter.Bool},
	},
	orders: byDisplayName,
	message: func(t store.Team) *ticketv1.Team {
		return &ticketv1.Team{
			Name: ref(t.Brand, "teams", t.ID), DisplayName: t.DisplayName, Partner: ref(t.Brand, "partners", t.Partner),
			Head: ref(t.Brand, "agents", t.Head), Inactive: t.Inactive,
			CreateTime: timestamppb.New(t.CreateTime), UpdateTime: timestamppb.New(t.UpdateTime), Etag: etag(t.Record),
		}
	},
	row: func(m *ticketv1.Team, r store.Record) (store.Team, error) {
		return store.Team{
			Record: r, DisplayName: m.GetDisplayName(), Partner: name.ID(m.GetPartner()), Head: name.ID(m.GetHead()), Inactive: m.GetInactive(),
		}, nil
	},
	check: checkTeam,
	inUse: store.TeamInUse, users: "agents",
}

var agents = &resource[*ticketv1.Agent, store.Agent]{
	table: store.Agents, collection: "agents", field: "agent", owner: "partner",
	filters: filter.Fields{
		{Name: "display_name"},
		{Name: "team", Kind: filter.Name, Collection: "teams"},
		{Name: "partner", Kind: filter.Name, Collection: "partners"},
		{Name: "inactive", Kind: filter.Bool},
	},
	orders: byDisplayName,
	message: func(a store.Agent) *ticketv1.Agent {
		return &ticketv1.Agent{
			Name: ref(a.Brand, "agents", a.ID), DisplayName: a.DisplayName, Team: ref(a.Brand, "teams", a.Team),
			Partner: ref(a.Brand, "partners", a.Partner), Inactive: a.Inactive,
			CreateTime: timestamppb.New(a.CreateTime), UpdateTime: timestamppb.New(a.UpdateTime), Etag: etag(a.Record),
		}
	},
	row: func(m *ticketv1.Agent, r store.Record) (store.Agent, error) {
		return store.Agent{
			Record: r, DisplayName: m.GetDisplayName(), Team: name.ID(m.GetTeam()), Partner: name.ID(m.GetPartner()), Inactive: m.GetInactive(),
		}, nil
	},
	check: checkAgent,
}

// etag names the version of a row.
func etag(r store.Record) string { return strconv.FormatInt(r.Version, 10) }

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
	_, err := store.Agents.Read(tx, team.Brand, team.Head)
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
func mustHave[T any](tx *sqldb.Tx, table *store.Table[T], brand, collection, id string) error {
	if id == "" {
		return nil
	}
	_, err := table.Lock(tx, brand, id)
	return explain(ref(brand, collection, id), err)
}

// CreatePartner implements DirectoryService.
func (s *Server) CreatePartner(ctx context.Context, req *ticketv1.CreatePartnerRequest) (*ticketv1.Partner, error) {
	return create(ctx, s, partners, req, req.GetPartner())
}

// GetPartner implements DirectoryService.
func (s *Server) GetPartner(ctx context.Context, req *ticketv1.GetPartnerRequest) (*ticketv1.Partner, error) {
	return get(ctx, s, partners, req.GetName())
}

// ListPartners implements DirectoryService.
func (s *Server) ListPartners(ctx context.Context, req *ticketv1.ListPartnersRequest) (*ticketv1.ListPartnersResponse, error) {
	page, next, err := list(ctx, s, partners, req, byName(req.GetOrderBy()))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListPartnersResponse{Partners: page, NextPageToken: next}, nil
}

// UpdatePartner implements DirectoryService.
func (s *Server) UpdatePartner(ctx context.Context, req *ticketv1.UpdatePartnerRequest) (*ticketv1.Partner, error) {
	return update(ctx, s, partners, req, req.GetPartner())
}

// DeletePartner implements DirectoryService.
func (s *Server) DeletePartner(ctx context.Context, req *ticketv1.DeletePartnerRequest) (*emptypb.Empty, error) {
	return remove(ctx, s, partners, req)
}

// CreateTeam implements DirectoryService.
func (s *Server) CreateTeam(ctx context.Context, req *ticketv1.CreateTeamRequest) (*ticketv1.Team, error) {
	return create(ctx, s, teams, req, req.GetTeam())
}

// GetTeam implements DirectoryService.
func (s *Server) GetTeam(ctx context.Context, req *ticketv1.GetTeamRequest) (*ticketv1.Team, error) {
	return get(ctx, s, teams, req.GetName())
}

// ListTeams implements DirectoryService.
func (s *Server) ListTeams(ctx context.Context, req *ticketv1.ListTeamsRequest) (*ticketv1.ListTeamsResponse, error) {
	page, next, err := list(ctx, s, teams, req, byName(req.GetOrderBy()))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListTeamsResponse{Teams: page, NextPageToken: next}, nil
}

// UpdateTeam implements DirectoryService.
func (s *Server) UpdateTeam(ctx context.Context, req *ticketv1.UpdateTeamRequest) (*ticketv1.Team, error) {
	return update(ctx, s, teams, req, req.GetTeam())
}

// DeleteTeam implements DirectoryService.
func (s *Server) DeleteTeam(ctx context.Context, req *ticketv1.DeleteTeamRequest) (*emptypb.Empty, error) {
	return remove(ctx, s, teams, req)
}

// CreateAgent implements DirectoryService.
func (s *Server) CreateAgent(ctx context.Context, req *ticketv1.CreateAgentRequest) (*ticketv1.Agent, error) {
	return create(ctx, s, agents, req, req.GetAgent())
}

// GetAgent implements DirectoryService.
func (s *Server) GetAgent(ctx context.Context, req *ticketv1.GetAgentRequest) (*ticketv1.Agent, error) {
	return get(ctx, s, agents, req.GetName())
}

// ListAgents implements DirectoryService.
func (s *Server) ListAgents(ctx context.Context, req *ticketv1.ListAgentsRequest) (*ticketv1.ListAgentsResponse, error) {
	page, next, err := list(ctx, s, agents, req, byName(req.GetOrderBy()))
	if err != nil {
		return nil, err
	}
	return &ticketv1.ListAgentsResponse{Agents: page, NextPageToken: next}, nil
}

// UpdateAgent implements DirectoryService.
func (s *Server) UpdateAgent(ctx context.Context, req *ticketv1.UpdateAgentRequest) (*ticketv1.Agent, error) {
	return update(ctx, s, agents, req, req.GetAgent())
}

// DeleteAgent implements DirectoryService.
func (s *Server) DeleteAgent(ctx context.Context, req *ticketv1.DeleteAgentRequest) (*emptypb.Empty, error) {
	return remove(ctx, s, agents, req)
}
