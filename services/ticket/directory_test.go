package ticket_test

import (
	"context"
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/types/known/fieldmaskpb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/ticket"
)

// A desk is the service with everything that surrounds a ticket, as somebody else
// sees it.
type desk struct {
	ticketv1.TicketServiceClient
	ticketv1.InteractionServiceClient
	ticketv1.DirectoryServiceClient
	ticketv1.CatalogServiceClient
	ticketv1.SelfServiceServiceClient
	db *sqldb.DB
}

// eachDesk runs f on both databases.
func eachDesk(t *testing.T, f func(t *testing.T, d desk)) {
	t.Helper()
	migrated.Each(t, func(t *testing.T, open func(*testing.T) *sqldb.DB) { f(t, newDesk(t, open(t), rpc.Config{})) })
}

func newDesk(t testing.TB, db *sqldb.DB, cfg rpc.Config) desk {
	t.Helper()
	s, err := ticket.New(context.Background(), db, ticket.Config{})
	if err != nil {
		t.Fatal(err)
	}
	srv := rpc.NewServer(cfg)
	s.Register(srv)
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	conn := inProcess(t, srv)
	return desk{
		ticketv1.NewTicketServiceClient(conn), ticketv1.NewInteractionServiceClient(conn), ticketv1.NewDirectoryServiceClient(conn),
		ticketv1.NewCatalogServiceClient(conn), ticketv1.NewSelfServiceServiceClient(conn), db,
	}
}

func fields(paths ...string) *fieldmaskpb.FieldMask { return &fieldmaskpb.FieldMask{Paths: paths} }

// fault checks an error's code and reason.
func fault(t *testing.T, what string, err error, code codes.Code, reason string) {
	t.Helper()
	if info := refused(t, err, code); info.GetReason() != reason {
		t.Errorf("%s is refused with the reason %s, want %s", what, info.GetReason(), reason)
	}
}

// violations returns the fields that an error blames.
func violations(err error) (all []string) {
	for _, d := range status.Convert(err).Details() {
		if bad, ok := d.(*errdetails.BadRequest); ok {
			for _, v := range bad.GetFieldViolations() {
				all = append(all, v.GetField())
			}
		}
	}
	return all
}

func (d desk) partner(t *testing.T, id string) *ticketv1.Partner {
	t.Helper()
	return must(d.CreatePartner)(t, &ticketv1.CreatePartnerRequest{
		Parent: acme, PartnerId: id, Partner: &ticketv1.Partner{DisplayName: "The " + id},
	})
}

func (d desk) team(t *testing.T, id, partner string) *ticketv1.Team {
	t.Helper()
	return must(d.CreateTeam)(t, &ticketv1.CreateTeamRequest{
		Parent: acme, TeamId: id, Team: &ticketv1.Team{DisplayName: "The " + id, Partner: partner},
	})
}

func (d desk) agent(t *testing.T, id string, a *ticketv1.Agent) *ticketv1.Agent {
	t.Helper()
	a.DisplayName = "The " + id
	return must(d.CreateAgent)(t, &ticketv1.CreateAgentRequest{Parent: acme, AgentId: id, Agent: a})
}

// uuid returns a request_id of its own for each n.
func uuid(n int) string { return fmt.Sprintf("11111111-1111-4111-8111-%012d", n) }

func TestAPartnerIsCreatedChangedAndDeleted(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		p := d.partner(t, "mihir")
		if p.GetName() != acme+"/partners/mihir" || p.GetEtag() == "" || p.GetCreateTime() == nil || !proto.Equal(p.GetCreateTime(), p.GetUpdateTime()) {
			t.Errorf("a new partner = %v", p)
		}
		get := &ticketv1.GetPartnerRequest{Name: p.GetName()}
		equal(t, "GetPartner", must(d.GetPartner)(t, get), p)
		_, err := d.CreatePartner(t.Context(), &ticketv1.CreatePartnerRequest{Parent: acme, PartnerId: "mihir", Partner: p})
		fault(t, "a taken id", err, codes.AlreadyExists, "ALREADY_EXISTS")

		left := must(d.UpdatePartner)(t, &ticketv1.UpdatePartnerRequest{
			Partner: &ticketv1.Partner{Name: p.GetName(), Inactive: true, DisplayName: "not named by the mask", Etag: p.GetEtag()}, UpdateMask: fields("inactive"),
		})
		want := proto.CloneOf(p)
		want.Inactive, want.UpdateTime, want.Etag = true, left.GetUpdateTime(), left.GetEtag()
		equal(t, "UpdatePartner", left, want)
		equal(t, "GetPartner", must(d.GetPartner)(t, get), want)
		if left.GetEtag() == p.GetEtag() || left.GetUpdateTime().AsTime().Before(p.GetUpdateTime().AsTime()) {
			t.Errorf("etag %s at %v after %s at %v", left.GetEtag(), left.GetUpdateTime().AsTime(), p.GetEtag(), p.GetUpdateTime().AsTime())
		}
		_, err = d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{Partner: p})
		fault(t, "an old etag", err, codes.Aborted, "STALE")
		_, err = d.DeletePartner(t.Context(), &ticketv1.DeletePartnerRequest{Name: p.GetName(), Etag: p.GetEtag()})
		fault(t, "an old etag", err, codes.Aborted, "STALE")
		must(d.DeletePartner)(t, &ticketv1.DeletePartnerRequest{Name: p.GetName(), Etag: left.GetEtag()})
		_, err = d.GetPartner(t.Context(), get)
		fault(t, "a deleted partner", err, codes.NotFound, "NOT_FOUND")
		_, err = d.DeletePartner(t.Context(), &ticketv1.DeletePartnerRequest{Name: p.GetName()})
		fault(t, "a deleted partner", err, codes.NotFound, "NOT_FOUND")
		_, err = d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{Partner: &ticketv1.Partner{Name: p.GetName(), Inactive: true}})
		fault(t, "a deleted partner", err, codes.NotFound, "NOT_FOUND")
	})
}

func TestAnUpdateMustLeaveAValidResource(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		p := d.partner(t, "mihir")
		for _, tt := range []struct {
			what  string
			patch *ticketv1.Partner
			mask  *fieldmaskpb.FieldMask
			blame string
		}{
			{"no display name", &ticketv1.Partner{}, fields("display_name"), "partner.display_name"},
			{"all but no display name", &ticketv1.Partner{Inactive: true}, fields("*"), "partner.display_name"},
			{"a display name of blanks", &ticketv1.Partner{DisplayName: "  "}, nil, "partner.display_name"},
			{"a display name of two lines", &ticketv1.Partner{DisplayName: "a\nb"}, nil, "partner.display_name"},
			{"a display name that is too long", &ticketv1.Partner{DisplayName: strings.Repeat("ü", 201)}, nil, "partner.display_name"},
			{"an empty mask", &ticketv1.Partner{Inactive: true}, fields(), "update_mask"},
			{"an unknown field", &ticketv1.Partner{Inactive: true}, fields("boss"), "update_mask"},
			{"a field of the server's", &ticketv1.Partner{}, fields("create_time"), "update_mask"},
			{"the name", &ticketv1.Partner{}, fields("name"), "update_mask"},
		} {
			tt.patch.Name = p.GetName()
			_, err := d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{Partner: tt.patch, UpdateMask: tt.mask})
			if got := violations(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, []string{tt.blame}) {
				t.Errorf("%s = %v, which blames %q, want %s", tt.what, err, got, tt.blame)
			}
		}
		for _, n := range []string{"", "mihir", "brands/acme/teams/mihir", "brands/ACME/partners/mihir", "brands/acme/partners/*"} {
			_, err := d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{Partner: &ticketv1.Partner{Name: n, Inactive: true}})
			refused(t, err, codes.InvalidArgument)
		}
		_, err := d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{})
		refused(t, err, codes.InvalidArgument)
		equal(t, "the partner", must(d.GetPartner)(t, &ticketv1.GetPartnerRequest{Name: p.GetName()}), p)
	})
}

func TestARepeatedChangeHappensOnce(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		create := &ticketv1.CreatePartnerRequest{Parent: acme, RequestId: uuid(1), Partner: &ticketv1.Partner{DisplayName: "x"}}
		p := must(d.CreatePartner)(t, create)
		equal(t, "a repeated create", must(d.CreatePartner)(t, create), p)
		update := &ticketv1.UpdatePartnerRequest{RequestId: uuid(2), Partner: &ticketv1.Partner{Name: p.GetName(), Inactive: true}}
		changed := must(d.UpdatePartner)(t, update)
		equal(t, "a repeated update", must(d.UpdatePartner)(t, update), changed)
		equal(t, "the partner", must(d.GetPartner)(t, &ticketv1.GetPartnerRequest{Name: p.GetName()}), changed)
		update.Partner.Inactive, update.UpdateMask = false, fields("inactive")
		_, err := d.UpdatePartner(t.Context(), update)
		fault(t, "another update of the same id", err, codes.AlreadyExists, "IDEMPOTENCY_MISMATCH")

		for _, err := range []error{
			second(d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{ValidateOnly: true, Partner: &ticketv1.Partner{Name: p.GetName(), DisplayName: "y"}})),
			second(d.DeletePartner(t.Context(), &ticketv1.DeletePartnerRequest{ValidateOnly: true, Name: p.GetName()})),
			second(d.CreatePartner(t.Context(), &ticketv1.CreatePartnerRequest{ValidateOnly: true, Parent: acme, Partner: p})),
		} {
			if err != nil {
				t.Errorf("a trial = %v", err)
			}
		}
		all := must(d.ListPartners)(t, &ticketv1.ListPartnersRequest{Parent: acme})
		equal(t, "the partners", all, &ticketv1.ListPartnersResponse{Partners: []*ticketv1.Partner{changed}})
		remove := &ticketv1.DeletePartnerRequest{RequestId: uuid(3), Name: p.GetName()}
		must(d.DeletePartner)(t, remove)
		must(d.DeletePartner)(t, remove)
	})
}

func second[T any](_ T, err error) error { return err }

func TestOfManyUpdatesOfAnEtagOneWins(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		p := d.partner(t, "mihir")
		var won atomic.Int32
		var wg sync.WaitGroup
		for i := range 8 {
			wg.Go(func() {
				_, err := d.UpdatePartner(t.Context(), &ticketv1.UpdatePartnerRequest{
					Partner: &ticketv1.Partner{Name: p.GetName(), DisplayName: fmt.Sprint(i), Etag: p.GetEtag()},
				})
				switch status.Code(err) {
				case codes.OK:
					won.Add(1)
				case codes.Aborted:
				default:
					t.Error(err)
				}
			})
		}
		wg.Wait()
		if won.Load() != 1 {
			t.Errorf("%d updates won, want 1", won.Load())
		}
	})
}

func TestTeamsAndAgentsAgreeOnThePartner(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		mihir, other := d.partner(t, "mihir").GetName(), d.partner(t, "other").GetName()
		night, day, own := d.team(t, "night", mihir).GetName(), d.team(t, "day", other).GetName(), d.team(t, "own", "").GetName()
		bo := d.agent(t, "bo", &ticketv1.Agent{Team: night})
		if bo.GetPartner() != mihir {
			t.Errorf("the partner of bo = %q, want that of the team", bo.GetPartner())
		}
		if got := d.agent(t, "cy", &ticketv1.Agent{Partner: mihir, Team: night}); got.GetPartner() != mihir || got.GetTeam() != night {
			t.Errorf("cy = %v", got)
		}
		if got := d.agent(t, "di", &ticketv1.Agent{Team: own}); got.GetPartner() != "" {
			t.Errorf("the partner of di = %q, want none", got.GetPartner())
		}
		for _, a := range []*ticketv1.Agent{{Team: day, Partner: mihir}, {Team: own, Partner: mihir}} {
			a.DisplayName = "x"
			_, err := d.CreateAgent(t.Context(), &ticketv1.CreateAgentRequest{Parent: acme, Agent: a})
			if got := violations(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, []string{"agent.team"}) {
				t.Errorf("%v = %v, which blames %q", a, err, got)
			}
		}
		change := func(a *ticketv1.Agent, paths ...string) (*ticketv1.Agent, error) {
			a.Name = bo.GetName()
			return d.UpdateAgent(t.Context(), &ticketv1.UpdateAgentRequest{Agent: a, UpdateMask: fields(paths...)})
		}
		_, err := change(&ticketv1.Agent{Team: day}, "team")
		refused(t, err, codes.InvalidArgument)
		_, err = change(&ticketv1.Agent{Partner: other}, "partner")
		refused(t, err, codes.InvalidArgument)
		moved, err := change(&ticketv1.Agent{Team: day}, "team", "partner")
		if err != nil || moved.GetTeam() != day || moved.GetPartner() != other {
			t.Errorf("bo after the move = %v, %v", moved, err)
		}
		_, err = d.UpdateTeam(t.Context(), &ticketv1.UpdateTeamRequest{Team: &ticketv1.Team{Name: day, Partner: mihir}})
		fault(t, "another partner of a team with agents", err, codes.FailedPrecondition, "IN_USE")
		must(d.UpdateTeam)(t, &ticketv1.UpdateTeamRequest{Team: &ticketv1.Team{Name: day, Partner: other, DisplayName: "Day", Head: bo.GetName()}})
	})
}

func TestWhatTheDirectoryRefersToMustExist(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		team, agent := d.team(t, "own", ""), d.agent(t, "bo", &ticketv1.Agent{})
		const foreign = "brands/other/partners/none"
		for want, err := range map[string]error{
			acme + "/partners/none": second(d.CreateTeam(t.Context(), &ticketv1.CreateTeamRequest{Parent: acme, Team: &ticketv1.Team{DisplayName: "x", Partner: acme + "/partners/none"}})),
			acme + "/agents/none":   second(d.CreateTeam(t.Context(), &ticketv1.CreateTeamRequest{Parent: acme, Team: &ticketv1.Team{DisplayName: "x", Head: acme + "/agents/none"}})),
			acme + "/teams/none":    second(d.CreateAgent(t.Context(), &ticketv1.CreateAgentRequest{Parent: acme, Agent: &ticketv1.Agent{DisplayName: "x", Team: acme + "/teams/none"}})),
			acme + "/partners/nine": second(d.CreateAgent(t.Context(), &ticketv1.CreateAgentRequest{Parent: acme, Agent: &ticketv1.Agent{DisplayName: "x", Partner: acme + "/partners/nine"}})),
			acme + "/agents/ten":    second(d.UpdateTeam(t.Context(), &ticketv1.UpdateTeamRequest{Team: &ticketv1.Team{Name: team.GetName(), Head: acme + "/agents/ten"}})),
			acme + "/teams/ten":     second(d.UpdateAgent(t.Context(), &ticketv1.UpdateAgentRequest{Agent: &ticketv1.Agent{Name: agent.GetName(), Team: acme + "/teams/ten"}})),
			foreign:                 second(d.UpdateAgent(t.Context(), &ticketv1.UpdateAgentRequest{Agent: &ticketv1.Agent{Name: agent.GetName(), Partner: foreign}})),
		} {
			if got := refused(t, err, codes.NotFound).GetMetadata()["name"]; got != want {
				t.Errorf("%q is missing, want %q", got, want)
			}
		}
		for _, brand := range []string{"brands/other", "brands/acme2"} {
			_, err := d.GetAgent(t.Context(), &ticketv1.GetAgentRequest{Name: brand + "/agents/bo"})
			fault(t, "an agent of another brand", err, codes.NotFound, "NOT_FOUND")
		}
	})
}

func TestWhatIsInUseStays(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		mihir := d.partner(t, "mihir").GetName()
		removePartner := func() error {
			return second(d.DeletePartner(t.Context(), &ticketv1.DeletePartnerRequest{Name: mihir}))
		}
		team := d.team(t, "night", mihir).GetName()
		fault(t, "a partner with a team", removePartner(), codes.FailedPrecondition, "IN_USE")
		bo := d.agent(t, "bo", &ticketv1.Agent{Team: team}).GetName()
		_, err := d.DeleteTeam(t.Context(), &ticketv1.DeleteTeamRequest{Name: team})
		fault(t, "a team with an agent", err, codes.FailedPrecondition, "IN_USE")
		must(d.UpdateAgent)(t, &ticketv1.UpdateAgentRequest{Agent: &ticketv1.Agent{Name: bo}, UpdateMask: fields("team")})
		must(d.DeleteTeam)(t, &ticketv1.DeleteTeamRequest{Name: team})
		fault(t, "a partner with an agent", removePartner(), codes.FailedPrecondition, "IN_USE")
		must(d.DeleteAgent)(t, &ticketv1.DeleteAgentRequest{Name: bo})
		if err := removePartner(); err != nil {
			t.Errorf("a partner without anybody = %v", err)
		}
	})
}

// TestNobodyJoinsADeletedTeam lets deletions race with agents who join.
func TestNobodyJoinsADeletedTeam(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		for i := range 20 {
			team := d.team(t, fmt.Sprint("t", i), "").GetName()
			var joined, deleted error
			var wg sync.WaitGroup
			wg.Go(func() {
				_, joined = d.CreateAgent(t.Context(), &ticketv1.CreateAgentRequest{Parent: acme, Agent: &ticketv1.Agent{DisplayName: "x", Team: team}})
			})
			wg.Go(func() { _, deleted = d.DeleteTeam(t.Context(), &ticketv1.DeleteTeamRequest{Name: team}) })
			wg.Wait()
			if (joined == nil) == (deleted == nil) {
				t.Fatalf("joined = %v, deleted = %v, want one of the two", joined, deleted)
			}
		}
	})
}

func TestADirectoryIsListedByOrderAndFilter(t *testing.T) {
	eachDesk(t, func(t *testing.T, d desk) {
		mihir := d.partner(t, "mihir").GetName()
		for i, display := range []string{"c", "B", "a", "ä", "a"} {
			a := &ticketv1.Agent{DisplayName: display, Inactive: i%2 == 1}
			if i > 2 {
				a.Partner = mihir
			}
			must(d.CreateAgent)(t, &ticketv1.CreateAgentRequest{Parent: acme, AgentId: fmt.Sprint("a", i), Agent: a})
		}
		must(d.CreateAgent)(t, &ticketv1.CreateAgentRequest{Parent: "brands/other", Agent: &ticketv1.Agent{DisplayName: "x"}})
		for _, tt := range []struct{ filter, order, want string }{
			{"", "", "a0 a1 a2 a3 a4"},
			{"", "name desc", "a4 a3 a2 a1 a0"},
			{"", "display_name", "a1 a2 a4 a0 a3"},
			{"", "display_name desc, name", "a3 a0 a2 a4 a1"},
			{"inactive = true", "", "a1 a3"},
			{`partner = "` + mihir + `" AND NOT inactive = true`, "", "a4"},
			{`display_name = "a"`, "", "a2 a4"},
			{`partner = "brands/other/partners/mihir"`, "", ""},
			{`display_name = "a'); DROP TABLE agent; --"`, "", ""},
		} {
			for _, size := range []int32{1, 2, 50} {
				req := &ticketv1.ListAgentsRequest{Parent: acme, Filter: tt.filter, OrderBy: tt.order, PageSize: size}
				var ids []string
				for range 9 {
					resp := must(d.ListAgents)(t, req)
					for _, a := range resp.GetAgents() {
						ids = append(ids, name.ID(a.GetName()))
					}
					if req.PageToken = resp.GetNextPageToken(); req.PageToken == "" {
						break
					}
				}
				if got := strings.Join(ids, " "); got != tt.want || req.GetPageToken() != "" {
					t.Errorf("%q by %q in pages of %d = %q, want %q", tt.filter, tt.order, size, got, tt.want)
				}
			}
		}
		token := must(d.ListAgents)(t, &ticketv1.ListAgentsRequest{Parent: acme, PageSize: 1}).GetNextPageToken()
		for blame, req := range map[string]*ticketv1.ListAgentsRequest{
			"filter":     {Filter: "etag = 1"},
			"order_by":   {OrderBy: "id; DROP TABLE agent"},
			"page_token": {OrderBy: "display_name", PageToken: token},
			"page_size":  {PageSize: -1},
		} {
			req.Parent = acme
			_, err := d.ListAgents(t.Context(), req)
			if got := violations(err); status.Code(err) != codes.InvalidArgument || !slices.Equal(got, []string{blame}) {
				t.Errorf("%v = %v, which blames %q, want %s", req, err, got, blame)
			}
		}
	})
}

// TestAPartnerSeesOnlyItsOwn asks with the credential of an outsourcing partner.
func TestAPartnerSeesOnlyItsOwn(t *testing.T) {
	migrated.Each(t, func(t *testing.T, openDB func(*testing.T) *sqldb.DB) {
		hash := func(key string) string { return fmt.Sprintf("%x", sha256.Sum256([]byte(key))) }
		auth, err := rpc.Keys(strings.NewReader(hash("boss") + " brands/acme *\n" + hash("mihir") + " brands/acme/partners/mihir *\n"))
		if err != nil {
			t.Fatal(err)
		}
		d := newDesk(t, openDB(t), rpc.Config{Auth: auth})
		as := func(key string) context.Context {
			return metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer "+key)
		}
		for _, id := range []string{"mihir", "other", ""} {
			p, suffix := "", "own"
			if id != "" {
				p, suffix = acme+"/partners/"+id, id
				_, err := d.CreatePartner(as("boss"), &ticketv1.CreatePartnerRequest{Parent: acme, PartnerId: id, Partner: &ticketv1.Partner{DisplayName: id}})
				granted(t, err)
			}
			_, err := d.CreateTeam(as("boss"), &ticketv1.CreateTeamRequest{Parent: acme, TeamId: "t-" + suffix, Team: &ticketv1.Team{DisplayName: "x", Partner: p}})
			granted(t, err)
			_, err = d.CreateAgent(as("boss"), &ticketv1.CreateAgentRequest{Parent: acme, AgentId: "a-" + suffix, Agent: &ticketv1.Agent{DisplayName: "x", Team: acme + "/teams/t-" + suffix}})
			granted(t, err)
		}
		ctx := as("mihir")
		partners, err := d.ListPartners(ctx, &ticketv1.ListPartnersRequest{Parent: acme, Filter: "inactive = false OR inactive = true"})
		if granted(t, err); len(partners.GetPartners()) != 1 || partners.GetPartners()[0].GetName() != acme+"/partners/mihir" {
			t.Errorf("partners = %v, want mihir", partners)
		}
		teams, err := d.ListTeams(ctx, &ticketv1.ListTeamsRequest{Parent: acme})
		if granted(t, err); len(teams.GetTeams()) != 1 || teams.GetTeams()[0].GetName() != acme+"/teams/t-mihir" {
			t.Errorf("teams = %v, want that of mihir", teams)
		}
		agents, err := d.ListAgents(ctx, &ticketv1.ListAgentsRequest{Parent: acme})
		if granted(t, err); len(agents.GetAgents()) != 1 || agents.GetAgents()[0].GetName() != acme+"/agents/a-mihir" {
			t.Errorf("agents = %v, want that of mihir", agents)
		}
		for n, call := range map[string]func(context.Context, string) error{
			"/partners/": func(ctx context.Context, n string) error {
				return second(d.GetPartner(ctx, &ticketv1.GetPartnerRequest{Name: n}))
			},
			"/teams/t-": func(ctx context.Context, n string) error {
				return second(d.GetTeam(ctx, &ticketv1.GetTeamRequest{Name: n}))
			},
			"/agents/a-": func(ctx context.Context, n string) error {
				return second(d.GetAgent(ctx, &ticketv1.GetAgentRequest{Name: n}))
			},
		} {
			granted(t, call(ctx, acme+n+"mihir"))
			granted(t, call(as("boss"), acme+n+"other"))
			refused(t, call(ctx, acme+n+"other"), codes.NotFound)
			refused(t, call(ctx, acme+n+"own"), codes.NotFound)
		}
		_, err = d.DeleteAgent(ctx, &ticketv1.DeleteAgentRequest{Name: acme + "/agents/a-mihir"})
		fault(t, "a change by a partner", err, codes.PermissionDenied, "PARTNER_BOUND")
		_, err = d.ListIssueTypes(ctx, &ticketv1.ListIssueTypesRequest{Parent: acme})
		granted(t, err)
	})
}

func granted(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
