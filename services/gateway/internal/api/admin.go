package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Admin implements AdminService. Its fields are set once, before serving.
type Admin struct {
	gatewayv1.UnimplementedAdminServiceServer

	DB    *sqldb.DB
	Store *store.Store
}

// CreateBrand implements AdminService.
func (a *Admin) CreateBrand(ctx context.Context, req *gatewayv1.CreateBrandRequest) (*gatewayv1.Brand, error) {
	b := store.Brand{
		ID:          req.GetBrandId(),
		DisplayName: req.GetBrand().GetDisplayName(),
		CreateTime:  time.Now().UTC().Truncate(time.Microsecond),
	}
	// The ids of requests that make brands belong to the installation.
	return once.Do(ctx, a.DB, "", req, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
		err := a.Store.Create(tx, b)
		if errors.Is(err, store.ErrExists) {
			return nil, fault.Exists(name.Join("brands", b.ID))
		}
		return toProto(b), err
	})
}

// GetBrand implements AdminService.
func (a *Admin) GetBrand(ctx context.Context, req *gatewayv1.GetBrandRequest) (*gatewayv1.Brand, error) {
	b, err := a.Store.Get(ctx, name.ID(req.GetName()))
	if errors.Is(err, store.ErrNotFound) {
		return nil, fault.NotFound(req.GetName())
	}
	if err != nil {
		return nil, err
	}
	return toProto(b), nil
}

// ListBrands implements AdminService.
func (a *Admin) ListBrands(ctx context.Context, req *gatewayv1.ListBrandsRequest) (*gatewayv1.ListBrandsResponse, error) {
	size := page.Size(req)
	caller, _ := rpc.CallerFrom(ctx)
	f := store.Filter{ID: caller.Brand, Limit: size + 1}
	if err := page.Decode(req, &f.After); err != nil {
		return nil, err
	}
	brands, err := a.Store.List(ctx, f)
	if err != nil {
		return nil, err
	}
	res := &gatewayv1.ListBrandsResponse{}
	if len(brands) > size {
		brands = brands[:size]
		if res.NextPageToken, err = page.Encode(req, brands[size-1].ID); err != nil {
			return nil, err
		}
	}
	for _, b := range brands {
		res.Brands = append(res.Brands, toProto(b))
	}
	return res, nil
}

func toProto(b store.Brand) *gatewayv1.Brand {
	return &gatewayv1.Brand{
		Name:        name.Join("brands", b.ID),
		DisplayName: b.DisplayName,
		CreateTime:  timestamppb.New(b.CreateTime),
	}
}
