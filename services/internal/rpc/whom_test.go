package rpc

import (
	"context"
	"testing"

	"google.golang.org/grpc"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	ticketv1 "github.com/concentric-cx/concentric/gen/go/concentric/ticket/v1"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// whoseBrands is an AdminService that notes for whom its calls read and write.
type whoseBrands struct {
	gatewayv1.UnimplementedAdminServiceServer
	note func(context.Context)
}

func (s whoseBrands) ListBrands(ctx context.Context, _ *gatewayv1.ListBrandsRequest) (*gatewayv1.ListBrandsResponse, error) {
	s.note(ctx)
	return &gatewayv1.ListBrandsResponse{}, nil
}

func TestACallWorksForTheBrandItIsAbout(t *testing.T) {
	var got string
	note := func(ctx context.Context) { got = sqldb.Whom(ctx) }
	srv := newTickets(Config{Auth: keys(t)}, tickets{
		get: func(ctx context.Context, _ *ticketv1.GetTicketRequest) (*ticketv1.Ticket, error) {
			note(ctx)
			return &ticketv1.Ticket{}, nil
		},
		watch: func(_ *ticketv1.WatchTicketsRequest, ss watcher) error { note(ss.Context()); return nil },
		take: func(ss importer) error {
			note(ss.Context())
			return ss.SendAndClose(&ticketv1.ImportTicketsResponse{})
		},
	})
	gatewayv1.RegisterAdminServiceServer(srv, whoseBrands{note: note})
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c, admin := ticketv1.NewTicketServiceClient(conn), gatewayv1.NewAdminServiceClient(conn)
		for name, tt := range map[string]struct {
			call       func(context.Context) error
			root, acme string
		}{
			"a call": {func(ctx context.Context) error { _, err := c.GetTicket(ctx, get()); return err }, "acme", "acme"},
			"a watch": {func(ctx context.Context) error {
				stream, err := c.WatchTickets(ctx, &ticketv1.WatchTicketsRequest{Parent: "brands/acme"})
				if err == nil {
					_, _ = stream.Recv() // it ends
				}
				return err
			}, "acme", "acme"},
			"a stream": {func(ctx context.Context) error { _, err := send(ctx, conn); return err }, "*", "acme"},
			"a call about no brand": {func(ctx context.Context) error {
				_, err := admin.ListBrands(ctx, &gatewayv1.ListBrandsRequest{})
				return err
			}, "*", "acme"},
		} {
			for key, want := range map[string]string{rootKey: tt.root, acmeKey: tt.acme} {
				got = ""
				if err := tt.call(as(t.Context(), key)); err != nil || got != want {
					t.Errorf("%s by %s works for %q, %v; want %q", name, key, got, err, want)
				}
			}
		}
	})
}
