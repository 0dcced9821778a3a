package rpc

import (
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
)

func TestForwardedCallsPassAllChecksTwice(t *testing.T) {
	behind := NewServer(Config{Auth: keys(t)})
	gatewayv1.RegisterAdminServiceServer(behind, brands{})
	srv := NewServer(Config{})
	srv.Forward(&gatewayv1.AdminService_ServiceDesc, behind.Local())
	if err := srv.Check(); err != nil {
		t.Fatal(err)
	}
	both(t, srv, func(t *testing.T, conn grpc.ClientConnInterface) {
		c := gatewayv1.NewAdminServiceClient(conn)
		req := &gatewayv1.CreateBrandRequest{BrandId: "acme", Brand: &gatewayv1.Brand{DisplayName: "Acme"}}
		if _, err := c.CreateBrand(as(t.Context(), rootKey), req); err != nil {
			t.Errorf("with a credential: %v", err)
		}
		_, err := c.CreateBrand(t.Context(), req) // fine for the front, not for what is behind it
		refused(t, err, codes.Unauthenticated, "UNAUTHENTICATED")
		_, err = c.CreateBrand(as(t.Context(), rootKey), &gatewayv1.CreateBrandRequest{})
		refused(t, err, codes.InvalidArgument, "INVALID_ARGUMENT")
	})
}
