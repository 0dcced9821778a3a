package api

import (
	"context"
	"errors"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/mask"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/page"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
)

// Admin implements AdminService. Its fields are set once, before serving.
type Admin struct {
	gatewayv1.UnimplementedAdminServiceServer

	DB        *sqldb.DB
	Store     *store.Store
	Validator *rpc.Validator
	Keys      *APIKeys // which must know when a brand is deleted
}

// CreateBrand implements AdminService.
func (a *Admin) CreateBrand(ctx context.Context, req *gatewayv1.CreateBrandRequest) (*gatewayv1.Brand, error) {
	now := resource.Now()
	b := store.Brand{ID: req.GetBrandId(), DisplayName: req.GetBrand().GetDisplayName(), CreateTime: now, UpdateTime: now, Version: 1}
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
	return answerBrand(req.GetName(), b, err)
}

// ListBrands implements AdminService.
func (a *Admin) ListBrands(ctx context.Context, req *gatewayv1.ListBrandsRequest) (*gatewayv1.ListBrandsResponse, error) {
	size := page.Size(req)
	caller, _ := rpc.CallerFrom(ctx)
	f := store.Filter{ID: caller.Brand, Deleted: req.GetShowDeleted(), Limit: size + 1}
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

// UpdateBrand implements AdminService.
func (a *Admin) UpdateBrand(ctx context.Context, req *gatewayv1.UpdateBrandRequest) (*gatewayv1.Brand, error) {
	return a.change(ctx, req, req.GetBrand(), func(b *store.Brand) error {
		p := toProto(*b)
		if err := mask.Apply(p, req.GetBrand(), req.GetUpdateMask()); err != nil {
			return err
		}
		if err := a.Validator.Message(p); err != nil {
			return resource.Within("brand", err)
		}
		b.DisplayName = p.GetDisplayName()
		return nil
	})
}

// DeleteBrand implements AdminService.
func (a *Admin) DeleteBrand(ctx context.Context, req *gatewayv1.DeleteBrandRequest) (*gatewayv1.Brand, error) {
	if err := ofAll(ctx); err != nil {
		return nil, err
	}
	return a.change(ctx, req, req, func(b *store.Brand) error {
		if !b.DeleteTime.IsZero() {
			return fault.Precondition("DELETED", req.GetName(), "%s is deleted already", req.GetName())
		}
		b.DeleteTime = resource.Now()
		return nil
	})
}

// UndeleteBrand implements AdminService.
func (a *Admin) UndeleteBrand(ctx context.Context, req *gatewayv1.UndeleteBrandRequest) (*gatewayv1.Brand, error) {
	if err := ofAll(ctx); err != nil {
		return nil, err
	}
	return a.change(ctx, req, req, func(b *store.Brand) error {
		if b.DeleteTime.IsZero() {
			return fault.Precondition("NOT_DELETED", req.GetName(), "%s is not deleted", req.GetName())
		}
		b.DeleteTime = time.Time{}
		return nil
	})
}

// ofAll requires a caller for any brand: nobody saws off the branch they sit on.
func ofAll(ctx context.Context) error {
	if caller, _ := rpc.CallerFrom(ctx); caller.Brand != "" {
		return &fault.Error{
			Code: codes.PermissionDenied, Reason: "BRAND_BOUND",
			Message: "the credential is for one brand only, and brands are deleted and undeleted by those for all",
		}
	}
	return nil
}

// A version names a brand and the version of it that was read.
type version interface {
	GetName() string
	GetEtag() string
}

// change does what edit says to the brand that of names.
func (a *Admin) change(ctx context.Context, req once.Request, of version, edit func(*store.Brand) error) (*gatewayv1.Brand, error) {
	n := of.GetName()
	return once.Do(ctx, a.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.Brand, error) {
		b, err := a.Store.Lock(tx, name.ID(n))
		if err != nil {
			return answerBrand(n, b, err)
		}
		if want := resource.Version(of.GetEtag()); want != 0 && want != b.Version {
			return nil, fault.Stale(n)
		}
		if err := edit(&b); err != nil {
			return nil, err
		}
		b.UpdateTime = resource.Now()
		b, err = a.Store.Update(tx, b)
		tx.AfterCommit(func() { a.Keys.brands.forget(b.ID) })
		return answerBrand(n, b, err)
	})
}

// answerBrand returns the message of the brand called n, or what the caller can use of
// err.
func answerBrand(n string, b store.Brand, err error) (*gatewayv1.Brand, error) {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return nil, fault.NotFound(n)
	case err != nil:
		return nil, err
	}
	return toProto(b), nil
}

func toProto(b store.Brand) *gatewayv1.Brand {
	return &gatewayv1.Brand{
		Name: name.Join("brands", b.ID), DisplayName: b.DisplayName,
		CreateTime: timestamppb.New(b.CreateTime), UpdateTime: timestamppb.New(b.UpdateTime), DeleteTime: moment(b.DeleteTime),
		Etag: resource.Etag(b.Version),
	}
}
