package resource

import (
	"cmp"
	"context"
	"strings"
	"testing"

	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/fieldmaskpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/sqldb/sqldbtest"
	"github.com/concentric-cx/concentric/services/internal/table"
)

const acme = "brands/acme"

// The display names that are refused, and the id of one that is in use.
const (
	refusedByRow   = "row"
	refusedByCheck = "check"
	inUse          = "used"
)

// A partner is the row of a [ticketv1.Partner].
type partner struct {
	table.Record
	DisplayName string
	Inactive    bool
}

// made has the tables of partners and of answers.
var made = sqldbtest.NewTemplate(func(ctx context.Context, db *sqldb.DB) error {
	if err := once.Migrate(ctx, db); err != nil {
		return err
	}
	return db.Write(ctx, func(tx *sqldb.Tx) error {
		_, err := tx.Exec(`CREATE TABLE IF NOT EXISTS partner (
			brand TEXT NOT NULL, id TEXT NOT NULL, create_time BIGINT NOT NULL, update_time BIGINT NOT NULL, version BIGINT NOT NULL,
			display_name TEXT NOT NULL, inactive INTEGER NOT NULL, PRIMARY KEY (brand, id))`)
		return err
	})
})

// A world is a service of partners as its callers see it.
type world struct {
	ticketv1.DirectoryServiceClient
	partners *Resource[*ticketv1.Partner, partner]
}

func newWorld(t *testing.T, db *sqldb.DB) world {
	t.Helper()
	w := world{partners: &Resource[*ticketv1.Partner, partner]{
		DB: db, Validator: rpc.NewValidator(), Collection: "partners", Field: "partner", Owner: "id",
		Table: &table.Table[partner]{
			Name: "partner", Columns: []string{"display_name", "inactive"},
			Fields: func(p *partner) []any { return []any{&p.DisplayName, table.Flag{Of: &p.Inactive}} },
			Head:   func(p *partner) *table.Record { return &p.Record },
		},
		Filters: filter.Fields{{Name: "display_name"}},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
		},
		Message: message, Row: row, Check: check,
		InUse: func(_ *sqldb.Tx, _, id string) (bool, error) { return id == inUse, nil }, Users: "teams",
	}}
	return w.as(rpc.Caller{Scopes: []string{"*"}})
}

func message(p partner) *ticketv1.Partner {
	return &ticketv1.Partner{
		Name: name.Join("brands", p.Brand, "partners", p.ID), DisplayName: p.DisplayName, Inactive: p.Inactive,
		CreateTime: timestamppb.New(p.CreateTime), UpdateTime: timestamppb.New(p.UpdateTime), Etag: Etag(p.Version),
	}
}

func row(m *ticketv1.Partner, r table.Record) (partner, error) {
	if m.GetDisplayName() == refusedByRow {
		return partner{}, fault.Invalid(fault.Field{Path: "partner.display_name", Reason: "ROW"})
	}
	return partner{r, m.GetDisplayName(), m.GetInactive()}, nil
}

// check refuses a name, and completes what is new with capitals.
func check(_ *sqldb.Tx, old partner, p *partner) error {
	if p.DisplayName == refusedByCheck {
		return fault.Precondition("CHECK", p.ID, "refused")
	}
	if old.ID == "" {
		p.DisplayName = strings.ToUpper(p.DisplayName)
	}
	return nil
}

// as returns the service as a caller sees it.
func (w world) as(caller rpc.Caller) world {
	srv := rpc.NewServer(rpc.Config{Auth: func(context.Context, string) (rpc.Caller, error) { return caller, nil }})
	ticketv1.RegisterDirectoryServiceServer(srv, directory{partners: w.partners})
	w.DirectoryServiceClient = ticketv1.NewDirectoryServiceClient(srv.Local())
	return w
}

func (w world) created(t *testing.T, id, display string) *ticketv1.Partner {
	t.Helper()
	p, err := w.CreatePartner(t.Context(), creation(id, display))
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func (w world) got(t *testing.T, n string) *ticketv1.Partner {
	t.Helper()
	p, err := w.GetPartner(t.Context(), &ticketv1.GetPartnerRequest{Name: n})
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func creation(id, display string) *ticketv1.CreatePartnerRequest {
	return &ticketv1.CreatePartnerRequest{Parent: acme, PartnerId: id, Partner: &ticketv1.Partner{DisplayName: display}}
}

func patch(p *ticketv1.Partner, paths ...string) *ticketv1.UpdatePartnerRequest {
	req := &ticketv1.UpdatePartnerRequest{Partner: p}
	if len(paths) > 0 {
		req.UpdateMask = &fieldmaskpb.FieldMask{Paths: paths}
	}
	return req
}

// A directory answers as the services do.
type directory struct {
	ticketv1.UnimplementedDirectoryServiceServer
	partners *Resource[*ticketv1.Partner, partner]
}

func (d directory) CreatePartner(ctx context.Context, req *ticketv1.CreatePartnerRequest) (*ticketv1.Partner, error) {
	return d.partners.Create(ctx, req, req.GetPartner())
}

func (d directory) GetPartner(ctx context.Context, req *ticketv1.GetPartnerRequest) (*ticketv1.Partner, error) {
	return d.partners.Get(ctx, req.GetName())
}

func (d directory) ListPartners(ctx context.Context, req *ticketv1.ListPartnersRequest) (*ticketv1.ListPartnersResponse, error) {
	page, next, err := d.partners.List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	return &ticketv1.ListPartnersResponse{Partners: page, NextPageToken: next}, err
}

func (d directory) UpdatePartner(ctx context.Context, req *ticketv1.UpdatePartnerRequest) (*ticketv1.Partner, error) {
	return d.partners.Update(ctx, req, req.GetPartner())
}

func (d directory) DeletePartner(ctx context.Context, req *ticketv1.DeletePartnerRequest) (*emptypb.Empty, error) {
	return d.partners.Delete(ctx, req)
}
