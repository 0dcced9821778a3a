package api

import (
	"cmp"
	"context"
	"slices"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/types/known/emptypb"
	"google.golang.org/protobuf/types/known/timestamppb"

	gatewayv1 "github.com/concentric-cx/concentric/gen/go/concentric/gateway/v1"
	"github.com/concentric-cx/concentric/services/gateway/internal/credential"
	"github.com/concentric-cx/concentric/services/gateway/internal/store"
	"github.com/concentric-cx/concentric/services/internal/fault"
	"github.com/concentric-cx/concentric/services/internal/filter"
	"github.com/concentric-cx/concentric/services/internal/name"
	"github.com/concentric-cx/concentric/services/internal/once"
	"github.com/concentric-cx/concentric/services/internal/privacy"
	"github.com/concentric-cx/concentric/services/internal/resource"
	"github.com/concentric-cx/concentric/services/internal/rpc"
	"github.com/concentric-cx/concentric/services/internal/seal"
	"github.com/concentric-cx/concentric/services/internal/sqldb"
	"github.com/concentric-cx/concentric/services/internal/table"
)

// APIKeys implements ApiKeyService and finds out who holds a key. Its exported fields are
// set once, before serving.
type APIKeys struct {
	gatewayv1.UnimplementedApiKeyServiceServer

	DB        *sqldb.DB
	Store     *store.Store
	Validator *rpc.Validator
	Box       *seal.Box // of the secrets in answers that are kept for repeats

	Tombstones *privacy.Tombstones // of DB

	keys   recent[store.ApiKey]
	brands recent[bool] // whether a brand is deleted
	uses   uses
}

// resource returns what there is to keys for the caller of ctx.
func (k *APIKeys) resource(ctx context.Context) *resource.Resource[*gatewayv1.ApiKey, store.ApiKey] {
	return &resource.Resource[*gatewayv1.ApiKey, store.ApiKey]{
		DB: k.DB, Validator: k.Validator, Table: store.ApiKeys, Collection: "apiKeys", Field: "api_key",
		Filters: filter.Fields{
			{Name: "display_name"},
			{Name: "partner", Kind: filter.Name, Collection: "partners"},
			{Name: "customer", Kind: filter.Name, Collection: "customers"},
			{Name: "disabled", Kind: filter.Bool},
			{Name: "expire_time", Kind: filter.Time},
			{Name: "create_time", Kind: filter.Time},
		},
		Orders: filter.Fields{
			{Name: "name", Kind: filter.Name, Order: "id"},
			{Name: "display_name", Order: "display_name"},
			{Name: "create_time", Kind: filter.Time, Order: "create_time"},
		},
		Message: toAPIKey,
		Row:     newAPIKey,
		Check:   func(tx *sqldb.Tx, old store.ApiKey, row *store.ApiKey) error { return k.check(ctx, tx, old, row) },
	}
}

// check completes a row, which may say no more than the caller may do.
func (k *APIKeys) check(ctx context.Context, tx *sqldb.Tx, old store.ApiKey, row *store.ApiKey) error {
	row.Hash, row.PreviousHash, row.PreviousExpire, row.Creator = old.Hash, old.PreviousHash, old.PreviousExpire, old.Creator
	if !row.ExpireTime.Equal(old.ExpireTime) && !row.ExpireTime.IsZero() && !row.ExpireTime.After(row.UpdateTime) {
		return fault.Invalid(fault.Field{Path: "api_key.expire_time", Reason: "PAST", Description: "must be in the future"})
	}
	if row.Customer != old.Customer {
		if err := k.Tombstones.Refuse(row.Brand, row.Customer); err != nil {
			return err
		}
	}
	tx.AfterCommit(func() { k.keys.forget(keyName(row.Brand, row.ID)) })
	if row.Disabled && slices.Equal(row.Scopes, old.Scopes) { // anybody may take a key out of use
		return nil
	}
	return mayGive(ctx, row.Scopes)
}

// mayGive requires that the caller holds all scopes.
func mayGive(ctx context.Context, scopes []string) error {
	caller, _ := rpc.CallerFrom(ctx)
	for _, scope := range scopes {
		if !caller.May(scope) {
			return &fault.Error{
				Code: codes.PermissionDenied, Reason: "SCOPE_MISSING",
				Message:  "nobody gives a key more than they may do: the credential lacks the scope " + scope,
				Metadata: map[string]string{"scope": scope},
			}
		}
	}
	return nil
}

// CreateApiKey implements ApiKeyService.
func (k *APIKeys) CreateApiKey(ctx context.Context, req *gatewayv1.CreateApiKeyRequest) (*gatewayv1.ApiKey, error) {
	now, brand, id := resource.Now(), name.Brand(req.GetParent()), cmp.Or(req.GetApiKeyId(), name.NewID())
	row, err := newAPIKey(req.GetApiKey(), table.Record{Brand: brand, ID: id, CreateTime: now, UpdateTime: now, Version: 1})
	if err != nil {
		return nil, err
	}
	caller, _ := rpc.CallerFrom(ctx)
	secret := credential.New(brand, id, row.Customer != "")
	p, err := once.Do(ctx, k.DB, brand, req, func(tx *sqldb.Tx) (*gatewayv1.ApiKey, error) {
		row := row
		if err := k.check(ctx, tx, store.ApiKey{Hash: credential.Hash(secret), Creator: caller.Subject}, &row); err != nil {
			return nil, err
		}
		added, err := store.ApiKeys.Add(tx, row)
		if err != nil {
			return nil, resource.Explain(keyName(brand, id), err)
		}
		return k.sealed(added, secret), nil
	})
	return k.reveal(req, p, err)
}

// sealed returns the message of a key with its secret, for nobody to read.
func (k *APIKeys) sealed(row store.ApiKey, secret string) *gatewayv1.ApiKey {
	p := toAPIKey(row)
	p.Secret = k.Box.Seal(p.GetName(), []byte(secret))
	return p
}

// reveal opens the secret in an answer: what is kept for repeats has it sealed, and is empty
// once the customer of the key was erased.
func (k *APIKeys) reveal(req once.Request, p *gatewayv1.ApiKey, err error) (*gatewayv1.ApiKey, error) {
	if err != nil {
		return nil, err
	}
	if req.GetValidateOnly() {
		p.Secret = ""
		return p, nil
	}
	if p.GetSecret() == "" {
		return nil, fault.Precondition(privacy.ErasedReason, req.GetRequestId(),
			"the answer to this request was erased with the customer it was about; ask for a key anew")
	}
	secret, err := k.Box.Open(p.GetName(), p.GetSecret())
	if err != nil {
		return nil, err
	}
	p.Secret = string(secret)
	return p, nil
}

// GetApiKey implements ApiKeyService.
func (k *APIKeys) GetApiKey(ctx context.Context, req *gatewayv1.GetApiKeyRequest) (*gatewayv1.ApiKey, error) {
	return k.resource(ctx).Get(ctx, req.GetName())
}

// ListApiKeys implements ApiKeyService.
func (k *APIKeys) ListApiKeys(ctx context.Context, req *gatewayv1.ListApiKeysRequest) (*gatewayv1.ListApiKeysResponse, error) {
	all, next, err := k.resource(ctx).List(ctx, req, cmp.Or(req.GetOrderBy(), "name"))
	if err != nil {
		return nil, err
	}
	return &gatewayv1.ListApiKeysResponse{ApiKeys: all, NextPageToken: next}, nil
}

// UpdateApiKey implements ApiKeyService.
func (k *APIKeys) UpdateApiKey(ctx context.Context, req *gatewayv1.UpdateApiKeyRequest) (*gatewayv1.ApiKey, error) {
	return k.resource(ctx).Update(ctx, req, req.GetApiKey())
}

// DeleteApiKey implements ApiKeyService.
func (k *APIKeys) DeleteApiKey(ctx context.Context, req *gatewayv1.DeleteApiKeyRequest) (*emptypb.Empty, error) {
	n := req.GetName()
	return once.Do(ctx, k.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*emptypb.Empty, error) {
		row, err := k.resource(ctx).Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		store.ApiKeys.Delete(tx, row.Brand, row.ID)
		tx.AfterCommit(func() { k.keys.forget(n) })
		return &emptypb.Empty{}, nil
	})
}

// RotateApiKey implements ApiKeyService.
func (k *APIKeys) RotateApiKey(ctx context.Context, req *gatewayv1.RotateApiKeyRequest) (*gatewayv1.ApiKey, error) {
	n, grace := req.GetName(), req.GetGracePeriod().AsDuration()
	p, err := once.Do(ctx, k.DB, name.Brand(n), req, func(tx *sqldb.Tx) (*gatewayv1.ApiKey, error) {
		row, err := k.resource(ctx).Lock(tx, n, req.GetEtag())
		if err != nil {
			return nil, err
		}
		if err := mayGive(ctx, row.Scopes); err != nil {
			return nil, err
		}
		secret := credential.New(row.Brand, row.ID, row.Customer != "")
		row.UpdateTime = resource.Now()
		row.PreviousHash, row.PreviousExpire = "", time.Time{}
		if grace > 0 {
			row.PreviousHash, row.PreviousExpire = row.Hash, row.UpdateTime.Add(grace)
		}
		row.Hash = credential.Hash(secret)
		if row, err = store.ApiKeys.Update(tx, row); err != nil {
			return nil, resource.Explain(n, err)
		}
		tx.AfterCommit(func() { k.keys.forget(n) })
		return k.sealed(row, secret), nil
	})
	return k.reveal(req, p, err)
}

func newAPIKey(p *gatewayv1.ApiKey, r table.Record) (store.ApiKey, error) {
	row := store.ApiKey{
		Record: r, DisplayName: p.GetDisplayName(), Scopes: p.GetScopes(), Partner: name.ID(p.GetPartner()), Customer: name.ID(p.GetCustomer()),
		Disabled: p.GetDisabled(),
	}
	if p.GetExpireTime() != nil {
		row.ExpireTime = p.GetExpireTime().AsTime().Truncate(time.Microsecond)
	}
	return row, nil
}

// toAPIKey returns the message of a key, without the key itself.
func toAPIKey(row store.ApiKey) *gatewayv1.ApiKey {
	p := &gatewayv1.ApiKey{
		Name: keyName(row.Brand, row.ID), DisplayName: row.DisplayName, Scopes: row.Scopes, Disabled: row.Disabled,
		ExpireTime: moment(row.ExpireTime), LastUseTime: moment(row.LastUse), PreviousExpireTime: moment(row.PreviousExpire), Creator: row.Creator,
		CreateTime: timestamppb.New(row.CreateTime), UpdateTime: timestamppb.New(row.UpdateTime), Etag: resource.Etag(row.Version),
	}
	if row.Partner != "" {
		p.Partner = name.Join("brands", row.Brand, "partners", row.Partner)
	}
	if row.Customer != "" {
		p.Customer = name.Join("brands", row.Brand, "customers", row.Customer)
	}
	return p
}

func keyName(brand, id string) string { return name.Join("brands", brand, "apiKeys", id) }
